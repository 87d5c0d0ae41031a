/* SPDX-License-Identifier: MIT */
/*
 * fuzz_record - any text in place of a record in the state directory, when fsd is started again
 *
 * The first byte says whose: a service's, a queue's or a stream's. The start goes on, what else
 * is kept is there as it was, and one more start finds what this one made of it. A record that
 * is understood is the same when it is written again.
 */
#include <fcntl.h>
#include <inttypes.h>

#include "daemon.h"

static struct node *find(const char *name)
{
	struct node *streams = node_find(registry.resources->node, "streams");

	return strcmp(name, "Test") == 0 ? node_find(registry.plane->node, name) :
	       strcmp(name, "q") == 0 ? node_find(registry.resources->queues, name) :
	       streams ? node_find(streams, name) : NULL;
}

static void make_things(void)
{
	const struct making making = {
		.own = { geteuid(), getegid(), 0755 }, .files = { geteuid(), getegid(), 0755 },
		.capacity = 4096, .persist = true,
	};
	struct service *service;
	struct stream *stream;

	CHECK(service_make(registry.plane, "Test", &making, &service) == 0);
	CHECK(service_register(service) == 0);
	CHECK(service_make_queue(registry.resources, "q", &making) == 0);
	CHECK(service_make_stream(registry.resources, "s", &making, &stream) == 0);
	CHECK(stream_add_buffer(stream, 64, 16) == kIOReturnSuccess);
}

static char *show(const char *name)
{
	struct node *node = find(name);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK(out && node);
	show_all(node, out);
	CHECK(fclose(out) == 0);
	return text;
}

static void start_again(void)
{
	stop_registry();
	start_registry();
	CHECK(registry_adopt(&registry) == 0);
}

static void write_record(uint64_t id, const char *text, size_t n)
{
	char path[sizeof(state) + 40];
	int fd;

	snprintf(path, sizeof(path), "%s/%" PRIu64 "/record.json", state, id);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
}

/* A service whose entry has no number in it gets another one at each start. */
static bool has_number(const struct record *record)
{
	return record->kind != RECORD_SERVICE ||
	       json_integer_value(json_object_get(record->details, "entry")) > 0;
}

/* Return: is what it is of the same after one more start? An orderly end keeps the persistent. */
static bool check_text(const char *text)
{
	struct record record, again;
	char *one, *other;
	bool persist;

	if (record_from_text(text, &record) < 0)
		return true;
	persist = record.persist && has_number(&record);
	one = record_to_text(&record);
	CHECK(one && record_from_text(one, &again) == 0);
	other = record_to_text(&again);
	CHECK(other && strcmp(one, other) == 0);
	record_deinit(&record);
	record_deinit(&again);
	free(one);
	free(other);
	return persist;
}

/* @text with its end. */
static void check_start(const char *text, size_t n, unsigned which, bool persist)
{
	static const char *const names[] = { "Test", "q", "s" };
	char *before[3], *after, *again;
	uint64_t id;

	make_things();
	for (unsigned i = 0; i < 3; i++)
		before[i] = show(names[i]);
	id = find(names[which])->id;
	stop_registry();
	write_record(id, text, n);
	start_registry();
	CHECK(registry_adopt(&registry) == 0);
	for (unsigned i = 0; i < 3; i++) {
		after = i != which ? show(names[i]) : NULL;
		CHECK(!after || strcmp(before[i], after) == 0);
		free(after);
		free(before[i]);
	}
	after = show_tree();
	start_again();
	again = show_tree();
	CHECK(!persist || strcmp(after, again) == 0);
	free(after);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = strndup((const char *)bytes + (n > 0), n > 0 ? n - 1 : 0);

	bool persist;

	CHECK(text);
	persist = check_text(text);
	start_daemon();
	check_start(text, strlen(text), n > 0 ? bytes[0] % 3 : 0, persist);
	free(text);
	end_daemon();
	return 0;
}
