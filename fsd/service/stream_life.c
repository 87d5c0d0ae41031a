/* SPDX-License-Identifier: MIT */
/*
 * The life of a stream: what is wanted is checked by the table (stream_rules.h), the driver is
 * asked if there is one to ask, and with its consent it becomes so.
 */
#include <errno.h>

#include "libqueue/atomic.h"
#include "service/stream.h"
#include "util/log.h"
#include "util/process.h"

/* Asking */

static const char *const questions[] = {
	[WISH_START] = "start", [WISH_RESUME] = "resume", [WISH_SUSPEND] = "suspend",
	[WISH_STOP] = "stop", [WISH_DRAIN] = "resume",
};

void stream_wish_init(struct stream_wish *wish, enum stream_wish_kind kind)
{
	*wish = (struct stream_wish){ .kind = kind };
	list_init(&wish->link);
}

static int ask_provider(struct stream_provider *provider, struct stream_wish *wish)
{
	char line[64];
	int r;

	if (wish->kind == WISH_OPEN)
		snprintf(line, sizeof(line), "open %d %u", wish->holder.pid, wish->uid);
	else if (wish->kind == WISH_MODE)
		snprintf(line, sizeof(line), "mode %s", stream_mode_name(wish->mode));
	else
		snprintf(line, sizeof(line), "%s", questions[wish->kind]);
	r = provider->tell(provider, line);
	if (r == 0)
		list_append(&provider->asked, &wish->link);
	provider->has_client |= r == 0 && wish->kind == WISH_OPEN;
	return r;
}

/* What changes nothing for the driver is not asked. */
static bool concerns_driver(const struct stream *stream, const struct stream_wish *wish)
{
	switch (wish->kind) {
	case WISH_STOP:
		return stream->state != STREAM_STOPPED;
	case WISH_DRAIN:
		return stream->state == STREAM_SUSPENDED;
	default:
		return true;
	}
}

static void done(struct stream *stream, struct stream_wish *wish, IOReturn code)
{
	wish->code = code;
	wish->stream = NULL;
	list_remove(&wish->link);
	if (stream->wish == wish)
		stream->wish = NULL;
	if (wish->is_ours)
		free(wish);
}

/* Becoming so */

static void set_running(struct stream *stream, bool from_stopped)
{
	bool is_kept = stream_is_kept(stream, STREAM_DRIVER);

	stream_set_state(stream, STREAM_RUNNING);
	stream->was_started = true;
	if (!from_stopped) {
		stream->ends[STREAM_DRIVER].gap = true;
	} else if (stream->mode == kIOStreamModeInput) {
		if (!is_kept)
			stream_post_buffers(stream);
		stream_follow(stream);
		if (stream_ring_entries(stream, STREAM_DRIVER) > 0)
			__atomic_fetch_add(&stream_tally(stream)->pending, 1, __ATOMIC_RELAXED);
	}
	if (stream->builtin)
		stream->builtin->started(stream);
}

static void set_stopped(struct stream *stream)
{
	if (stream->builtin)
		stream->builtin->halt(stream);
	stream_follow(stream);
	stream_empty_rings(stream, STREAM_STOPPED);
	if (stream->client == CLIENT_LINGERING) {
		stream->wish = NULL;	/* this stop: it is not what the close has to end */
		stream_finish_close(stream);
	}
}

static IOReturn set_mode(struct stream *stream, IOStreamMode mode)
{
	IOStreamMode before = stream->mode;

	stream->mode = mode;
	if (stream_save(stream) < 0) {
		stream->mode = before;
		return kIOReturnNoMemory;
	}
	stream_tell_board(stream);
	return kIOReturnSuccess;
}

IOReturn stream_switch_mode(struct stream *stream, IOStreamMode mode)
{
	IOReturn code = mode == stream->mode ? kIOReturnSuccess :
			stream_allows(STREAM_SET_MODE, stream->state, stream->mode);

	/* What is being started is started in the mode that it was in. */
	if (code == kIOReturnSuccess && stream->wish && stream->wish->kind != WISH_OPEN)
		code = kIOReturnBusy;
	if (code != kIOReturnSuccess || mode == stream->mode)
		return code;
	stream->modes |= 1u << mode;
	code = set_mode(stream, mode);
	stream_changed(stream);
	return code;
}

/* Memory that another user had is his no more. */
static void clear_buffers(struct stream *stream, uid_t uid)
{
	for (uint32_t i = 0; stream->had_client && stream->uid != uid && i < stream->n_buffers; i++) {
		if (stream->buffers[i]->data)
			stream_memory_clear(stream->buffers[i]->data);
		if (stream->buffers[i]->control)
			stream_memory_clear(stream->buffers[i]->control);
	}
	stream->uid = uid;
	stream->had_client = true;
}

/* It was refused, or nobody is left to have it open. */
static void forget_opening(struct stream *stream)
{
	stream->client = CLIENT_NONE;
	if (stream->provider)
		stream->provider->has_client = false;
}

static IOReturn set_open(struct stream *stream, const struct stream_wish *wish)
{
	IOReturn code;

	clear_buffers(stream, wish->uid);
	stream_lend(stream, wish->uid, wish->maps);
	code = stream_begin_session(stream);
	if (code != kIOReturnSuccess) {
		stream_lend_no_more(stream);
		forget_opening(stream);
		if (stream->provider)	/* it has said yes */
			stream->provider->tell(stream->provider, "close");
		return code;
	}
	stream->client = CLIENT_OPEN;
	stream->holder = wish->holder;
	stream->was_started = stream->wrote_bytes = false;
	if (stream_save(stream) < 0)	/* at a restart nobody is found to have it */
		log_limited("cannot record who has stream '%s', ignoring", stream->node->name);
	return kIOReturnSuccess;
}

static IOReturn become(struct stream *stream, const struct stream_wish *wish)
{
	switch (wish->kind) {
	case WISH_OPEN:
		return set_open(stream, wish);
	case WISH_START:
		set_running(stream, true);
		break;
	case WISH_RESUME:
		set_running(stream, false);
		break;
	case WISH_SUSPEND:
		if (stream->builtin)
			stream->builtin->halt(stream);
		stream_set_state(stream, STREAM_SUSPENDED);
		break;
	case WISH_STOP:
		set_stopped(stream);
		break;
	case WISH_MODE:
		return set_mode(stream, wish->mode);
	case WISH_DRAIN:
		if (stream->state == STREAM_SUSPENDED && stream->builtin)
			stream->builtin->started(stream);
		stream_set_state(stream, STREAM_DRAINING);
		break;
	}
	return kIOReturnSuccess;
}

/* The driver has said @code to it. */
static void conclude(struct stream *stream, struct stream_wish *wish, IOReturn code)
{
	bool is_stop = wish->kind == WISH_STOP;

	if (code == kIOReturnSuccess)
		code = become(stream, wish);
	else if (wish->kind == WISH_OPEN)
		forget_opening(stream);
	done(stream, wish, code);
	/* Who could not be asked to stop, or will not, is not asked again at once. */
	if (!is_stop)
		stream_look_for_end(stream);
	stream_changed(stream);
}

/* Wanting */

/* Return: whether there is nothing to be done, or nothing to be had; then *@code says which. */
static bool is_settled(struct stream *stream, const struct stream_wish *wish, IOReturn *code)
{
	static const enum stream_operation operations[] = {
		[WISH_OPEN] = STREAM_OPEN, [WISH_START] = STREAM_START, [WISH_RESUME] = STREAM_START,
		[WISH_SUSPEND] = STREAM_SUSPEND, [WISH_STOP] = STREAM_STOP, [WISH_MODE] = STREAM_SET_MODE,
		[WISH_DRAIN] = STREAM_DRAIN,
	};
	enum stream_state state = stream->state;

	if (wish->kind == WISH_MODE && state != STREAM_DEAD &&
	    (!stream_mode_name(wish->mode) || wish->mode == stream->mode)) {
		*code = wish->mode == stream->mode ? kIOReturnSuccess : kIOReturnBadArgument;
		return true;
	}
	*code = stream_allows(operations[wish->kind], state, stream->mode);
	if (*code == kIOReturnSuccess && wish->kind == WISH_OPEN && stream->client != CLIENT_NONE)
		*code = kIOReturnExclusiveAccess;
	if (*code == kIOReturnSuccess && wish->kind == WISH_START && stream->n_buffers == 0 &&
	    state == STREAM_STOPPED)
		*code = kIOReturnNoResources;
	if (*code == kIOReturnSuccess && wish->kind == WISH_MODE && !(stream->modes & 1u << wish->mode))
		*code = kIOReturnUnsupported;
	return *code != kIOReturnSuccess ||
	       (wish->kind == WISH_START && state == STREAM_RUNNING) ||
	       (wish->kind == WISH_SUSPEND && state == STREAM_SUSPENDED) ||
	       (wish->kind == WISH_DRAIN && state == STREAM_STOPPED);
}

static void prepare(struct stream *stream, struct stream_wish *wish)
{
	if (wish->kind == WISH_START && stream->state == STREAM_SUSPENDED)
		wish->kind = WISH_RESUME;
	if (wish->kind == WISH_START)
		stream_empty_rings(stream, STREAM_STOPPED);
	if (wish->kind == WISH_OPEN)
		stream->client = CLIENT_OPENING;
}

int stream_begin(struct stream *stream, struct stream_wish *wish)
{
	IOReturn code;

	if (stream->removed) {
		done(stream, wish, kIOReturnNoDevice);
		return 0;
	}
	/* An open beside another is refused, not queued; unless nobody wants that any more. */
	if (stream->wish && (wish->kind != WISH_OPEN || stream->client == CLIENT_NONE ||
			     stream->wish->is_late))
		return FILE_WAIT_ALWAYS;
	stream_follow(stream);
	if (is_settled(stream, wish, &code)) {
		done(stream, wish, code);
		return 0;
	}
	if (wish->kind == WISH_START && stream->awaits_driver)
		return FILE_WAIT_ALWAYS;
	prepare(stream, wish);
	wish->stream = stream;
	stream->wish = wish;
	if (stream->provider && concerns_driver(stream, wish)) {
		if (ask_provider(stream->provider, wish) < 0)
			conclude(stream, wish, kIOReturnNoMemory);
		return 0;
	}
	if (stream->builtin && wish->kind == WISH_START)
		stream->builtin->start(stream);
	conclude(stream, wish, kIOReturnSuccess);
	return 0;
}

/* It stays in the provider's list, as what its answer is to. */
void stream_wish_abandon(struct stream_wish *wish)
{
	struct stream *stream = wish->stream;
	struct stream_wish *copy;

	if (!stream)
		return;
	copy = malloc(sizeof(*copy));
	if (!copy)		/* rather no driver than one whose answers are taken for others */
		stream_provider_gone(stream->provider);
	if (!copy || !wish->stream)
		return;
	*copy = *wish;
	list_init(&copy->link);
	list_append(&wish->link, &copy->link);	/* beside it, and then in its place */
	list_remove(&wish->link);
	copy->is_ours = true;
	wish->stream = NULL;
	if (stream->wish == wish)
		stream->wish = copy;
	/* Nobody is left to have it open. The driver is told when it has answered. */
	copy->is_late = copy->kind == WISH_OPEN;
}

int stream_answer(struct stream_provider *provider, IOReturn code)
{
	struct stream *stream = provider->stream;
	struct stream_wish *wish = container_of(provider->asked.next, struct stream_wish, link);

	if (list_is_empty(&provider->asked))
		return -EINVAL;
	if (!wish->is_late) {
		conclude(stream, wish, code);
		return 0;
	}
	/* One that has come since has not been answered. */
	if (wish->kind == WISH_OPEN && stream->wish == wish) {
		forget_opening(stream);
		if (code == kIOReturnSuccess)
			provider->tell(provider, "close");
	}
	done(stream, wish, kIOReturnAborted);
	stream_changed(stream);
	return 0;
}

/* Nobody waits for this one. */
static void want(struct stream *stream, enum stream_wish_kind kind)
{
	struct stream_wish *wish = malloc(sizeof(*wish));

	if (!wish)
		return;
	stream_wish_init(wish, kind);
	wish->is_ours = true;
	if (stream_begin(stream, wish) == FILE_WAIT_ALWAYS)
		free(wish);
}

/* Ending */

static bool is_drained(const struct stream *stream)
{
	/* Who reads bytes has taken the last entry when he has begun it. */
	bool output = stream_ring_entries(stream, STREAM_DRIVER) == 0 && !stream->client_bytes.is_entry;
	bool input = stream_ring_entries(stream, STREAM_CLIENT) == 0 && !stream->driver_bytes.is_entry;

	return stream->mode == kIOStreamModeOutput ? output :
	       stream->mode == kIOStreamModeInput ? input : output && input;
}

bool stream_ends_with_take(const struct stream *stream, enum stream_side side)
{
	return stream->state == STREAM_DRAINING && stream_is_read_by(stream, side) && !stream->wish &&
	       is_drained(stream);
}

void stream_look_for_end(struct stream *stream)
{
	if (stream->state == STREAM_DRAINING && !stream->wish && is_drained(stream))
		want(stream, WISH_STOP);
}

void stream_drain(struct stream *stream)
{
	if (stream->state == STREAM_RUNNING || stream->state == STREAM_SUSPENDED)
		want(stream, WISH_DRAIN);
}

/* What was asked for in this session means nothing any more; who waits for it is told. */
static void forget_wishes(struct stream *stream)
{
	struct stream_wish *wish = stream->wish;

	if (!wish || wish->kind == WISH_MODE)
		return;
	if (wish->is_ours) {
		wish->is_late = true;
		stream->wish = NULL;
		return;
	}
	stream_wish_abandon(wish);
	wish->code = kIOReturnNotOpen;
	if (stream->wish) {
		stream->wish->is_late = true;
		stream->wish = NULL;
	}
}

static void forget_client(struct stream *stream)
{
	timer_stop(&stream->lingering);
	process_unwatch(stream->registry->loop, &stream->client_ended);
	stream->client = CLIENT_NONE;
	stream->holder = (struct holder){ 0 };
}

void stream_finish_close(struct stream *stream)
{
	stream_follow(stream);
	if (stream->builtin)
		stream->builtin->halt(stream);
	forget_wishes(stream);
	stream_empty_rings(stream, stream->state);	/* counts what is lost */
	stream_end_calls(stream, kIOReturnAborted);
	forget_client(stream);
	stream_lend_no_more(stream);
	stream_drop_rings(stream);
	stream_set_state(stream, STREAM_CLOSED);
	if (stream->provider && stream->provider->has_client)
		stream->provider->tell(stream->provider, "close");
	if (stream->provider)
		stream->provider->has_client = false;
	if (!stream->removed && stream_save(stream) < 0)
		log_limited("cannot record that stream '%s' is closed, ignoring", stream->node->name);
	stream_changed(stream);
}

static void on_lingered(struct timer *timer)
{
	stream_finish_close(container_of(timer, struct stream, lingering));
}

void stream_close(struct stream *stream)
{
	bool plays_on = stream->wrote_bytes && stream->linger > 0 && !stream->removed &&
			stream->mode != kIOStreamModeOutput &&
			(stream->state == STREAM_RUNNING || stream->state == STREAM_DRAINING);

	if (stream->client == CLIENT_NONE)
		return;
	if (!plays_on) {
		stream_finish_close(stream);
		return;
	}
	stream->client = CLIENT_LINGERING;
	stream->holder = (struct holder){ 0 };
	timer_start(&stream->lingering, stream->linger, on_lingered);
	stream_follow(stream);
	stream_set_state(stream, STREAM_DRAINING);
	stream_look_for_end(stream);
	stream_changed(stream);
}

/* Drivers */

int stream_provide(struct stream *stream, struct stream_provider *provider)
{
	struct stream_wish *wish;

	if (stream->removed)
		return -ENODEV;
	if (stream->provider || stream->builtin || stream->wish || stream->state == STREAM_DEAD ||
	    stream->client == CLIENT_LINGERING)
		return -EBUSY;
	wish = malloc(sizeof(*wish));
	if (!wish)
		return -ENOMEM;
	/* What went on without it is not its: it begins with rings that are empty. */
	if (stream->client != CLIENT_NONE && stream->state != STREAM_STOPPED)
		set_stopped(stream);
	provider->stream = stream;
	list_init(&provider->asked);
	stream->provider = provider;
	stream->driver = provider->holder;
	stream_await_no_driver(stream);
	if (stream_save(stream) < 0)	/* after a restart nobody waits for it */
		log_limited("cannot record who drives stream '%s', ignoring", stream->node->name);
	stream_changed(stream);
	/* It learns that there is a client, and cannot refuse that. */
	if (stream->client == CLIENT_NONE) {
		free(wish);
		return 0;
	}
	stream_wish_init(wish, WISH_OPEN);
	wish->is_ours = wish->is_late = true;
	wish->holder = stream->holder;
	wish->uid = stream->uid;
	if (ask_provider(provider, wish) < 0)
		free(wish);
	return 0;
}

static void drop_asked(struct stream *stream, struct stream_provider *provider)
{
	struct stream_wish *wish;

	list_for_each(wish, &provider->asked, link)
		done(stream, wish, kIOReturnNoDevice);
}

void stream_provider_gone(struct stream_provider *provider)
{
	struct stream *stream = provider->stream;

	if (!stream)
		return;
	stream_follow(stream);
	provider->stream = NULL;
	stream->provider = NULL;
	stream->driver = (struct holder){ 0 };
	if (stream_save(stream) < 0)
		log_limited("cannot record that the driver of '%s' is gone, ignoring", stream->node->name);
	drop_asked(stream, provider);
	provider->ended(provider);
	if (stream->client == CLIENT_OPENING)
		stream->client = CLIENT_NONE;
	stream_end_calls(stream, kIOReturnAborted);
	if (stream->client == CLIENT_LINGERING) {
		stream_finish_close(stream);
		return;
	}
	if (stream->client != CLIENT_NONE) {
		stream_empty_rings(stream, STREAM_DEAD);
		stream_drop_rings(stream);
	}
	stream_changed(stream);
}
