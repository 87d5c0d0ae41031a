/* SPDX-License-Identifier: MIT */
/*
 * session_lines - JSON lines from a session, as they come
 */
#include <errno.h>
#include <poll.h>

#include "json_text.h"
#include "session_lines.h"

/* Return: 0 when something came, -EAGAIN, -ENODATA at the end, -ENOMEM. */
static int read_more(struct session_lines *lines)
{
	int r = lines->ended ? 0 : lines_read(&lines->text, lines->fd);

	if (r == 1)
		return 0;
	if (r == -EAGAIN || r == -ENOMEM)
		return r;
	lines->ended = true;
	return -ENODATA;
}

int session_lines_next(struct session_lines *lines, json_t **ret)
{
	const char *line;
	size_t size;
	int r;

	for (;;) {
		while (!(line = lines_next(&lines->text, &size))) {
			r = read_more(lines);
			if (r < 0)
				return r;
		}
		r = json_text_parse(line, size, ret, NULL, 0);
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
	lines_free(&lines->text);
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
