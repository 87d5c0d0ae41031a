/* SPDX-License-Identifier: MIT */
/*
 * driver_session - the open file `driver`: requests of fsd in, lines of the driver out
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "driver_session.h"
#include "json_text.h"
#include "mount.h"

#define PIECE		65536u			/* bytes of one read */
#define FIRST_PIECE	4096u			/* the kernel prepares for each page that may come */
#define LINE_ROOM	(2u * JSON_TEXT_MAX)	/* a document, and what is around it */

void session_init(struct session *session)
{
	*session = (struct session){ .fd = -1 };
	pthread_mutex_init(&session->lock, NULL);
}

void session_close(struct session *session)
{
	pthread_mutex_lock(&session->lock);
	session->fd = close_fd(session->fd);
	pthread_mutex_unlock(&session->lock);
	session->n_text = 0;
}

void session_deinit(struct session *session)
{
	free(session->text);
	session->text = NULL;
	pthread_mutex_destroy(&session->lock);
}

int session_open(struct session *session, const char *directory)
{
	_cleanup_(freep) char *path = text_print("%s/driver", directory);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = file_open(AT_FDCWD, path, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return fd;

	pthread_mutex_lock(&session->lock);
	session->fd = fd;
	pthread_mutex_unlock(&session->lock);
	session->waits = false;
	session->n_text = 0;
	return 0;
}

void session_set_waits(struct session *session, bool waits)
{
	if (session->fd >= 0 && session->waits != waits &&
	    fcntl(session->fd, F_SETFL, waits ? 0 : O_NONBLOCK) == 0)
		session->waits = waits;
}

static int make_room(struct session *session)
{
	size_t room = session->n_text + PIECE;
	char *text;

	if (room <= session->room)
		return 0;
	if (session->n_text > LINE_ROOM)
		return -EMSGSIZE;
	room = room < 2 * session->room ? 2 * session->room : room;
	text = realloc(session->text, room);
	if (!text)
		return -ENOMEM;
	session->text = text;
	session->room = room;
	return 0;
}

/* Return: how many bytes came; 0: none now; or a negative errno. */
static ssize_t read_piece(struct session *session)
{
	size_t size = session->n_text ? PIECE : FIRST_PIECE;
	ssize_t n;
	int r = make_room(session);

	if (r < 0)
		return r;
	do {
		n = read(session->fd, session->text + session->n_text, size);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ENODATA;
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	session->n_text += (size_t)n;
	return n;
}

/* Take the line that ends at @end. */
static int take_line(struct session *session, const char *end, json_t **ret)
{
	size_t size = (size_t)(end - session->text);
	int r = json_text_parse(session->text, size, ret, NULL, 0);

	session->n_text -= size + 1;
	memmove(session->text, end + 1, session->n_text);
	return r < 0 ? r : 1;
}

int session_read(struct session *session, json_t **ret)
{
	size_t searched = 0;
	const char *end;
	ssize_t n;

	if (session->fd < 0)
		return -ENOTCONN;
	for (;;) {
		end = session->n_text == searched ? NULL :
		      memchr(session->text + searched, '\n', session->n_text - searched);
		if (end)
			return take_line(session, end, ret);
		searched = session->n_text;
		n = read_piece(session);
		if (n <= 0)
			return (int)n;
	}
}

bool session_has_line(const struct session *session)
{
	return session->n_text > 0 && memchr(session->text, '\n', session->n_text);
}

/* A signal, or the largest piece that the kernel passes on, may part it; nobody comes between. */
static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

int session_write(struct session *session, const json_t *value)
{
	_cleanup_(freep) char *text = json_text_print(value, true);
	size_t size;
	int r;

	if (!text)
		return -ENOMEM;
	size = strlen(text);
	text[size++] = '\n';	/* in the place of its NUL */

	pthread_mutex_lock(&session->lock);
	r = session->fd < 0 ? -ENOTCONN : write_all(session->fd, text, size);
	pthread_mutex_unlock(&session->lock);
	return r;
}
