/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json_text.h"
#include "lines.h"

#define ROOM_FIRST	4096u
#define MAX_LINE	(2 * JSON_TEXT_MAX)	/* a document, and what is around it */

void lines_free(struct lines *lines)
{
	free(lines->text);
	*lines = (struct lines){ 0 };
}

/* What was taken goes; what is left moves to the front. */
static void forget(struct lines *lines)
{
	if (lines->at == 0)
		return;
	lines->size -= lines->at;
	memmove(lines->text, lines->text + lines->at, lines->size);
	lines->at = 0;
}

static int make_room(struct lines *lines)
{
	size_t room = lines->room ? 2 * lines->room : ROOM_FIRST;
	char *larger;

	forget(lines);
	if (lines->size < lines->room)
		return 0;
	if (lines->room > MAX_LINE) {
		lines->size = 0;
		return 0;
	}
	larger = realloc(lines->text, room);
	if (!larger)
		return -ENOMEM;
	lines->text = larger;
	lines->room = room;
	return 0;
}

int lines_read(struct lines *lines, int fd)
{
	ssize_t n;
	int r = make_room(lines);

	if (r < 0)
		return r;
	do {
		n = read(fd, lines->text + lines->size, lines->room - lines->size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	lines->size += (size_t)n;
	return n > 0;
}

bool lines_have_one(const struct lines *lines)
{
	return lines->size > lines->at &&
	       memchr(lines->text + lines->at, '\n', lines->size - lines->at);
}

const char *lines_next(struct lines *lines, size_t *size)
{
	const char *line, *end;

	if (lines->at == lines->size)
		return NULL;
	line = lines->text + lines->at;
	end = memchr(line, '\n', lines->size - lines->at);
	if (!end)
		return NULL;
	*size = (size_t)(end - line);
	lines->at += *size + 1;
	return line;
}
