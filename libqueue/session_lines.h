/* SPDX-License-Identifier: MIT */
/*
 * session_lines - JSON lines from a session, as they come
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "lines.h"

struct session_lines {
	int fd;			/* borrowed; O_NONBLOCK */
	struct lines text;	/* what was read, and not taken yet */
	bool ended;		/* there will be no more */
};

/*
 * The next line that is a JSON object, the caller's reference; without waiting for one.
 * Others are passed over. Return: 0; -EAGAIN when none is there yet; -ENODATA when the
 * session has ended; -ENOMEM.
 */
int session_lines_next(struct session_lines *lines, json_t **ret);

/* Wait until there may be one. */
void session_lines_wait(const struct session_lines *lines);

void session_lines_free(struct session_lines *lines);

/* A word, or text with one, of such an object; 0 where there is none. */
uint64_t line_word(const json_t *line, const char *key);
/* Text; "" where there is none. */
const char *line_text(const json_t *line, const char *key);
