/* SPDX-License-Identifier: MIT */
/*
 * lines - a session that sends lines now and then: what was read, and the
 * lines in it
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* 0 at first. */
struct lines {
	char *text;		/* owned */
	size_t room, size;
	size_t at;		/* lines before that were taken */
};

void lines_free(struct lines *lines);

/*
 * Read some of what there is at @fd. A line that is longer than one with a document in
 * it may be is dropped.
 * Return: 1; 0 at the end of the session; a negative errno, which is -EAGAIN when there is
 * nothing and @fd does not block.
 */
int lines_read(struct lines *lines, int fd);

/* Is there a whole line? */
bool lines_have_one(const struct lines *lines);

/* The next whole line, without its newline; it lives until the next lines_read(). NULL: none. */
const char *lines_next(struct lines *lines, size_t *size);
