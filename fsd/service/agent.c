/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/agent.h"

/* The FIFO on which a side is rung. */
static const char *const bell_names[N_SIDES] = {
	[SIDE_PRODUCER] = "serviced",
	[SIDE_CONSUMER] = "notify",
};

static const enum role roles[N_SIDES] = {
	[SIDE_PRODUCER] = ROLE_PRODUCER,
	[SIDE_CONSUMER] = ROLE_CONSUMER,
};

static enum side other_side(enum side side)
{
	return side == SIDE_PRODUCER ? SIDE_CONSUMER : SIDE_PRODUCER;
}

/* "IOService/…/q/notify" */
static char *bell_path(const struct agent *agent, enum side side)
{
	_cleanup_(freep) char *queue = node_path(agent->queue->node);

	return queue ? text_print("%s/%s", queue, bell_names[side]) : NULL;
}

static void free_if_idle(struct queue *queue);

static void on_bell(struct bell *bell, enum side side)
{
	struct agent *agent = container_of(bell - side, struct agent, bells[0]);

	agent->wanted = UINT64_MAX;
	node_changed(agent->queue->node);
	free_if_idle(agent->queue);
}

static void on_serviced(struct bell *bell)
{
	on_bell(bell, SIDE_PRODUCER);
}

static void on_notify(struct bell *bell)
{
	on_bell(bell, SIDE_CONSUMER);
}

static struct agent *agent_new(struct queue *queue)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	if (!agent)
		return NULL;
	agent->queue = queue;
	agent->wanted = UINT64_MAX;
	agent->fds[SIDE_PRODUCER] = agent->fds[SIDE_CONSUMER] = -1;
	bell_init(&agent->bells[SIDE_PRODUCER], queue->registry->loop, on_serviced);
	bell_init(&agent->bells[SIDE_CONSUMER], queue->registry->loop, on_notify);
	return agent;
}

struct agent *agent_free(struct agent *agent)
{
	if (!agent)
		return NULL;
	for (int i = 0; i < N_SIDES; i++) {
		bell_deinit(&agent->bells[i]);
		close_fd(agent->fds[i]);
	}
	view_close(&agent->view);
	free(agent);
	return NULL;
}

/* Ring the other side of @side's in the ways of @how. */
static void ring_other(struct agent *agent, enum side side, unsigned how)
{
	enum side other = other_side(side);
	_cleanup_(freep) char *path = NULL;

	if (how == 0)
		return;
	wait_ring(&agent->rings[side], how);
	if (!(how & QUEUE_WAIT_FIFO))
		return;
	path = bell_path(agent, other);
	if (path)
		bell_ring(&agent->bells[other], agent->queue->registry->opener, path);
}

static int attach(struct agent *agent, enum side side)
{
	struct queue *queue = agent->queue;
	int r = 0;

	if (agent->view.memory.n_data == 0)
		r = view_open(queue, ROLE_CREATOR, &agent->view);
	if (r == 0)
		r = ring_attach(&agent->rings[side], roles[side], &agent->view.memory,
				&queue->geometry);
	if (r < 0)
		return r;
	if (view_is_lost(&agent->view))
		return -EIO;
	agent->n_files[side] = 1;
	ring_other(agent, side, wait_attach(&agent->rings[side]));
	return 0;
}

/* What was rung for goes on being rung for; the memory may be replaced meanwhile. */
static void free_if_idle(struct queue *queue)
{
	struct agent *agent = queue->agent;

	if (agent->n_files[SIDE_PRODUCER] > 0 || agent->n_files[SIDE_CONSUMER] > 0)
		return;
	if (bell_is_due(&agent->bells[SIDE_PRODUCER]) || bell_is_due(&agent->bells[SIDE_CONSUMER]))
		view_close(&agent->view);
	else
		queue->agent = agent_free(agent);
}

int agent_join(struct queue *queue, enum side side)
{
	int fd, r;

	if (queue->removed)
		return -ENODEV;
	if (!queue->agent && !(queue->agent = agent_new(queue)))
		return -ENOMEM;
	if (queue->agent->n_files[side] > 0) {
		queue->agent->n_files[side]++;
		return 0;
	}
	fd = seat_join(&queue->seats[side]);
	r = fd < 0 ? fd : attach(queue->agent, side);
	if (r < 0) {
		if (fd >= 0)
			seat_leave(&queue->seats[side]);
		close_fd(fd);
		free_if_idle(queue);
		return r;
	}
	queue->agent->fds[side] = fd;
	return 0;
}

void agent_leave(struct queue *queue, enum side side)
{
	struct agent *agent = queue->agent;

	if (--agent->n_files[side] > 0)
		return;
	wait_detach(&agent->rings[side]);
	seat_leave(&queue->seats[side]);
	agent->fds[side] = close_fd(agent->fds[side]);
	/* Our end of the FIFO that we heard; the other is that of the other role's. */
	bell_listen(&agent->bells[side], false);
	free_if_idle(queue);
}

/* What a ring call said, unless the memory went away under it. */
static int checked(struct agent *agent, int r)
{
	if (agent->queue->removed)
		return -ENODEV;
	return view_is_lost(&agent->view) ? -EIO : r;
}

int agent_enqueue(struct queue *queue, const void *data, size_t size)
{
	struct ring *ring = &queue->agent->rings[SIDE_PRODUCER];
	int r = checked(queue->agent, ring_enqueue(ring, data, size));

	if (r == 0)
		ring_other(queue->agent, SIDE_PRODUCER, wait_due(ring));
	return r;
}

int agent_dequeue(struct queue *queue, void *buffer, uint32_t *size)
{
	struct ring *ring = &queue->agent->rings[SIDE_CONSUMER];
	int r = checked(queue->agent, ring_dequeue(ring, buffer, size));

	if (r == 0)
		ring_other(queue->agent, SIDE_CONSUMER, wait_due(ring));
	return r;
}

int agent_can_enqueue(struct queue *queue, size_t size)
{
	return checked(queue->agent, ring_can_enqueue(&queue->agent->rings[SIDE_PRODUCER], size, 1));
}

int agent_can_dequeue(struct queue *queue)
{
	int r = checked(queue->agent, ring_available(&queue->agent->rings[SIDE_CONSUMER]));

	return r == 0 ? -ENODATA : r < 0 ? r : 0;
}

int agent_wait(struct queue *queue, enum side side, size_t size)
{
	struct agent *agent = queue->agent;
	struct ring *ring = &agent->rings[side];
	_cleanup_(freep) char *path = bell_path(agent, side);
	int r = path ? bell_open(&agent->bells[side], queue->registry->opener, path) : -ENOMEM;

	if (r <= 0)
		return r;	/* being opened: bell's `changed` brings us here again */
	r = bell_listen(&agent->bells[side], true);
	if (r < 0)
		return r;
	if (side == SIDE_PRODUCER && ring_span(ring, size) < agent->wanted)
		agent->wanted = ring_span(ring, size);
	r = wait_arm(ring, QUEUE_WAIT_FIFO, agent->wanted);
	if (r < 0)
		return 1;	/* the call itself tells what is wrong */
	/* Armed for the least that is wanted: it may be there, and not be enough for this one. */
	r = side == SIDE_PRODUCER ? agent_can_enqueue(queue, size) : agent_can_dequeue(queue);
	return r != -EOVERFLOW && r != -ENODATA;
}
