/* SPDX-License-Identifier: MIT */
/*
 * dispatch_queue - runs handlers one after the other: tasks that somebody asked
 * for, and watches, whose descriptor became readable
 */
#pragma once

#include <IOKit/IODispatchQueue.h>

/* Part of what it watches for. All is dispatch_queue's, and 0 before. */
struct dispatch_watch {
	struct dispatch_watch *next;
	uint64_t id;			/* never used again; 0: not watching */
	int fd;				/* borrowed */
	void *object;			/* borrowed: its free() ends the watch */
	void (*ready)(void *object);
	bool kicked;			/* to be run without a look at the descriptor */
};

/*
 * Have @ready called with @object on @queue, once after each
 * dispatch_watch_enable(), when @fd is readable. The object is kept from going
 * while it runs.
 * Return: 0, or a negative errno.
 */
int dispatch_watch_begin(IODispatchQueue *queue, struct dispatch_watch *watch, int fd,
			 void *object, void (*ready)(void *object));
void dispatch_watch_enable(IODispatchQueue *queue, struct dispatch_watch *watch);

/* The same at once, whatever the descriptor says. */
void dispatch_watch_kick(IODispatchQueue *queue, struct dispatch_watch *watch);

/*
 * All of @object is done on @queue from now on, which is retained in *@slot: begin, and kick, so
 * that @ready looks what came meanwhile, and enables the watch. @object is not the caller's any
 * more. Return: kIOReturnSuccess; kIOReturnBusy when it has one, kIOReturnNoResources.
 */
IOReturn dispatch_watch_serve(IODispatchQueue *queue, IODispatchQueue **slot,
			      struct dispatch_watch *watch, int fd,
			      void *object, void (*ready)(void *object));

/* What runs may still run. Harmless when not watching. */
void dispatch_watch_end(IODispatchQueue *queue, struct dispatch_watch *watch);

/* A function that is to run, made beforehand where failure is not wanted then. */
struct dispatch_task {
	struct dispatch_task *next;
	IODispatchFunction function;
	void *refcon;
};

struct dispatch_task *dispatch_task_new(IODispatchFunction function, void *refcon);

/* Have @queue run @task, and free it; without a queue, do so here and now. */
void dispatch_task_submit(IODispatchQueue *queue, struct dispatch_task *task);
