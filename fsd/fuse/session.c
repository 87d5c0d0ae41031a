/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "fuse/requests.h"
#include "fuse/session.h"
#include "util/clock.h"
#include "util/log.h"

#define REQUESTS_AT_ONCE 64	/* before other sources of the loop have their turn */

#define LINGER		50000	/* nanoseconds */
#define PATIENCE_MAX	16
#define LINGER_AGAIN	16	/* without patience: one time of so many */

struct session {
	struct source source;		/* /dev/fuse */
	struct registry *registry;	/* borrowed */
	struct fuse_session *fuse;	/* owned */
	struct fuse_buf buffer;		/* libfuse allocates, we free */
	unsigned patience;		/* how well lingering paid */
	unsigned n_asleep;		/* times that we did not linger */
	bool mounted;
};

/* Return: what fuse_session_receive_buf() does: bytes, 0 at the end, or an errno. */
static int process_one(struct session *session)
{
	int n = fuse_session_receive_buf(session->fuse, &session->buffer);

	if (n > 0)
		fuse_session_process_buf(session->fuse, &session->buffer);
	return n;
}

/* Let others run, and look again and again. Return: as process_one(). */
static int linger(struct session *session)
{
	uint64_t end = clock_ns() + LINGER;
	int n;

	do {
		sched_yield();
		n = process_one(session);
	} while (n == -EAGAIN && clock_ns() < end);
	return n;
}

/*
 * Who was answered just now often has the next request ready sooner than we would be
 * asleep, and to be woken takes longer than all else that a method call takes. So we
 * linger, as long as that pays often enough, and try now and then whether it does.
 */
static int process_one_soon(struct session *session)
{
	int n = process_one(session);

	if (n != -EAGAIN || (session->patience == 0 && ++session->n_asleep % LINGER_AGAIN != 0))
		return n;
	n = linger(session);
	if (n == -EAGAIN && session->patience > 0)
		session->patience--;
	else if (n != -EAGAIN && session->patience < PATIENCE_MAX)
		session->patience++;
	return n;
}

static void on_request(struct source *source, uint32_t events)
{
	struct session *session = container_of(source, struct session, source);

	(void)events;
	for (int i = 0; i < REQUESTS_AT_ONCE; i++) {
		int n = i == 0 ? process_one(session) : process_one_soon(session);

		/* The kernel ends the connection, in the one way or the other. */
		if (n == 0 || n == -ECONNABORTED || fuse_session_exited(session->fuse)) {
			loop_stop(session->registry->loop);
			return;
		}
		if (n == -EAGAIN)
			return;
		if (n < 0 && n != -EINTR && n != -ENOENT) {
			log_errno(n, "cannot read requests");
			loop_stop(session->registry->loop);
			return;
		}
	}
}

/* A file of the store's to try with; it goes at once. */
static int try_passthrough(struct session *session)
{
	_cleanup_(closep) int fd = open(store_path(session->registry->store),
					O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int32_t id = fd < 0 ? -errno : passthrough_open(session->fuse, fd);

	if (id < 0)
		return id;
	passthrough_close(session->fuse, id);
	return 0;
}

static int choose_memory(struct session *session, enum memory_mode mode)
{
	int r = mode == MEMORY_LINK ? -EOPNOTSUPP : try_passthrough(session);

	if (r < 0 && mode == MEMORY_PASSTHROUGH)
		return log_errno(r, "memory=passthrough is not to be had (it takes root and Linux 6.9)");
	tree_memory_is_linked = r < 0;
	return store_let_others_in(session->registry->store, tree_memory_is_linked);
}

static int mount_it(struct session *session, const char *mountpoint, const char *options,
		    enum memory_mode mode)
{
	static const char *const own_options = "fsname=fsd,subtype=fsd,default_permissions";
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char text[1024];

	snprintf(text, sizeof(text), "-o%s%s%s%s", own_options,
		 geteuid() == 0 ? ",allow_other" : "", options ? "," : "", options ? options : "");
	if (fuse_opt_add_arg(&args, "fsd") < 0 || fuse_opt_add_arg(&args, text) < 0)
		return -ENOMEM;
	session->fuse = fuse_session_new(&args, &requests, sizeof(requests), NULL);
	fuse_opt_free_args(&args);
	if (!session->fuse) {
		log_error("cannot use the mount options '%s'", text + 2);
		return -EINVAL;
	}
	if (fuse_session_mount(session->fuse, mountpoint) < 0) {
		if (access("/dev/fuse", R_OK | W_OK) < 0)
			return log_errno(-errno, "cannot open /dev/fuse to mount on '%s'", mountpoint);
		log_error("cannot mount on '%s': the line above says why", mountpoint);
		return -EIO;
	}
	session->mounted = true;
	return mode == MEMORY_LINK ? 0 : passthrough_request(session->fuse);
}

static void session_freep(struct session **session)
{
	*session = session_free(*session);
}

int session_new(struct registry *registry, const char *mountpoint, const char *options,
		enum memory_mode mode, struct session **ret)
{
	_cleanup_(session_freep) struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->registry = registry;
	session->source = SOURCE_INIT(on_request);
	r = mount_it(session, mountpoint, options, mode);
	if (r < 0)
		return r;
	requests_init(session->fuse, registry->store);
	/* The kernel's first request is INIT: afterwards we know what it can do. */
	r = process_one(session);
	if (r <= 0)
		return log_errno(r < 0 ? r : -ENOTCONN, "the kernel does not speak to us");
	r = choose_memory(session, mode);
	if (r < 0)
		return r;
	*ret = steal(session);
	return 0;
}

int session_start(struct session *session)
{
	int fd = fuse_session_fd(session->fuse);

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	session->source.fd = fd;
	return loop_watch(session->registry->loop, &session->source, EPOLLIN);
}

struct session *session_free(struct session *session)
{
	if (!session)
		return NULL;
	loop_unwatch(session->registry->loop, &session->source);
	if (session->fuse)
		open_files_close();
	if (session->mounted)
		fuse_session_unmount(session->fuse);
	if (session->fuse)
		fuse_session_destroy(session->fuse);
	free(session->buffer.mem);
	free(session);
	return NULL;
}
