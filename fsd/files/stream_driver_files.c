/* SPDX-License-Identifier: MIT */
/*
 * `driver/control`: the session of the program that drives the stream. It is asked what the
 * client wants, a line each, and answers in that order.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "control/fields.h"
#include "files/stream_files.h"
#include "service/methods.h"
#include "util/failure.h"
#include "util/process.h"
#include "util/number.h"

struct control {
	struct stream_provider provider;
	struct session *session;
};

static int tell(struct stream_provider *provider, const char *line)
{
	return session_put(container_of(provider, struct control, provider)->session, line);
}

static void ended(struct stream_provider *provider)
{
	session_changed(container_of(provider, struct control, provider)->session);
}

static int control_open(struct session *session, const struct caller *caller)
{
	struct control *control = calloc(1, sizeof(*control));
	pid_t pid = process_of_thread(caller->pid);
	int r;

	if (!control)
		return -ENOMEM;
	control->provider.holder = (struct holder){ pid, process_start_time(pid) };
	control->session = session;
	control->provider.tell = tell;
	control->provider.ended = ended;
	r = stream_provide(session_node_object(session), &control->provider);
	if (r == -EBUSY)
		failure(r, "it has a driver, or a client that has not closed since the last one ended");
	if (r < 0)
		free(control);
	else
		session->object = control;
	return r;
}

/* "0", "0xe00002c7", "kIOReturnUnsupported" */
static bool parse_code(const char *text, IOReturn *ret)
{
	uint32_t code;

	if (methods_number(text, &code)) {
		*ret = (IOReturn)code;
		return true;
	}
	return code_by_name(text, ret) == 0;
}

/* What the driver says by itself. Return: 0 or what refuses it. */

static int say_keep(struct control *control, const char *rest)
{
	(void)rest;
	control->provider.keeps = true;
	return 0;
}

static int say_drained(struct control *control, const char *rest)
{
	struct stream *stream = control->provider.stream;

	(void)rest;
	stream_follow(stream);
	stream_look_for_end(stream);
	stream_changed(stream);
	return 0;
}

/* The mode is another one: it is not asked whether it may be, for it says so. */
static int say_mode(struct control *control, const char *rest)
{
	struct stream *stream = control->provider.stream;
	IOStreamMode mode;

	if (stream_parse_mode(rest, strlen(rest), &mode) < 0)
		return -EINVAL;
	return stream_result(stream, stream_switch_mode(stream, mode));
}

/* One buffer more, of this size: of another one than the last, also while it is open. */
static int say_buffer(struct control *control, const char *rest)
{
	struct stream *stream = control->provider.stream;
	const char *blank = strchr(rest, ' ');
	uint64_t data, control_size;

	if (!blank || number_parse(rest, (size_t)(blank - rest), &data) < 0 ||
	    number_parse(blank + 1, strlen(blank + 1), &control_size) < 0)
		return failure(-EINVAL, "a buffer has a size, and one of its control area");
	return stream_result(stream, stream_add_buffer(stream, data, control_size));
}

static const struct {
	const char *word;
	int (*say)(struct control *control, const char *rest);
} sayings[] = {
	{ "keep", say_keep }, { "drained", say_drained },
	{ "mode ", say_mode }, { "buffer ", say_buffer },
};

static int control_unit(struct session *session, char *text, size_t size,
			const struct caller *caller)
{
	struct control *control = session->object;
	IOReturn code;

	(void)caller;
	if (!control->provider.stream)
		return -ENODEV;
	for (size_t i = 0; i < ARRAY_SIZE(sayings) && strlen(text) == size; i++) {
		size_t n = strlen(sayings[i].word);
		bool has_rest = sayings[i].word[n - 1] == ' ';

		if (strncmp(text, sayings[i].word, n) == 0 && (has_rest || size == n))
			return sayings[i].say(control, text + n);
	}
	if (strlen(text) != size || !parse_code(text, &code))
		return failure(-EINVAL, "unknown; there are keep, drained, mode MODE, buffer SIZE "
			       "CONTROL_SIZE, and answers: 0, or a code");
	if (stream_answer(&control->provider, code) < 0)
		return failure(-EINVAL, "nothing was asked that has no answer yet");
	return 0;
}

static int control_nothing(struct session *session)
{
	const struct control *control = session->object;

	return control->provider.stream ? FILE_WAIT : 0;
}

static short control_state(struct session *session)
{
	const struct control *control = session->object;

	return control->provider.stream ? 0 : POLLHUP;
}

static void control_close(struct session *session)
{
	struct control *control = session->object;

	if (!control)
		return;
	stream_provider_gone(&control->provider);
	free(control);
}

const struct session_kind stream_control_session = {
	.units = UNITS_LINES, .open = control_open, .unit = control_unit, .nothing = control_nothing,
	.state = control_state, .close = control_close,
};
