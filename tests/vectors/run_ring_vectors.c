/* SPDX-License-Identifier: MIT */
/*
 * run_ring_vectors - replay ring_vectors.jsonl.gz through the memory layer
 *
 * One TAP line a case, and one for the counts, so that no case is lost in
 * silence. README.md says what is in a line of the file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <jansson.h>
#include <zlib.h>

#include "libqueue/atomic.h"
#include "libqueue/ring.h"

#define N_CASES		676
#define N_OPS		45111

/* One queue with both its sides. */
struct runner {
	struct geometry geometry;
	struct mapping memory;
	struct ring producer, consumer;
};

/* What the test itself needs, without which it says nothing. */
static void need(bool good)
{
	if (!good)
		abort();
}

static char failure[512];	/* what the current case found wrong */

__attribute__((format(printf, 1, 2)))
static bool wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	return false;
}

/*
 * jansson's integers end at 2^63 - 1. Longer ones become strings before it sees
 * them, and number() takes both. The copy is at most three times the line.
 */
static char *quote_long_numbers(const char *line)
{
	char *copy = malloc(3 * strlen(line) + 1), *to = copy;
	bool in_string = false;

	need(copy);
	while (*line) {
		size_t n = in_string ? 0 : strspn(line, "0123456789");
		const char *quote = n >= 19 ? "\"" : "";

		if (n == 0) {
			in_string ^= *line == '"';
			*to++ = *line++;
			continue;
		}
		to += sprintf(to, "%s%.*s%s", quote, (int)n, line, quote);
		line += n;
	}
	*to = '\0';
	return copy;
}

static uint64_t number(const json_t *value)
{
	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 10);
	need(json_is_integer(value));
	return (uint64_t)json_integer_value(value);
}

static uint64_t field(const json_t *object, const char *name)
{
	return number(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

static unsigned char *payload(uint64_t seed, uint64_t n)
{
	uint32_t s = (uint32_t)(seed * 2654435761u + 0x9E3779B9u);
	unsigned char *bytes = malloc(n + 1);

	need(bytes);
	for (uint64_t i = 0; i < n; i++) {
		s = s * 1664525u + 1013904223u;
		bytes[i] = (unsigned char)(s >> 24);
	}
	return bytes;
}

/* The vectors' names, written down a second time on purpose. */
static const char *name_of(int r)
{
	switch (r) {
	case 0:
	case 1:			return "kIOReturnSuccess";
	case -EINVAL:		return "kIOReturnBadArgument";
	case -EIO:		return "kIOReturnError";
	case -ENODATA:		return "kIOReturnUnderrun";
	case -EOVERFLOW:	return "kIOReturnOverrun";
	case -ENOSPC:		return "kIOReturnNoSpace";
	case -EMSGSIZE:		return "kIOReturnMessageTooLarge";
	default:		return "?";
	}
}

static bool check_ret(const json_t *op, int r)
{
	const char *expected = json_string_value(json_object_get(op, "ret"));

	return strcmp(expected, name_of(r)) == 0 || wrong("%s, not %s", name_of(r), expected);
}

static bool check_number(const json_t *op, const char *name, uint64_t value)
{
	const json_t *expected = json_object_get(op, name);

	return !expected || number(expected) == value ||
	       wrong("%s is %" PRIu64 ", not %" PRIu64, name, value, number(expected));
}

static bool check_crc(const json_t *op, const void *bytes, uint32_t n)
{
	const char *expected = json_string_value(json_object_get(op, "crc32"));
	char crc[9];

	snprintf(crc, sizeof(crc), "%08lx", crc32(0, bytes, n));
	return expected && strcmp(crc, expected) == 0 ? true : wrong("crc32 is %s", crc);
}

static bool check_after(const struct runner *runner, const json_t *op)
{
	const struct queue_data *data = runner->memory.data;
	const struct queue_consumer *consumer = runner->memory.consumer;
	const uint64_t words[] = {
		load_relaxed(&consumer->head), load_relaxed(&data->tail),
		load_relaxed(&data->enqueued), load_relaxed(&consumer->dequeued),
		load_relaxed(&data->overruns),
	};
	const json_t *after = json_object_get(op, "after");

	for (size_t i = 0; i < 5; i++)
		if (number(json_array_get(after, i)) != words[i])
			return wrong("word %zu of after is %" PRIu64, i, words[i]);
	return true;
}

static bool do_enqueue(struct runner *runner, const json_t *op)
{
	uint64_t size = field(op, "size");
	bool too_large = size > runner->geometry.max_entry;
	unsigned char *bytes = payload(field(op, "seed"), too_large ? 0 : size);
	int r = ring_enqueue(&runner->producer, is_true(op, "null_data") ? NULL : bytes, size);

	free(bytes);
	return check_ret(op, r);
}

static bool do_dequeue(struct runner *runner, const json_t *op)
{
	const json_t *room = json_object_get(op, "buf");
	uint64_t n_room = json_is_null(room) ? 0 : number(room);
	/* No larger than an entry can be, so that a wrong copy is seen. */
	uint64_t n_buffer = n_room < runner->geometry.max_entry ? n_room :
								  runner->geometry.max_entry;
	unsigned char *buffer = malloc(n_buffer + 1);
	uint32_t size = (uint32_t)n_room;
	bool skips = json_is_null(room), good;
	int r;

	need(buffer && n_room <= UINT32_MAX);
	r = ring_dequeue(&runner->consumer, skips ? NULL : buffer,
			 is_true(op, "null_size") ? NULL : &size);
	good = check_ret(op, r);
	if (good && !is_true(op, "null_size"))
		good = check_number(op, "size", size);
	if (good && r == 0 && !skips)
		good = check_crc(op, buffer, size);
	free(buffer);
	return good;
}

static bool do_peek(struct runner *runner, const json_t *op)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;
	int r = ring_peek(&runner->consumer, &entry, &size, &position);

	if (!check_ret(op, r) || r < 0)
		return r < 0 && !failure[0];
	return check_number(op, "position", position) && check_number(op, "size", size) &&
	       check_crc(op, entry->data, size);
}

static bool do_available(struct runner *runner, const json_t *op)
{
	int r = ring_available(&runner->consumer);

	return check_ret(op, r) && check_number(op, "value", r == 1);
}

static bool do_can_enqueue(struct runner *runner, const json_t *op)
{
	const json_t *count = json_object_get(op, "count");

	return check_ret(op, ring_can_enqueue(&runner->producer, field(op, "size"),
					      count ? number(count) : 1));
}

static bool do_reattach_producer(struct runner *runner, const json_t *op)
{
	return check_ret(op, ring_attach(&runner->producer, ROLE_PRODUCER, &runner->memory, NULL));
}

static bool do_reattach_consumer(struct runner *runner, const json_t *op)
{
	return check_ret(op, ring_attach(&runner->consumer, ROLE_CONSUMER, &runner->memory, NULL));
}

static bool do_reset(struct runner *runner, const json_t *op)
{
	layout_format(runner->memory.data, runner->memory.consumer, &runner->geometry);
	return do_reattach_producer(runner, op) && do_reattach_consumer(runner, op);
}

static bool do_poke(struct runner *runner, const json_t *op)
{
	bool at_consumer = strcmp(json_string_value(json_object_get(op, "file")), "consumer") == 0;
	unsigned char *to = at_consumer ? (void *)runner->memory.consumer :
					  (void *)runner->memory.data;
	const char *hex = json_string_value(json_object_get(op, "hex"));

	to += field(op, "offset");
	if (hex) {
		for (; *hex; hex += 2)
			sscanf(hex, "%2hhx", to++);
	} else if (json_object_get(op, "u32")) {
		store_relaxed((uint32_t *)(void *)to, (uint32_t)field(op, "u32"));
	} else {
		store_relaxed((uint64_t *)(void *)to, field(op, "u64"));
	}
	return true;
}

static bool do_mem(struct runner *runner, const json_t *op)
{
	const unsigned char *from = (const unsigned char *)runner->memory.data;
	const char *expected = json_string_value(json_object_get(op, "hex"));
	uint64_t n = field(op, "length");

	from += field(op, "offset");
	for (uint64_t i = 0; i < n; i++) {
		char hex[3];

		snprintf(hex, sizeof(hex), "%02x", from[i]);
		if (strncmp(hex, expected + 2 * i, 2) != 0)
			return wrong("byte %" PRIu64 " is %s", i, hex);
	}
	return true;
}

static const struct operation {
	const char *name;
	bool (*run)(struct runner *runner, const json_t *op);
} operations[] = {
	{ "enqueue",		do_enqueue },
	{ "dequeue",		do_dequeue },
	{ "peek",		do_peek },
	{ "available",		do_available },
	{ "can_enqueue",	do_can_enqueue },
	{ "reattach_producer",	do_reattach_producer },
	{ "reattach_consumer",	do_reattach_consumer },
	{ "reset",		do_reset },
	{ "poke",		do_poke },
	{ "mem",		do_mem },
};

static bool run_op(struct runner *runner, const json_t *op)
{
	const char *name = json_string_value(json_object_get(op, "op"));

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].name, name) == 0)
			return operations[i].run(runner, op) &&
			       (strcmp(name, "mem") == 0 || check_after(runner, op));
	return wrong("unknown op %s", name);
}

static int make_geometry(const json_t *create, struct geometry *ret)
{
	if (json_object_get(create, "capacity"))
		return geometry_with_capacity(field(create, "capacity"), ret);
	return geometry_with_entries(field(create, "entries"), field(create, "size"), ret);
}

static bool check_geometry(const json_t *test, const struct geometry *geometry)
{
	const json_t *expected = json_object_get(test, "geometry");

	return check_number(expected, "queueSize", geometry->queue_size) &&
	       check_number(expected, "capacity", geometry->capacity) &&
	       check_number(expected, "maxEntry", geometry->max_entry);
}

static void *new_memory(size_t n)
{
	void *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need(memory != MAP_FAILED);
	return memory;
}

static bool run_ops(const struct geometry *geometry, const json_t *ops, unsigned *n_ops)
{
	struct runner runner = { .geometry = *geometry };
	bool good = true;
	const json_t *op;
	size_t i;

	runner.memory.n_data = geometry_file_size(geometry);
	runner.memory.n_consumer = QUEUE_PAGE;
	runner.memory.data = new_memory(runner.memory.n_data);
	runner.memory.consumer = new_memory(runner.memory.n_consumer);
	layout_format(runner.memory.data, runner.memory.consumer, geometry);
	if (ring_attach(&runner.producer, ROLE_PRODUCER, &runner.memory, geometry) < 0 ||
	    ring_attach(&runner.consumer, ROLE_CONSUMER, &runner.memory, geometry) < 0)
		good = wrong("cannot attach");

	json_array_foreach(ops, i, op) {
		if (!good)
			break;
		good = run_op(&runner, op);
		++*n_ops;
		if (!good) {
			char *text = json_dumps(op, JSON_COMPACT);

			printf("# op %zu: %.400s\n", i, text);
			free(text);
		}
	}
	mapping_close(&runner.memory);
	return good;
}

static bool run_case(const json_t *test, unsigned *n_ops)
{
	struct geometry geometry;
	int r = make_geometry(json_object_get(test, "create"), &geometry);
	const char *refusal = json_string_value(json_object_get(test, "create_ret"));

	if (refusal)
		return strcmp(refusal, name_of(r)) == 0 || wrong("create says %s", name_of(r));
	if (r < 0)
		return wrong("create says %s", name_of(r));
	if (!check_geometry(test, &geometry))
		return false;
	return is_true(test, "geometry_only") ||
	       run_ops(&geometry, json_object_get(test, "ops"), n_ops);
}

static void run_line(const char *line, unsigned n, unsigned *n_ops, unsigned *n_failed)
{
	char *exact = quote_long_numbers(line);
	json_error_t error;
	json_t *test = json_loads(exact, JSON_REJECT_DUPLICATES, &error);
	bool good;

	failure[0] = '\0';
	good = test ? run_case(test, n_ops) : wrong("%s", error.text);
	*n_failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", n,
	       json_string_value(json_object_get(test, "name")));
	if (!good)
		printf("# %s\n", failure);
	json_decref(test);
	free(exact);
}

/* The whole file, unpacked, with a terminating zero. */
static char *read_all(const char *path)
{
	gzFile file = gzopen(path, "rb");
	size_t n = 0, n_room = 8 << 20;
	char *text = malloc(n_room);
	int got;

	need(file && text);
	while ((got = gzread(file, text + n, (unsigned)(n_room - n - 1))) > 0)
		n += (size_t)got;
	need(got == 0 && n < n_room - 1);
	gzclose(file);
	text[n] = '\0';
	return text;
}

int main(int argc, char **argv)
{
	unsigned n = 0, n_ops = 0, n_failed = 0;
	char *text, *rest;

	if (argc != 2) {
		fprintf(stderr, "usage: %s VECTORS.jsonl.gz\n", argv[0]);
		return 2;
	}

	printf("1..%d\n", N_CASES + 1);
	text = read_all(argv[1]);
	rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line)
			run_line(line, ++n, &n_ops, &n_failed);

	printf("%s %u - every case and every operation was run\n",
	       n == N_CASES && n_ops == N_OPS ? "ok" : "not ok", n + 1);
	printf("# %u cases, %u operations, %u failed\n", n, n_ops, n_failed);
	free(text);
	return n_failed || n != N_CASES || n_ops != N_OPS;
}
