/* SPDX-License-Identifier: MIT */
/*
 * driver_port - the way back to a client: of an asynchronous call, or of a notification port
 */
#include <pthread.h>
#include <stdlib.h>

#include "driver_port.h"
#include "object.h"

#define N_BUCKETS	1024u
#define FIRST		0x40000000u	/* above all descriptors */
#define STEP		4u

struct item {
	struct item *next;
	mach_port_t number;
	struct driver_port port;
};

/* All of the process: who sends by number does not know the service. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct item *buckets[N_BUCKETS];
static uint32_t last;

static struct item **bucket_of(mach_port_t number)
{
	return &buckets[(uint32_t)number / STEP % N_BUCKETS];
}

static struct item **find(mach_port_t number)
{
	struct item **link = bucket_of(number);

	while (*link && (*link)->number != number)
		link = &(*link)->next;
	return link;
}

/* As late as can be is a number used again. */
static mach_port_t next_number(void)
{
	mach_port_t number;

	do {
		last += STEP;
		number = (mach_port_t)(FIRST | (last & (FIRST - 1)));
	} while (*find(number));
	return number;
}

mach_port_t driver_port_new(const struct driver_port *port)
{
	struct item *item = malloc(sizeof(*item));
	struct item **bucket;
	mach_port_t number;

	if (!item)
		return MACH_PORT_NULL;
	pthread_mutex_lock(&lock);
	number = next_number();
	bucket = bucket_of(number);
	*item = (struct item){ .next = *bucket, .number = number, .port = *port };
	*bucket = item;
	pthread_mutex_unlock(&lock);
	return number;
}

bool driver_port_get(mach_port_t number, struct driver_port *ret)
{
	struct item *item;
	bool found;

	pthread_mutex_lock(&lock);
	item = *find(number);
	found = item && object_try_retain(item->port.service);
	if (found)
		*ret = item->port;
	pthread_mutex_unlock(&lock);
	return found;
}

static void remove_at(struct item **link)
{
	struct item *item = *link;

	*link = item->next;
	free(item);
}

void driver_port_release(mach_port_t number)
{
	struct item **link;

	pthread_mutex_lock(&lock);
	link = find(number);
	if (*link)
		remove_at(link);
	pthread_mutex_unlock(&lock);
}

void driver_ports_release(const IOService *service, uint64_t connection)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < N_BUCKETS; i++) {
		struct item **link = &buckets[i];

		while (*link) {
			const struct driver_port *port = &(*link)->port;

			if (port->service == service && port->connection == connection)
				remove_at(link);
			else
				link = &(*link)->next;
		}
	}
	pthread_mutex_unlock(&lock);
}
