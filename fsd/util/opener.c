/* SPDX-License-Identifier: MIT */
/*
 * Two lists under one lock: what the thread shall open, and what the loop shall
 * hear of. An opening belongs to the lists; its user only may cancel it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "util/cleanup.h"
#include "util/list.h"
#include "util/opener.h"

struct opening {
	struct list link;
	char *path;
	int flags;
	int result;		/* descriptor or negative errno */
	opener_done *done;	/* NULL: cancelled; the loop's thread alone looks at it */
	void *user;
};

struct opener {
	struct loop *loop;
	struct source finished;	/* an eventfd */
	char *root;
	pthread_t thread;
	bool running;		/* there is a thread to join */

	pthread_mutex_t lock;	/* over what follows */
	pthread_cond_t wanted_changed;
	struct list wanted, ready;
	bool stop;
};

static void opening_free(struct opening *opening)
{
	free(opening->path);
	free(opening);
}

/* Called and left with the lock held. */
static void open_one(struct opener *opener, struct opening *opening)
{
	int fd;

	list_remove(&opening->link);
	pthread_mutex_unlock(&opener->lock);
	fd = open(opening->path, opening->flags | O_CLOEXEC);
	opening->result = fd < 0 ? -errno : fd;
	pthread_mutex_lock(&opener->lock);
	list_append(&opener->ready, &opening->link);
	eventfd_write(opener->finished.fd, 1);
}

static void *opener_thread(void *user)
{
	struct opener *opener = user;

	pthread_mutex_lock(&opener->lock);
	while (!opener->stop) {
		if (list_is_empty(&opener->wanted))
			pthread_cond_wait(&opener->wanted_changed, &opener->lock);
		else
			open_one(opener, container_of(opener->wanted.next, struct opening, link));
	}
	pthread_mutex_unlock(&opener->lock);
	return NULL;
}

static struct opening *take_ready(struct opener *opener)
{
	struct opening *opening = NULL;

	pthread_mutex_lock(&opener->lock);
	if (!list_is_empty(&opener->ready)) {
		opening = container_of(opener->ready.next, struct opening, link);
		list_remove(&opening->link);
	}
	pthread_mutex_unlock(&opener->lock);
	return opening;
}

static void on_finished(struct source *source, uint32_t events)
{
	struct opener *opener = container_of(source, struct opener, finished);
	struct opening *opening;
	eventfd_t count;

	(void)events;
	eventfd_read(source->fd, &count);
	while ((opening = take_ready(opener))) {
		if (opening->done)
			opening->done(opening->user, opening->result);
		else
			close_fd(opening->result);
		opening_free(opening);
	}
}

int opener_new(struct loop *loop, const char *root, struct opener **ret)
{
	struct opener *opener = calloc(1, sizeof(*opener));
	int r;

	if (!opener)
		return -ENOMEM;
	opener->loop = loop;
	opener->finished = SOURCE_INIT(on_finished);
	pthread_mutex_init(&opener->lock, NULL);
	pthread_cond_init(&opener->wanted_changed, NULL);
	list_init(&opener->wanted);
	list_init(&opener->ready);

	opener->root = strdup(root);
	opener->finished.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = !opener->root ? -ENOMEM : opener->finished.fd < 0 ? -errno : 0;
	if (r == 0)
		r = loop_watch(loop, &opener->finished, EPOLLIN);
	if (r < 0)
		opener_free(opener);
	else
		*ret = opener;
	return r;
}

static void free_all(struct list *openings)
{
	struct opening *opening;

	list_for_each(opening, openings, link) {
		list_remove(&opening->link);
		close_fd(opening->result);
		opening_free(opening);
	}
}

struct opener *opener_free(struct opener *opener)
{
	if (!opener)
		return NULL;
	pthread_mutex_lock(&opener->lock);
	opener->stop = true;
	pthread_cond_signal(&opener->wanted_changed);
	pthread_mutex_unlock(&opener->lock);
	if (opener->running)
		pthread_join(opener->thread, NULL);

	free_all(&opener->wanted);
	free_all(&opener->ready);
	loop_unwatch(opener->loop, &opener->finished);
	close_fd(opener->finished.fd);
	pthread_cond_destroy(&opener->wanted_changed);
	pthread_mutex_destroy(&opener->lock);
	free(opener->root);
	free(opener);
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
	*opening = (struct opening){ .flags = flags, .result = -1, .done = done, .user = user };
	if (asprintf(&opening->path, "%s/%s", opener->root, path) < 0) {
		free(opening);
		return -ENOMEM;
	}

	pthread_mutex_lock(&opener->lock);
	list_append(&opener->wanted, &opening->link);
	pthread_cond_signal(&opener->wanted_changed);
	pthread_mutex_unlock(&opener->lock);
	*ret = opening;
	return 0;
}

void opening_cancel(struct opening *opening)
{
	opening->done = NULL;
}
