/* SPDX-License-Identifier: MIT */
/*
 * session - files that are talked with: units in, lines out
 *
 * The one mechanism for all of them. What is written is a stream: a unit ends at a
 * newline, or where a JSON value is complete, and is executed inside that write,
 * whose errno is its result. What is read is a stream of lines; a read takes
 * any number of bytes, and waits while there are none. All of it belongs to one
 * open file and ends with it.
 *
 * A kind of session says what a unit means, and what a read is told when no line
 * is there. Documents are sessions, too: what is read is shown whole.
 */
#pragma once

#include <stdio.h>

#include "libqueue/json_text.h"
#include "tree/node.h"
#include "util/failure.h"

enum session_units {
	UNITS_LINES,		/* each ends at a newline */
	UNITS_JSON,		/* each is one JSON value */
	UNITS_VALUE,		/* a write is one value, unless it begins as JSON of more than a word */
	UNITS_BYTES,		/* what is written is kept until it is taken; unit() says whether it may be */
};

struct session {
	struct file *file;
	void *object;			/* the kind's */

	/* In. */
	struct json_scan scan;
	char *input;			/* owned: the unit that is not complete, or bytes */
	size_t n_input, input_room;
	bool has_text;			/* it is not blank */
	bool unit_waits;		/* a unit is under way; the write is repeated until it is done */
	size_t n_done, n_waiting;	/* bytes of that write: before the unit, and of it */
	off_t end_of_large;		/* of a document: where the last piece ended, if it was large */
	struct failure late;		/* of a piece, whose error the kernel did not tell */
	uid_t uid;			/* who opened it; its memory is his */
	size_t n_held;			/* bytes of the kind's */

	/* Out. */
	struct list lines;		/* struct line */
	size_t n_lines, n_bytes;
	bool was_read;			/* a document: the snapshot was taken */
	bool is_called;			/* an open or a read runs: lines are no news to it */
};

struct session_kind {
	enum session_units units;
	bool takes_empty;		/* a line of blanks is a unit, too */
	/* 0, an errno, or FILE_WAIT_ALWAYS; then called again after session_changed(). NULL: opens. */
	int (*open)(struct session *session, const struct caller *caller);
	/*
	 * @text ends with a NUL that is not of its @size bytes. 0, an errno, or
	 * FILE_WAIT_ALWAYS: called again with nothing (NULL) until it is done.
	 * NULL: nothing can be written.
	 */
	int (*unit)(struct session *session, char *text, size_t size, const struct caller *caller);
	/* The writer that waits for a unit is gone. */
	void (*abandon)(struct session *session);
	/* No line is there: FILE_WAIT, 0 for the end, or an errno. NULL: the end. It may put lines. */
	int (*nothing)(struct session *session);
	/* A document: all of it. */
	int (*show)(struct session *session, FILE *out);
	/* POLLHUP, or 0. NULL: never. */
	short (*state)(struct session *session);
	void (*close)(struct session *session);
};

/* Streams: several may wait in them. */
extern const struct file_ops session_ops;
/* Documents: they have a position, as a file has. */
extern const struct file_ops document_ops;

#define SESSION(name_, mode_, kind_) \
	{ .name = (name_), .mode = S_IFREG | (mode_), .ops = &session_ops, .session = &(kind_) }
#define DOCUMENT(name_, mode_, kind_) \
	{ .name = (name_), .mode = S_IFREG | (mode_), .ops = &document_ops, .session = &(kind_) }

/* Bytes that all sessions of one user may keep, in and out together. */
#define SESSION_MAX_BYTES_OF_USER (64u << 20)

/* Add a line to be read: @text and a newline; NULL says no memory. Return: 0, -ENOMEM. */
int session_put(struct session *session, const char *text);
int session_put_bytes(struct session *session, const void *data, size_t size);
/* As session_put(), and @text is freed. */
int session_give(struct session *session, char *text);
/* And it is the memory of @payer, who caused it, not of who has the session. */
int session_give_of(struct session *session, char *text, uid_t payer);

/* @bytes that the kind keeps for it until it is closed are its user's, too. Return: 0, -ENOMEM. */
int session_hold(struct session *session, size_t bytes);

/* Forget all lines. */
void session_clear(struct session *session);

/* Forget what was written and is not executed. */
void session_clear_input(struct session *session);

/* Something that a waiting read, write or open asks about has changed. */
void session_changed(struct session *session);

/* Of a node's object, for kinds: session->file->node->object. */
static inline void *session_node_object(const struct session *session)
{
	return session->file->node->object;
}
