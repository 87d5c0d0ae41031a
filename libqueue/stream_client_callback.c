/* SPDX-License-Identifier: MIT */
/*
 * stream_client_callback - who is told that entries came
 *
 * The source is an epoll instance, which is there as long as the object, and has the descriptor
 * of output/notify while a session is open. That is readable while notifications are
 * pending, for fsd looks at the tally each time that it is asked. So:
 *
 *	1  collect: exchange what is pending with 0
 *	2  call, once, without a lock
 *	3  look again: the source is readable if more came since 1
 *
 * A hung-up descriptor stays readable for good: it is told once, and taken out.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "atomic.h"
#include "cleanup.h"
#include "lock.h"
#include "stream_client.h"

/* --- with the lock */

static int add_notify(int source, int notify)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = notify };

	return epoll_ctl(source, EPOLL_CTL_ADD, notify, &event) < 0 ? -errno : 0;
}

/*
 * In a fork's child the instance is its parent's, too, who takes the descriptor out when he closes:
 * it gets one of its own in the place of that. Where this cannot be, it shares.
 */
static void own_source(struct stream_client *client)
{
	_cleanup_(closep) int source = -1;
	pid_t pid = getpid();

	if (client->source_pid == pid)
		return;
	source = epoll_create1(EPOLL_CLOEXEC);
	if (source < 0 || (client->is_open && add_notify(source, client->session.notify) < 0) ||
	    dup3(source, client->source, O_CLOEXEC) < 0)
		return;
	client->source_pid = pid;
}

int stream_client_listen(struct stream_client *client, int notify)
{
	own_source(client);
	return add_notify(client->source, notify);
}

/* A fork's child may have it open still, so that closing it would not do. */
void stream_client_unlisten(struct stream_client *client, int notify)
{
	own_source(client);
	epoll_ctl(client->source, EPOLL_CTL_DEL, notify, NULL);
}

static bool is_our_call(const struct stream_client *client)
{
	return client->is_calling && pthread_equal(client->caller, pthread_self());
}

static bool is_pending(const struct stream_client *client)
{
	const struct stream_tally *tally = client->session.tally.address;

	return client->is_open && load_relaxed(&tally->pending) > 0;
}

/* Did notifications come? They are collected. */
static bool collect(struct stream_client *client)
{
	struct stream_tally *tally = client->session.tally.address;

	return is_pending(client) && __atomic_exchange_n(&tally->pending, 0, __ATOMIC_ACQ_REL) > 0;
}

/* Will none come any more? That is told once. */
static bool has_ended(struct stream_client *client)
{
	struct epoll_event event;

	if (epoll_wait(client->source, &event, 1, 0) != 1 ||
	    !(event.events & (EPOLLHUP | EPOLLERR)))
		return false;
	stream_client_unlisten(client, event.data.fd);
	return true;
}

/* The queue looks again. Without a callback it has nothing to look for. */
static void settle(struct stream_client *client)
{
	if (!client->queue || !client->callback || client->is_calling)
		return;
	if (is_pending(client))
		dispatch_watch_kick(client->queue, &client->watch);
	else
		dispatch_watch_enable(client->queue, &client->watch);
}

/* --- calling */

static bool begin_call(struct stream_client *client, IOStreamOutputCallback *callback,
		       void **context)
{
	with_lock(&client->lock);

	own_source(client);
	if (!client->callback || client->is_calling || (!collect(client) && !has_ended(client))) {
		settle(client);
		return false;
	}
	*callback = client->callback;
	*context = client->context;
	client->is_calling = true;
	client->caller = pthread_self();
	return true;
}

static void end_call(struct stream_client *client)
{
	with_lock(&client->lock);

	client->is_calling = false;
	pthread_cond_broadcast(&client->called);
	settle(client);
}

/* The caller has a reference, which the callback does not give back. */
static UInt32 dispatch(struct stream_client *client)
{
	IOStreamOutputCallback callback;
	void *context;

	if (!begin_call(client, &callback, &context))
		return 0;
	callback(stream_client_ref(client), context);
	end_call(client);
	return 1;
}

/* On the dispatch queue. */
static void source_ready(void *object)
{
	dispatch(object);
}

UInt32 IOStreamDispatch(IOStreamRef stream)
{
	struct stream_client *client;
	UInt32 n;

	if (!stream)
		return 0;
	client = stream_client_of(stream);
	OSObject_retain(client);
	n = dispatch(client);
	OSObject_release(client);
	return n;
}

/* --- who is called, and by whom */

IOReturn stream_client_set_callback(IOStreamRef stream, IOStreamOutputCallback callback,
				    void *context)
{
	struct stream_client *client = stream_client_of(stream);
	with_lock(&client->lock);

	client->callback = callback;
	client->context = context;
	settle(client);
	while (client->is_calling && !is_our_call(client))
		pthread_cond_wait(&client->called, &client->lock);
	return kIOReturnSuccess;
}

/* With the lock. Return: the queue that it was with, for a release without it, or NULL. */
static IODispatchQueue *take_queue(struct stream_client *client)
{
	IODispatchQueue *queue = client->queue;

	if (queue)
		dispatch_watch_end(queue, &client->watch);
	client->queue = NULL;
	return queue;
}

/* In the place of the one of before, which is the caller's in *@old. */
static IOReturn change_queue(struct stream_client *client, IODispatchQueue *queue,
			     IODispatchQueue **old)
{
	with_lock(&client->lock);

	*old = take_queue(client);
	own_source(client);
	if (dispatch_watch_begin(queue, &client->watch, client->source, client, source_ready) < 0)
		return kIOReturnError;
	OSObject_retain(queue);
	client->queue = queue;
	settle(client);
	return kIOReturnSuccess;
}

IOReturn stream_client_add(IOStreamRef stream, IODispatchQueue *queue)
{
	struct stream_client *client = stream_client_of(stream);
	IODispatchQueue *old = NULL;
	IOReturn result;

	if (!queue)
		return kIOReturnBadArgument;
	result = change_queue(client, queue, &old);
	/* The last reference waits for the queue's thread, which may want the lock. */
	OSObject_release(old);
	return result;
}

static IODispatchQueue *remove_queue(struct stream_client *client, const IODispatchQueue *queue)
{
	with_lock(&client->lock);

	return client->queue == queue ? take_queue(client) : NULL;
}

IOReturn stream_client_remove(IOStreamRef stream, IODispatchQueue *queue)
{
	if (!queue)
		return kIOReturnBadArgument;
	OSObject_release(remove_queue(stream_client_of(stream), queue));
	return kIOReturnSuccess;
}

/* Nobody else has a reference, so nobody holds the lock. */
void stream_client_leave(struct stream_client *client)
{
	OSObject_release(take_queue(client));
}

mach_port_t stream_client_get_source(IOStreamRef stream)
{
	return stream_client_of(stream)->source;
}

mach_port_t stream_client_get_input_port(IOStreamRef stream)
{
	struct stream_client *client = stream_client_of(stream);
	with_lock(&client->lock);

	return client->is_open ? client->session.input_port : MACH_PORT_NULL;
}
