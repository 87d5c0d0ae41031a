/* SPDX-License-Identifier: MIT */
/*
 * One opening at a time goes to the thread and comes back, through a pair of
 * sockets; the rest wait in a list. So the thread shares no memory with the loop
 * but the opening that it has, and no files:
 *
 * While the thread waits for the loop to answer its look-up it cannot be killed.
 * When fsd is, the loop's files are closed, /dev/fuse with them, and that is
 * what ends the wait. If the thread had /dev/fuse open as well, each would wait
 * for the other, and nobody could kill fsd, or use the mount, ever after.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "util/cleanup.h"
#include "util/list.h"
#include "util/opener.h"

struct opening {
	struct list link;
	char *path;
	int flags;
	opener_done *done;	/* NULL: cancelled; the loop's thread alone looks at it */
	void *user;
};

struct opener {
	struct loop *loop;
	struct source answers;	/* the loop's socket */
	int far_fd;		/* the thread's */
	char *root;
	pthread_t thread;
	bool running;		/* there is a thread to join */
	bool busy;		/* it has the first of @wanted */
	struct list wanted;
};

/* What goes back: 0 and a descriptor, or a negative errno. */
union rights {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void opening_free(struct opening *opening)
{
	free(opening->path);
	free(opening);
}

/* The thread */

static void part_from_files(int fd)
{
	if (unshare(CLONE_FILES) < 0)
		return;
	close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
}

static bool send_fd(int socket, int fd)
{
	union rights rights = { 0 };
	int result = 0;
	struct iovec part = { &result, sizeof(result) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = rights.bytes, .msg_controllen = sizeof(rights.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

static void open_one(int socket, const struct opening *opening)
{
	_cleanup_(closep) int fd = open(opening->path, opening->flags | O_CLOEXEC);
	int result;

	if (fd >= 0 && send_fd(socket, fd))
		return;
	result = -errno;
	/* That the loop is gone is as good. */
	if (send(socket, &result, sizeof(result), MSG_NOSIGNAL) < 0)
		return;
}

static void *opener_thread(void *user)
{
	const struct opener *opener = user;
	const int socket = opener->far_fd;
	const struct opening *opening;

	part_from_files(socket);
	while (recv(socket, &opening, sizeof(opening), 0) == (ssize_t)sizeof(opening))
		open_one(socket, opening);
	return NULL;
}

/* The thread takes no signals: they are the loop's, through a signalfd. */
static int start_thread(struct opener *opener)
{
	sigset_t all, before;
	int r;

	if (opener->running)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&opener->thread, NULL, opener_thread, opener);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	opener->running = r == 0;
	return -r;
}

/* The loop */

/* Return: false when nothing is there yet. */
static bool receive(int socket, int *ret)
{
	union rights rights;
	int result;
	struct iovec part = { &result, sizeof(result) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = rights.bytes, .msg_controllen = sizeof(rights.bytes),
	};
	struct cmsghdr *header;

	if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(result))
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&result, CMSG_DATA(header), sizeof(result));
	else if (result == 0)
		result = -EMFILE;	/* the descriptor found no place here */
	*ret = result;
	return true;
}

static struct opening *first(struct opener *opener)
{
	return container_of(opener->wanted.next, struct opening, link);
}

/* Give the thread its next. */
static int ask(struct opener *opener)
{
	struct opening *opening = first(opener);

	if (opener->busy || list_is_empty(&opener->wanted))
		return 0;
	if (send(opener->answers.fd, &opening, sizeof(opening), MSG_NOSIGNAL) < 0)
		return -errno;
	opener->busy = true;
	return 0;
}

static void finish(struct opener *opener, int result)
{
	struct opening *opening = first(opener);

	list_remove(&opening->link);
	if (opening->done)
		opening->done(opening->user, result);
	else
		close_fd(result);
	opening_free(opening);
}

static void on_answer(struct source *source, uint32_t events)
{
	struct opener *opener = container_of(source, struct opener, answers);
	int result, r;

	(void)events;
	if (!receive(source->fd, &result))
		return;
	opener->busy = false;
	finish(opener, result);
	while ((r = ask(opener)) < 0)
		finish(opener, r);
}

int opener_new(struct loop *loop, const char *root, struct opener **ret)
{
	struct opener *opener = calloc(1, sizeof(*opener));
	int ends[2] = { -1, -1 };
	int r;

	if (!opener)
		return -ENOMEM;
	opener->loop = loop;
	list_init(&opener->wanted);
	opener->root = strdup(root);
	r = !opener->root ? -ENOMEM :
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
	opener->answers = SOURCE_INIT(on_answer);
	opener->answers.fd = ends[0];
	opener->far_fd = ends[1];
	if (r == 0)
		r = loop_watch(loop, &opener->answers, EPOLLIN);
	if (r < 0)
		opener_free(opener);
	else
		*ret = opener;
	return r;
}

struct opener *opener_free(struct opener *opener)
{
	struct opening *opening;

	if (!opener)
		return NULL;
	loop_unwatch(opener->loop, &opener->answers);
	close_fd(opener->answers.fd);	/* the thread's end, too */
	if (opener->running)
		pthread_join(opener->thread, NULL);
	close_fd(opener->far_fd);
	list_for_each(opening, &opener->wanted, link) {
		list_remove(&opening->link);
		opening_free(opening);
	}
	free(opener->root);
	free(opener);
	return NULL;
}

int opener_start(struct opener *opener, const char *path, int flags,
		 opener_done *done, void *user, struct opening **ret)
{
	struct opening *opening;
	int r = start_thread(opener);

	if (r < 0)
		return r;
	opening = malloc(sizeof(*opening));
	if (!opening)
		return -ENOMEM;
	*opening = (struct opening){ .flags = flags, .done = done, .user = user };
	opening->path = text_print("%s/%s", opener->root, path);
	if (!opening->path) {
		free(opening);
		return -ENOMEM;
	}
	list_append(&opener->wanted, &opening->link);
	r = ask(opener);
	if (r < 0) {
		list_remove(&opening->link);
		opening_free(opening);
		return r;
	}
	*ret = opening;
	return 0;
}

void opening_cancel(struct opening *opening)
{
	opening->done = NULL;
}
