/* SPDX-License-Identifier: MIT */
/*
 * driver_session - the open file `driver`: requests of fsd in, lines of the driver out
 *
 * It ends when the service is terminated (end of file), and is lost when fsd is (any error):
 * then it can be opened again, once there is a mount again.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct session {
	pthread_mutex_t lock;	/* of fd, and of what is written: one line after the other */
	int fd;			/* -1: not open, or lost */
	bool waits;		/* a read waits for a request; the reader's, as what follows */
	char *text;		/* read, but not taken yet */
	size_t n_text, room;
};

void session_init(struct session *session);
void session_close(struct session *session);
/* After it is closed. */
void session_deinit(struct session *session);

/* By the absolute path of the service's directory. Return: 0 or a negative errno. */
int session_open(struct session *session, const char *directory);

/* Whether session_read() waits for a request from now on; where that cannot be had, it does not. */
void session_set_waits(struct session *session, bool waits);

/*
 * The next request, the caller's, in *@ret. One thread at a time.
 * Return: 1; 0 when there is none now; -ENODATA at the end; or why the session is lost.
 */
int session_read(struct session *session, json_t **ret);

/* Is there a request in our memory, of which no descriptor tells? */
bool session_has_line(const struct session *session);

/* Write a value as a line, in one piece. Any thread. Return: 0, or a negative errno. */
int session_write(struct session *session, const json_t *value);
