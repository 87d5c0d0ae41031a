/* SPDX-License-Identifier: MIT */
/*
 * fuzz_files - what programs write to any file of the tree, of a service with a driver and
 * connections, of a queue, and of a stream with both ends
 *
 * An input is lines: a letter that means a file, what is done with it, and a text.
 *
 *	c<		open `c`, a service's ctl; with > closed
 *	c=register	a line is written, and with : the same without its newline
 *	c?		read
 *	d!"so":[1]	a driver answers the last question it was asked, with that
 *
 * With { it is opened by somebody else. What a write was refused has changed nothing, and the
 * refusal says why. When all is closed, all can be removed.
 */
#include <fcntl.h>
#include <poll.h>

#include "daemon.h"

#define N_TEXT	4096

static const struct path {
	char letter;
	const char *path;		/* $: the connection that was opened last */
} paths[] = {
	{ 'R', "ctl" }, { 'O', "console" }, { 'M', "match" }, { 'W', "watch" }, { 'E', "events" },
	{ 'Q', "quiet" }, { 'P', "IOService/props" }, { 'K', "IOService/prop/IORegistryPlanes" },
	{ 'c', "IOService/Test/ctl" }, { 'k', "IOService/Test/class" }, { 'p', "IOService/Test/props" },
	{ 'y', "IOService/Test/prop/key" }, { 't', "IOService/Test/methods" },
	{ 'd', "IOService/Test/driver" }, { 'f', "IOService/Test/match" },
	{ 'e', "IOService/Test/events" }, { 'g', "IOService/Test/quiet" },
	{ 'o', "IOService/Test/clone" }, { 'z', "IOService/Test/clone.7" },
	{ 'u', "IOService/Test/clients/$/ctl" }, { 'a', "IOService/Test/clients/$/call" },
	{ 's', "IOService/Test/clients/$/async" }, { 'q', "IOService/Test/clients/$/props" },
	{ 'm', "IOService/Test/clients/$/m/0" }, { 'n', "IOService/Test/clients/$/struct/0" },
	{ 'r', "IOService/Test/clients/$/port/1" },
	{ 'C', "IOService/IOResources/queues/q/capacity" },
	{ 'X', "IOService/IOResources/queues/q/max_entry" },
	{ 'Z', "IOService/IOResources/queues/q/reset" },
#define STREAM "IOService/IOResources/streams/s/"
	{ '0', STREAM "mode" }, { '1', STREAM "start" }, { '2', STREAM "stop" },
	{ '3', STREAM "suspend" }, { '4', STREAM "drain" }, { '5', STREAM "queue_length" },
	{ '6', STREAM "linger" }, { '7', STREAM "lend" }, { '8', STREAM "buffers/0/size" },
	{ '9', STREAM "buffers/0/control_size" }, { 'i', STREAM "io" },
	{ 'A', STREAM "input/enqueue" }, { 'B', STREAM "input/notify" },
	{ 'D', STREAM "input/notify_sync" }, { 'F', STREAM "output/dequeue" },
	{ 'G', STREAM "output/notify" }, { 'H', STREAM "driver/control" },
	{ 'I', STREAM "driver/io" }, { 'J', STREAM "driver/enqueue" },
	{ 'L', STREAM "driver/dequeue" }, { 'N', STREAM "driver/notify" },
	{ 'S', STREAM "driver/ack" }, { 'T', STREAM "driver/drop" },
	{ 'U', STREAM "driver/modes" }, { 'V', STREAM "driver/queues" },
};

#define N_PATHS (sizeof(paths) / sizeof(paths[0]))

/* One open file of each path. */
static struct open_file {
	struct file *file;
	struct list link;		/* of what it may wait for */
	struct caller caller;
	bool is_opening, has_failed;	/* the open waits; or was refused */
	char *waiting;			/* owned: a write that waits */
	size_t n_waiting;
	char said[N_TEXT];		/* the last that was read of it */
} open_files[N_PATHS];

/* Finding */

static uint64_t last_connection(void)
{
	const struct node *node = node_find(registry.plane->node, "Test");

	return node ? ((const struct service *)node->object)->last_connection : 0;
}

static struct node *below(struct node *node, const char *name)
{
	struct node *child = node_find(node, name);

	if (!child && node->def->find && node->def->find(node, name, &child) < 0)
		return NULL;
	return child;
}

/* A file is its node's row, or is a node; one that is not there may be made. */
static struct node *find(const char *path, const struct row **ret)
{
	struct node *node = registry.root, *before = NULL;
	char copy[128], *rest = copy, *part;

	snprintf(copy, sizeof(copy), "%s", path);
	while (node && (part = strsep(&rest, "/"))) {
		char number[24];

		snprintf(number, sizeof(number), "%llu", (unsigned long long)last_connection());
		before = node;
		*ret = node_row(node, part);
		if (*ret && !rest)
			return node;
		node = below(node, strcmp(part, "$") == 0 ? number : part);
		if (!node && !rest && before->def->create)
			before->def->create(before, part, 0666, &(struct caller){ 0 }, &node);
	}
	*ret = node ? node->def->leaf : NULL;
	return node;
}

/* Doing */

static void check_unchanged(ssize_t n, char *before)
{
	struct failure why;
	char *after;

	failure_take(&why);
	after = show_tree();
	if (n < 0) {
		CHECK(strcmp(before, after) == 0);
		CHECK(n != -EMSGSIZE || (why.error == n && *why.message));
		CHECK(n != -EINVAL || (why.error == n && (*why.message || why.code)));
	}
	free(before);
	free(after);
}

static bool must_wait(ssize_t n)
{
	return n == FILE_WAIT || n == FILE_WAIT_ALWAYS;
}

/* Also again, when it had to wait. */
static void write_text(struct open_file *of, const char *text, size_t size)
{
	struct file *file = of->file;
	char *before = show_tree();
	ssize_t n = file->row->ops->write(file, text, size, 0, &of->caller);

	CHECK(n <= (ssize_t)size);
	if (!must_wait(n)) {
		check_unchanged(n, before);
		return;
	}
	free(before);
	of->waiting = malloc(size + 1);
	CHECK(of->waiting);
	memcpy(of->waiting, text, size);
	of->n_waiting = size;
}

static void begin_write(struct open_file *of, const char *text, size_t size, bool newline)
{
	char line[N_TEXT];

	if (!of->file || of->is_opening || of->has_failed || of->waiting || !of->file->row->ops->write ||
	    !(of->file->row->mode & 0222) || size + newline == 0 ||
	    size + newline > sizeof(line))
		return;
	memcpy(line, text, size);
	line[size] = '\n';
	write_text(of, line, size + newline);
}

static void read_some(struct open_file *of)
{
	bool is_there = of->file && !of->is_opening && !of->has_failed;
	const struct file_ops *ops = is_there ? of->file->row->ops : NULL;
	ssize_t n = ops && ops->read && of->file->row->mode & 0444 ?
		ops->read(of->file, of->said, sizeof(of->said) - 1, 0) : 0;

	CHECK(n < (ssize_t)sizeof(of->said));
	if (n > 0)
		of->said[n] = '\0';
	if (ops && ops->poll)
		ops->poll(of->file);
}

static void close_one(struct open_file *of)
{
	struct file *file = of->file;

	if (!file)
		return;
	if (of->waiting && file->row->ops->interrupted)
		file->row->ops->interrupted(file);
	if (!of->has_failed && file->row->ops->flush)
		file->row->ops->flush(file);
	list_remove(&of->link);
	if (file->is_open && file->row->ops->release)
		file->row->ops->release(file);
	node_unref(file->node);
	free(file);
	free(of->waiting);
	*of = (struct open_file){ 0 };
}

static void try_open(struct open_file *of)
{
	const struct file_ops *ops = of->file->row->ops;
	int r = ops->open ? ops->open(of->file, &of->caller) : 0;

	of->is_opening = r == FILE_WAIT_ALWAYS;
	of->has_failed = r < 0 && !of->is_opening;
	of->file->is_open |= !of->has_failed;
}

static void try_again(struct open_file *of)
{
	char *text = steal(of->waiting);

	if (of->is_opening)
		try_open(of);
	else if (text)
		write_text(of, text, of->n_waiting);
	free(text);
}

/* Who waits for it tries again, at once: fuse/parked.c does that. */
static void retry(struct waits *waits)
{
	waits->changed = true;
	if (waits->is_retried)
		return;
	waits->is_retried = true;
	while (waits->changed) {
		waits->changed = false;
		for (size_t i = 0; i < N_PATHS; i++)
			if (open_files[i].file && file_waits(open_files[i].file) == waits)
				try_again(&open_files[i]);
	}
	waits->is_retried = false;
}

static void open_one(struct open_file *of, const char *path, uid_t uid)
{
	const struct row *row;
	struct node *node = find(path, &row);
	struct file *file;

	if (!node || !row || !row->ops || of->file)
		return;
	file = calloc(1, sizeof(*file));
	CHECK(file);
	*file = (struct file){
		.row = row, .node = node_ref(node),
		.flags = O_NONBLOCK | (row->mode & 0222 ? row->mode & 0444 ? O_RDWR : O_WRONLY : O_RDONLY),
	};
	waits_init(&file->own);
	list_init(&file->pollers);
	list_init(&file->open_files);
	of->file = file;
	list_init(&of->link);
	list_append(&file_waits(file)->parked, &of->link);
	of->caller = (struct caller){ uid, uid, getpid() };
	try_open(of);
}

/* What a driver was asked last has a number; @text is the rest of the answer. */
static void answer(struct open_file *of, const char *text, size_t size)
{
	const char *id = of->file ? strstr(of->said, "\"id\":") : NULL;
	char line[N_TEXT];
	int n;

	if (!id || size > N_TEXT / 2)
		return;
	n = snprintf(line, sizeof(line), "{\"id\":%llu,%.*s}", strtoull(id + 5, NULL, 10),
		     (int)size, text);
	begin_write(of, line, (size_t)n, true);
}

static void step(const char *line, size_t size)
{
	struct open_file *of = NULL;
	size_t i;

	for (i = 0; i < N_PATHS && size > 1; i++) {
		if (paths[i].letter != line[0])
			continue;
		of = &open_files[i];
		break;
	}
	if (!of)
		return;
	switch (line[1]) {
	case '<':
	case '{':
		open_one(of, paths[i].path, line[1] == '<' ? geteuid() : 1001);
		break;
	case '>':
		close_one(of);
		break;
	case '?':
		read_some(of);
		break;
	case '!':
		answer(of, line + 2, size - 2);
		break;
	case '=':
	case ':':
		begin_write(of, line + 2, size - 2, line[1] == '=');
		break;
	default:
		return;
	}
	failure_take(&(struct failure){ 0 });
	log_set_level(LOG_ERR);			/* ctl may have said otherwise */
	for (i = 0; i < N_PATHS; i++)
		if (open_files[i].has_failed)
			close_one(&open_files[i]);
}

/* What there is */

static void make_things(void)
{
	const struct making making = {
		.own = { geteuid(), getegid(), 0755 }, .files = { geteuid(), getegid(), 0755 },
		.capacity = 4096,
	};
	struct stream *stream;
	json_t *nobody = json_array();

	start_daemon();
	tree_on_change = retry;
	CHECK(service_make(registry.plane, "Test", &making, NULL) == 0);
	CHECK(service_make_queue(registry.resources, "q", &making) == 0);
	CHECK(service_make_stream(registry.resources, "s", &making, &stream) == 0);
	CHECK(stream_add_buffer(stream, 64, 16) == kIOReturnSuccess);
	CHECK(stream_add_buffer(stream, 64, 16) == kIOReturnSuccess);
	CHECK(policy_set_console(registry.policy, nobody) == 0);
	json_decref(nobody);
}

static void remove_things(void)
{
	struct node *queues = registry.resources->queues, *streams, *test;
	struct stream *stream;

	for (size_t i = 0; i < N_PATHS; i++)
		close_one(&open_files[i]);
	test = node_find(registry.plane->node, "Test");
	if (test)
		CHECK(service_terminate(test->object) == 0);
	test = node_find(registry.plane->node, "Test");
	CHECK(!test || service_remove(test->object) == 0);
	streams = node_find(registry.resources->node, "streams");
	stream = node_find(streams, "s")->object;
	if (stream->client == CLIENT_LINGERING)
		stream_finish_close(stream);	/* as when its time is over */
	CHECK(stream_remove(stream) == 0);
	CHECK(queue_remove(node_find(queues, "q")->object) == 0);
	CHECK(registry.n_queues == 0 && registry.n_streams == 0 && registry.n_clients == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *at = (const char *)bytes, *end = at + n;
	unsigned steps = 0;

	make_things();
	while (at < end && ++steps <= 64) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline ? newline : end;

		step(at, (size_t)(line_end - at));
		at = line_end + 1;
	}
	remove_things();
	return 0;
}
