/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "service/bell.h"
#include "util/cleanup.h"

static void on_rung(struct source *source, uint32_t events)
{
	struct bell *bell = container_of(source, struct bell, source);
	char bytes[256];

	(void)events;
	while (read(source->fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		;
	bell->changed(bell);
}

void bell_init(struct bell *bell, struct loop *loop, void (*changed)(struct bell *bell))
{
	*bell = (struct bell){ .source = SOURCE_INIT(on_rung), .loop = loop, .changed = changed };
}

void bell_deinit(struct bell *bell)
{
	if (bell->opening)
		opening_cancel(steal(bell->opening));
	loop_unwatch(bell->loop, &bell->source);
	bell->source.fd = close_fd(bell->source.fd);
}

static void write_byte(struct bell *bell)
{
	bell->ring_is_due = false;
	if (write(bell->source.fd, "\n", 1) < 0)
		return;		/* full: it rings already */
}

static void on_open(void *user, int fd)
{
	struct bell *bell = user;

	bell->opening = NULL;
	if (fd < 0)
		bell->error = fd;
	else
		bell->source.fd = fd;
	if (fd >= 0 && bell->ring_is_due)
		write_byte(bell);
	bell->changed(bell);
}

int bell_open(struct bell *bell, struct opener *opener, const char *path)
{
	if (bell->source.fd >= 0)
		return 1;
	if (bell->opening || bell->error < 0)
		return bell->error;
	return opener_start(opener, path, O_RDWR | O_NONBLOCK, on_open, bell, &bell->opening);
}

int bell_listen(struct bell *bell, bool listen)
{
	if (listen)
		return loop_watch(bell->loop, &bell->source, EPOLLIN);
	loop_unwatch(bell->loop, &bell->source);
	return 0;
}

void bell_ring(struct bell *bell, struct opener *opener, const char *path)
{
	bell->ring_is_due = true;
	if (bell_open(bell, opener, path) == 1)
		write_byte(bell);
}

bool bell_is_due(const struct bell *bell)
{
	return bell->opening && bell->ring_is_due;
}
