/* SPDX-License-Identifier: MIT */
/*
 * After a restart of fsd the processes are there still that drove services: each of these waits
 * for its own, until that has `driver` open again, or ends.
 */
#include <errno.h>
#include <string.h>

#include "service/driver.h"
#include "util/log.h"
#include "util/process.h"

/* One process, however many services it drove: descriptors are fewer than services may be. */
struct past_driver {
	struct list all;		/* registry.past_drivers */
	struct list services;		/* struct service.awaiting */
	struct registry *registry;	/* borrowed */
	struct holder holder;
	struct source ended;		/* a pidfd */
};

static void free_past_driver(struct past_driver *past)
{
	process_unwatch(past->registry->loop, &past->ended);
	list_remove(&past->services);	/* those that are left are in a list of their own */
	list_remove(&past->all);
	free(past);
}

static void on_ended(struct source *source, uint32_t events)
{
	struct past_driver *past = container_of(source, struct past_driver, ended);
	struct list services = LIST_INIT(services);
	struct service *service;

	(void)events;
	list_for_each(service, &past->services, awaiting)
		service->past_driver = NULL;
	list_append(&past->services, &services);
	free_past_driver(past);
	/* One that ends takes others with it. */
	while (!list_is_empty(&services)) {
		service = container_of(services.next, struct service, awaiting);
		list_remove(&service->awaiting);
		service_lost_driver(service);
	}
}

static struct past_driver *find(const struct registry *registry, const struct holder *holder)
{
	struct past_driver *past;

	list_for_each(past, &registry->past_drivers, all)
		if (past->holder.pid == holder->pid &&
		    past->holder.start_time == holder->start_time)
			return past;
	return NULL;
}

/* Return: 0, -ESRCH when it has ended, or what stopped us. */
static int watch(struct registry *registry, const struct holder *holder, struct past_driver **ret)
{
	struct past_driver *past = calloc(1, sizeof(*past));
	int r;

	if (!past)
		return -ENOMEM;
	past->registry = registry;
	past->holder = *holder;
	past->ended = SOURCE_INIT(on_ended);
	list_init(&past->services);
	r = process_watch(registry->loop, &past->ended, holder->pid, holder->start_time);
	if (r < 0) {
		free(past);
		return r;
	}
	/* First: those that come next are most often its own. */
	list_append(registry->past_drivers.next, &past->all);
	*ret = past;
	return 0;
}

void service_await_driver(struct service *service)
{
	const struct holder *holder = &service->driven_by;
	struct past_driver *past;
	int r = 0;

	if (holder->pid <= 0)	/* nobody, or nobody knows who: another may come */
		return;
	past = find(service->registry, holder);
	if (!past)
		r = watch(service->registry, holder, &past);
	if (r == -ESRCH) {	/* as service_lost_driver(), when all services are there */
		service->driven_by = (struct holder){ 0 };
		service->is_orphan = false;
		service->must_end |= !service->survives;
	} else if (r < 0) {
		log_limited("cannot see when the driver of service '%s' ends (%s), ignoring",
			    service->node->name, strerror(-r));
	} else {
		service->past_driver = past;
		list_append(&past->services, &service->awaiting);
	}
}

void service_await_no_driver(struct service *service)
{
	struct past_driver *past = service->past_driver;

	service->past_driver = NULL;
	list_remove(&service->awaiting);
	if (past && list_is_empty(&past->services))
		free_past_driver(past);
}
