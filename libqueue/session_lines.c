/* SPDX-License-Identifier: MIT */
/*
 * session_lines - JSON lines from a session, as they come
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "json_text.h"
#include "session_lines.h"

#define ROOM_READ	4096
#define MAX_LINE	(8u << 20)	/* a document, and what is around it */

/* Room for one more read. */
static int make_room(struct session_lines *lines)
{
	char *larger;

	if (lines->at > 0) {
		memmove(lines->text, lines->text + lines->at, lines->n - lines->at);
		lines->n -= lines->at;
		lines->at = 0;
	}
	if (lines->n + ROOM_READ <= lines->room)
		return 0;
	if (lines->room > MAX_LINE)
		return -EMSGSIZE;
	larger = realloc(lines->text, 2 * lines->room + ROOM_READ);
	if (!larger)
		return -ENOMEM;
	lines->text = larger;
	lines->room = 2 * lines->room + ROOM_READ;
	return 0;
}

/* Return: 0 when something came, -EAGAIN, -ENODATA at the end, -ENOMEM. */
static int read_more(struct session_lines *lines)
{
	int r = make_room(lines);
	ssize_t n;

	if (r == -ENOMEM)
		return r;
	do {
		n = r < 0 ? 0 : read(lines->fd, lines->text + lines->n, lines->room - lines->n);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n <= 0) {
		lines->ended = true;
		return -ENODATA;
	}
	lines->n += (size_t)n;
	return 0;
}

int session_lines_next(struct session_lines *lines, json_t **ret)
{
	for (;;) {
		const char *line = lines->text + lines->at;
		size_t left = lines->n - lines->at;
		const char *end = left > 0 ? memchr(line, '\n', left) : NULL;
		int r;

		if (!end) {
			r = lines->ended ? -ENODATA : read_more(lines);
			if (r < 0)
				return r;
			continue;
		}
		lines->at += (size_t)(end - line) + 1;
		r = json_text_parse(line, (size_t)(end - line), ret, NULL, 0);
		if (r == -ENOMEM)
			return r;
		if (r == 0 && json_is_object(*ret))
			return 0;
		if (r == 0)
			json_decref(*ret);
	}
}

void session_lines_wait(const struct session_lines *lines)
{
	struct pollfd poll_fd = { .fd = lines->fd, .events = POLLIN };

	poll(&poll_fd, 1, -1);
}

void session_lines_free(struct session_lines *lines)
{
	free(lines->text);
	lines->text = NULL;
}

uint64_t line_word(const json_t *line, const char *key)
{
	uint64_t word;

	return json_text_word(json_object_get(line, key), &word) == 0 ? word : 0;
}

const char *line_text(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text ? text : "";
}
