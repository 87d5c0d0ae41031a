/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>

#include "service/queue.h"
#include "util/log.h"
#include "util/process.h"

void seat_init(struct seat *seat, struct queue *queue, enum side side)
{
	*seat = (struct seat){ .queue = queue, .side = side, .ended.fd = -1 };
}

static void set_free(struct seat *seat)
{
	process_unwatch(seat->queue->registry->loop, &seat->ended);
	seat->holder = (struct holder){ 0 };
	seat->state = SEAT_FREE;
}

void seat_deinit(struct seat *seat)
{
	set_free(seat);
}

static int open_file(struct seat *seat, int flags)
{
	return store_open_memory(seat->queue->registry->store, seat->queue->node->id, seat->side,
				 flags);
}

/* Who has a lock on the whole file: l_type F_UNLCK means nobody. It may be, if we cannot look. */
static struct flock lock_of_others(struct seat *seat)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_(closep) int fd = -1;

	if (tree_memory_is_linked)
		fd = open_file(seat, O_RDWR);
	if (fd == -EMFILE || fd == -ENFILE)
		return lock;
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
		lock.l_type = F_UNLCK;
	return lock;
}

bool seat_is_held(struct seat *seat)
{
	return seat->state != SEAT_FREE || lock_of_others(seat).l_type != F_UNLCK;
}

void seat_show(struct seat *seat, FILE *out)
{
	struct flock lock;

	switch (seat->state) {
	case SEAT_FREE:
		lock = lock_of_others(seat);
		if (lock.l_type == F_UNLCK)
			fputs("none\n", out);
		else if (lock.l_pid > 0)
			fprintf(out, "%d\n", lock.l_pid);
		else
			fputs("held\n", out);	/* an open file's lock has no pid */
		return;
	case SEAT_FSD:
		fputs("fsd\n", out);
		return;
	case SEAT_PROGRAM:
	case SEAT_ADOPTED:
		if (seat->holder.pid > 0)
			fprintf(out, "%d\n", seat->holder.pid);
		else
			fputs("held\n", out);	/* of another pid namespace */
		return;
	}
}

static void log_change(const struct seat *seat, const char *what)
{
	log_debug("role %s: %s of queue '%s' pid=%d", what,
		  seat->side == SIDE_PRODUCER ? "producer" : "consumer",
		  seat->queue->node->name, seat->holder.pid);
}

static bool is_same(const struct holder *a, const struct holder *b)
{
	return a->pid != 0 && a->pid == b->pid && a->start_time == b->start_time;
}

int seat_take(struct seat *seat, const struct caller *caller)
{
	pid_t pid = process_of_thread(caller->pid);
	struct holder holder = { pid, process_start_time(pid) };
	int r;

	if (seat->state != SEAT_FREE &&
	    !(seat->state == SEAT_ADOPTED && is_same(&seat->holder, &holder)))
		return -EBUSY;
	set_free(seat);
	seat->state = SEAT_PROGRAM;
	seat->holder = holder;
	r = queue_save(seat->queue);
	if (r < 0)
		set_free(seat);
	else
		log_change(seat, "taken");
	return r;
}

void seat_release(struct seat *seat)
{
	int r;

	log_change(seat, "free");
	set_free(seat);
	r = queue_save(seat->queue);
	if (r < 0)	/* At a restart the process is found to be gone, or has it still. */
		log_limited("cannot record that a role of queue '%s' is free, ignoring",
			    seat->queue->node->name);
}

int seat_join(struct seat *seat)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_(closep) int fd = -1;

	if (seat->state != SEAT_FREE)
		return -EBUSY;
	fd = open_file(seat, O_RDWR);
	if (fd < 0)
		return fd;
	if (tree_memory_is_linked && fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	seat->state = SEAT_FSD;
	return steal_fd(&fd);
}

void seat_leave(struct seat *seat)
{
	set_free(seat);
}

static void on_ended(struct source *source, uint32_t events)
{
	struct seat *seat = container_of(source, struct seat, ended);

	(void)events;
	seat_release(seat);
}

void seat_adopt(struct seat *seat, const struct holder *holder)
{
	int r;

	/* With links the holder's lock lives on by itself. */
	if (tree_memory_is_linked || holder->pid == 0)
		return;
	seat->ended = SOURCE_INIT(on_ended);
	r = process_watch(seat->queue->registry->loop, &seat->ended, holder->pid,
			  holder->start_time);
	registry_lacks(seat->queue->registry, r);
	if (r < 0)
		return;
	seat->state = SEAT_ADOPTED;
	seat->holder = *holder;
	log_change(seat, "kept");
}
