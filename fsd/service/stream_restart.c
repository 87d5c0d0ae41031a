/* SPDX-License-Identifier: MIT */
/*
 * After a restart of fsd the processes are there still that had a stream open, or drove it: it is
 * theirs until they come back to it, or end.
 */
#include "service/stream.h"
#include "util/process.h"

/* Return: whether it lives, and its end will be told. */
static bool watch(struct stream *stream, struct source *ended, const struct holder *holder,
		  void (*on_end)(struct source *source, uint32_t events))
{
	int r;

	if (holder->pid == 0)
		return false;
	*ended = SOURCE_INIT(on_end);
	r = process_watch(stream->registry->loop, ended, holder->pid, holder->start_time);
	registry_lacks(stream->registry, r);
	return r == 0;
}

static void on_client_ended(struct source *source, uint32_t events)
{
	(void)events;
	stream_finish_close(container_of(source, struct stream, client_ended));
}

/* Until it opens it again, it is stopped. */
void stream_adopt_client(struct stream *stream, const struct holder *holder)
{
	IOReturn code = kIOReturnNotFound;

	if (watch(stream, &stream->client_ended, holder, on_client_ended)) {
		code = stream_begin_session(stream);
		registry_lacks(stream->registry, -IOReturnToErrno(code));
	}
	if (code != kIOReturnSuccess) {
		process_unwatch(stream->registry->loop, &stream->client_ended);
		stream_drop_rings(stream);
		stream_set_state(stream, STREAM_CLOSED);
		return;
	}
	stream->client = CLIENT_ADOPTED;
	stream->holder = *holder;
}

bool stream_is_adopted_by(const struct stream *stream, const struct holder *holder)
{
	return stream->client == CLIENT_ADOPTED && holder->pid != 0 &&
	       stream->holder.pid == holder->pid && stream->holder.start_time == holder->start_time;
}

void stream_await_no_driver(struct stream *stream)
{
	stream->awaits_driver = false;
	process_unwatch(stream->registry->loop, &stream->driver_ended);
}

static void on_driver_ended(struct source *source, uint32_t events)
{
	struct stream *stream = container_of(source, struct stream, driver_ended);

	(void)events;
	stream_await_no_driver(stream);
	stream->driver = (struct holder){ 0 };
	stream_changed(stream);
}

void stream_await_driver(struct stream *stream, const struct holder *holder)
{
	stream->awaits_driver = watch(stream, &stream->driver_ended, holder, on_driver_ended);
	if (stream->awaits_driver)
		stream->driver = *holder;
	else
		process_unwatch(stream->registry->loop, &stream->driver_ended);
}
