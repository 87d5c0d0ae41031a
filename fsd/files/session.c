/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "files/session.h"
#include "util/clock.h"
#include "util/failure.h"
#include "util/log.h"
#include "util/share.h"

struct line {
	struct list link;
	uid_t payer;			/* whose memory it is */
	size_t size, taken;
	char bytes[];
};

/* What the sessions of each user keep. */
static struct shares kept = SHARES_INIT(kept);

static int charge(uid_t uid, size_t n)
{
	int r = share_take(&kept, uid, n, SESSION_MAX_BYTES_OF_USER);

	if (r == -EDQUOT)
		log_limited("sessions of uid %u keep more than %u bytes, refused", uid,
			    SESSION_MAX_BYTES_OF_USER);
	return r < 0 ? -ENOMEM : 0;
}

static void discharge(uid_t uid, size_t n)
{
	share_give_back(&kept, uid, n);
}

static const struct session_kind *kind_of(const struct session *session)
{
	return session->file->row->session;
}

/* Out */

static void drop_line(struct session *session, struct line *line)
{
	list_remove(&line->link);
	session->n_lines--;
	session->n_bytes -= line->size - line->taken;
	discharge(line->payer, sizeof(*line) + line->size);
	free(line);
}

static int put(struct session *session, const void *data, size_t size, bool newline, uid_t payer)
{
	struct line *line;
	int r = charge(payer, sizeof(*line) + size + newline);

	if (r < 0)
		return r;
	line = malloc(sizeof(*line) + size + newline);
	if (!line) {
		discharge(payer, sizeof(*line) + size + newline);
		return -ENOMEM;
	}
	line->payer = payer;
	line->size = size + newline;
	line->taken = 0;
	memcpy(line->bytes, data, size);
	if (newline)
		line->bytes[size] = '\n';
	list_append(&session->lines, &line->link);
	session->n_lines++;
	session->n_bytes += line->size;
	return 0;
}

int session_put_bytes(struct session *session, const void *data, size_t size)
{
	int r = size ? put(session, data, size, false, session->uid) : 0;

	if (!session->is_called)
		session_changed(session);
	return r;
}

static int put_line(struct session *session, const char *text, uid_t payer)
{
	int r = text ? put(session, text, strlen(text), true, payer) : -ENOMEM;

	if (!session->is_called)
		session_changed(session);
	return r;
}

int session_put(struct session *session, const char *text)
{
	return put_line(session, text, session->uid);
}

int session_give(struct session *session, char *text)
{
	return session_give_of(session, text, session->uid);
}

int session_give_of(struct session *session, char *text, uid_t payer)
{
	int r = put_line(session, text, payer);

	free(text);
	return r;
}

int session_hold(struct session *session, size_t bytes)
{
	int r = charge(session->uid, bytes);

	if (r == 0)
		session->n_held += bytes;
	return r;
}

void session_clear(struct session *session)
{
	while (!list_is_empty(&session->lines))
		drop_line(session, container_of(session->lines.next, struct line, link));
}

static ssize_t take(struct session *session, char *buffer, size_t size)
{
	size_t n = 0;

	while (n < size && !list_is_empty(&session->lines)) {
		struct line *line = container_of(session->lines.next, struct line, link);
		size_t part = line->size - line->taken;

		if (part > size - n)
			part = size - n;
		memcpy(buffer + n, line->bytes + line->taken, part);
		line->taken += part;
		session->n_bytes -= part;
		n += part;
		if (line->taken == line->size)
			drop_line(session, line);
	}
	return (ssize_t)n;
}

void session_changed(struct session *session)
{
	waits_changed(&session->file->own);
}

/* A document's text, anew. */
static int show(struct session *session)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return -ENOMEM;
	r = kind_of(session)->show(session, out);
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	session_clear(session);
	return r < 0 ? r : session_put_bytes(session, text, size);
}

/* A document is read anywhere, as it was when it was last read from its start. */
static ssize_t read_document(struct session *session, char *buffer, size_t size, off_t at)
{
	const struct line *line;
	int r = 0;

	if (at == 0 || !session->was_read) {
		session->is_called = true;
		r = show(session);
		session->is_called = false;
		session->was_read = r == 0;
	}
	if (r < 0 || list_is_empty(&session->lines))
		return r;
	line = container_of(session->lines.next, struct line, link);
	return file_copy(buffer, size, at, line->bytes, line->size);
}

static ssize_t session_read(struct file *file, void *buffer, size_t size, off_t at)
{
	struct session *session = file->state;
	const struct session_kind *kind = kind_of(session);
	int r = 0;

	if (kind->show)
		return read_document(session, buffer, size, at);
	if (session->n_bytes == 0 && kind->nothing) {
		session->is_called = true;
		r = kind->nothing(session);
		session->is_called = false;
	}
	if (r < 0 && session->n_bytes == 0)
		return r;
	return take(session, buffer, size);
}

/* In */

void session_clear_input(struct session *session)
{
	discharge(session->uid, session->input_room);
	free(session->input);
	session->input = NULL;
	session->n_input = session->input_room = 0;
	session->has_text = false;
	session->scan = (struct json_scan){ 0 };
}

static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!strchr(" \t\r\n", text[i]) || text[i] == '\0')
			return false;
	return true;
}

/* Keep @size bytes more, and a NUL behind them. */
static int keep(struct session *session, const char *data, size_t size)
{
	size_t needed = session->n_input + size + 1;
	size_t room = session->input_room ? session->input_room : 64;
	char *larger;
	int r;

	while (room < needed)
		room *= 2;
	if (session->input_room < room) {
		r = charge(session->uid, room - session->input_room);
		if (r < 0)
			return r;
		larger = realloc(session->input, room);
		if (!larger) {
			discharge(session->uid, room - session->input_room);
			return -ENOMEM;
		}
		session->input = larger;
		session->input_room = room;
	}
	if (size)
		memcpy(session->input + session->n_input, data, size);
	session->n_input += size;
	session->has_text = session->has_text || !is_blank(data, size);
	session->input[session->n_input] = '\0';
	return 0;
}

/* How much of @text belongs to the unit that is under way, with its end; 0: all, and it goes on. */
static size_t end_of_unit(struct session *session, const char *text, size_t size)
{
	const char *newline;

	switch (kind_of(session)->units) {
	case UNITS_LINES:
		newline = memchr(text, '\n', size);
		return newline ? (size_t)(newline - text) + 1 : 0;
	case UNITS_VALUE:
		if (session->n_input == 0 && !strchr("{[\"", text[strspn(text, " \t\r\n")]))
			return size;
		return json_scan(&session->scan, text, size);
	case UNITS_JSON:
		return json_scan(&session->scan, text, size);
	case UNITS_BYTES:
		break;
	}
	return 0;
}

static int execute(struct session *session, const struct caller *caller)
{
	size_t size = session->n_input;
	int r;

	if (kind_of(session)->units == UNITS_LINES && size && session->input[size - 1] == '\n')
		session->input[--size] = '\0';
	r = kind_of(session)->unit(session, session->input, size, caller);
	session->unit_waits = r == FILE_WAIT_ALWAYS;
	if (!session->unit_waits)
		session_clear_input(session);
	return r;
}

/* Blanks are no unit; those that a line begins with are known to be that at its end. */
static bool is_nothing(const struct session *session, size_t n_end)
{
	const struct session_kind *kind = kind_of(session);

	if (kind->units == UNITS_LINES && (!n_end || kind->takes_empty))
		return false;
	return !session->has_text;
}

/* Return: bytes of @text that are dealt with, or why the unit is refused. */
static ssize_t feed(struct session *session, const char *text, size_t size,
		    const struct caller *caller)
{
	size_t n = end_of_unit(session, text, size);
	size_t part = n ? n : size;
	int r = session->n_input + part > JSON_TEXT_MAX ?
		failure(-EMSGSIZE, "more than %u bytes", JSON_TEXT_MAX) :
		keep(session, text, part);

	if (r == 0 && n && kind_of(session)->units == UNITS_VALUE && !is_blank(text + n, size - n))
		r = failure(-EINVAL, "more than one value");
	if (r == 0 && is_nothing(session, n)) {
		session_clear_input(session);
		return (ssize_t)part;
	}
	session->n_waiting = part;
	if (r == 0 && n)
		r = execute(session, caller);
	if (r < 0 && r != FILE_WAIT_ALWAYS)
		session_clear_input(session);
	return r < 0 ? r : (ssize_t)part;
}

/* The same write comes again: has the unit that it waits for been done? Return: as feed(). */
static ssize_t resume(struct session *session, const struct caller *caller, size_t *ret_done)
{
	int r = kind_of(session)->unit(session, NULL, 0, caller);

	*ret_done = session->n_done;
	session->unit_waits = r == FILE_WAIT_ALWAYS;
	if (!session->unit_waits)
		session_clear_input(session);
	return r < 0 ? r : (ssize_t)session->n_waiting;
}

/* Units may be many, and others wait. What was done is told; the writer comes again with the rest. */
#define WRITE_NS 20000000
#define TAIL	 64		/* blanks at the end, such as a newline, are no rest */

static ssize_t write_units(struct session *session, const char *text, size_t size,
			   const struct caller *caller)
{
	uint64_t start = clock_ns();
	size_t done = 0;

	while (done < size || session->unit_waits) {
		ssize_t n = session->unit_waits ? resume(session, caller, &done) :
			    feed(session, text + done, size - done, caller);

		if (n == FILE_WAIT_ALWAYS)
			session->n_done = done;
		if (n < 0)	/* what was done before it stands; the caller comes again with the rest */
			return done && n != FILE_WAIT_ALWAYS ? (ssize_t)done : n;
		done += (size_t)n;
		if (session->n_input == 0 && clock_ns() - start > WRITE_NS &&
		    (size - done > TAIL || !is_blank(text + done, size - done)))
			break;
	}
	return (ssize_t)done;
}

/*
 * The kernel cuts a write(2) that is larger than a transfer in pieces, and does not tell
 * of an error in one that is not the first: it is kept for what comes next.
 */
static bool is_later_piece(const struct session *session, off_t at)
{
	if (session->file->row->ops->stream)
		return at > 0;
	return at > 0 && at == session->end_of_large;	/* or it was a large write: told twice, then */
}

static void keep_late(struct session *session, ssize_t error)
{
	failure_take(&session->late);
	if (session->late.error != error)
		session->late = (struct failure){ .error = (int)error };
	failure_repeat(&session->late);		/* it may be told now, too */
}

static int tell_late(struct session *session)
{
	int error = session->late.error;

	failure_repeat(&session->late);
	session->late = (struct failure){ 0 };
	return error;
}

static ssize_t session_write(struct file *file, const void *data, size_t size, off_t at,
			     const struct caller *caller)
{
	struct session *session = file->state;
	const struct session_kind *kind = kind_of(session);
	_cleanup_(freep) char *text = NULL;
	ssize_t n;
	int r;

	if (session->late.error)
		return tell_late(session);
	if (kind->units == UNITS_BYTES && kind->unit) {
		r = kind->unit(session, NULL, 0, caller);
		if (r == 0 && session->n_input + size > JSON_TEXT_MAX)
			r = failure(-EMSGSIZE, "more than %u bytes", JSON_TEXT_MAX);
		if (r == 0)
			r = keep(session, data, size);
		return r < 0 ? r : (ssize_t)size;
	}
	if (!kind->unit)
		return -EOPNOTSUPP;
	text = malloc(size + 1);	/* with an end, for functions of strings */
	if (!text)
		return -ENOMEM;
	memcpy(text, data, size);
	text[size] = '\0';
	n = write_units(session, text, size, caller);
	if (n < 0 && n != FILE_WAIT_ALWAYS && is_later_piece(session, at))
		keep_late(session, n);
	if (n >= 0)
		session->end_of_large = size >= FILE_MAX_WHOLE ? at + n : 0;
	return n;
}

/* Whoever waited for a unit is gone. */
static size_t session_interrupted(struct file *file)
{
	struct session *session = file->state;

	if (!session->unit_waits)
		return 0;
	session->unit_waits = false;
	session_clear_input(session);
	if (kind_of(session)->abandon)
		kind_of(session)->abandon(session);
	return session->n_done;
}

static int session_flush(struct file *file)
{
	struct session *session = file->state;

	if (session->late.error)
		return tell_late(session);
	if (kind_of(session)->units == UNITS_BYTES || session->unit_waits || !session->has_text)
		return 0;
	return failure(-EINVAL, "what was written is not complete: %s",
		       kind_of(session)->units == UNITS_LINES ? "a newline ends a line"
							       : "a JSON value has no end");
}

static short session_poll(struct file *file)
{
	struct session *session = file->state;
	const struct session_kind *kind = kind_of(session);
	short state = kind->state ? kind->state(session) : 0;

	return (short)(state | (session->n_bytes || (state & POLLHUP) ? POLLIN : 0) |
		       (kind->unit ? POLLOUT : 0));
}

/* The file */

static void session_release(struct file *file)
{
	struct session *session = file->state;

	if (!session)
		return;
	if (kind_of(session)->close)
		kind_of(session)->close(session);
	session_clear(session);
	session_clear_input(session);
	discharge(session->uid, session->n_held);
	free(session);
}

static int session_open(struct file *file, const struct caller *caller)
{
	struct session *session = file->state;
	int r;

	if (!session) {
		session = calloc(1, sizeof(*session));
		if (!session)
			return -ENOMEM;
		session->file = file;
		session->uid = caller->uid;
		list_init(&session->lines);
		file->state = session;
	}
	session->is_called = true;
	r = kind_of(session)->open ? kind_of(session)->open(session, caller) : 0;
	session->is_called = false;
	if (r < 0 && r != FILE_WAIT_ALWAYS) {
		session_release(file);
		file->state = NULL;
	}
	return r;
}

const struct file_ops session_ops = {
	.stream = true,
	.apart = true,
	.own_waits = true,
	.open = session_open,
	.read = session_read,
	.write = session_write,
	.interrupted = session_interrupted,
	.flush = session_flush,
	.poll = session_poll,
	.release = session_release,
};

const struct file_ops document_ops = {
	.apart = true,
	.own_waits = true,
	.open = session_open,
	.read = session_read,
	.write = session_write,
	.interrupted = session_interrupted,
	.flush = session_flush,
	.release = session_release,
};
