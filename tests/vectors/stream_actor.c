/* SPDX-License-Identifier: MIT */
/*
 * stream_actor driver|client|connection SERVICE STREAM - one end of a stream of
 * $FSD_MOUNT/IOService/SERVICE: its driver, a client by an IOStreamRef, or one by a connection to
 * the stream's entry in the registry
 *
 * Does what the lines of its input say, one operation a line, and prints for each a line of what
 * that gave; the driver's first line says what stream to make. stream.py, which runs this, knows
 * what is wanted.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "stream_actor.h"

uint64_t number(const json_t *words, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(words, key));
}

const char *text(const json_t *words, const char *key)
{
	const char *value = json_string_value(json_object_get(words, key));

	return value ? value : "";
}

json_t *returned(IOReturn result)
{
	const char *name = IOReturnName(result);

	return name ? json_pack("{ss}", "ret", name) :
		      json_pack("{so}", "ret", json_sprintf("0x%08x", (unsigned)result));
}

json_t *valued(json_t *value)
{
	json_t *answer = returned(kIOReturnSuccess);

	json_object_set_new(answer, "value", value);
	return answer;
}

json_t *entry_returned(IOReturn result, const IOStreamBufferQueueEntry *entry)
{
	json_t *answer = returned(result);

	if (result == kIOReturnSuccess)
		json_object_set_new(answer, "entry",
				    json_pack("[IIIII]", (json_int_t)entry->bufferID,
					      (json_int_t)entry->dataOffset,
					      (json_int_t)entry->dataLength,
					      (json_int_t)entry->controlOffset,
					      (json_int_t)entry->controlLength));
	return answer;
}

static json_t *run(const struct operation *operations, json_t *words)
{
	const char *name = text(words, "op");

	for (; operations->name; operations++)
		if (strcmp(operations->name, name) == 0)
			return operations->run(words);
	errx(1, "operation %s", name);
}

static void print(json_t *answer)
{
	json_dumpf(answer, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(answer);
}

/* The next line of the input, or NULL at its end. */
static json_t *next_line(void)
{
	json_error_t error;
	json_t *line = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error);

	if (!line && !feof(stdin))
		errx(1, "line: %s", error.text);
	return line;
}

int main(int argc, char **argv)
{
	const struct operation *operations = client_operations;
	json_t *line;

	if (argc != 4)
		errx(1, "usage: stream_actor driver|client|connection SERVICE STREAM");
	if (strcmp(argv[1], "driver") == 0) {
		operations = driver_operations;
		line = next_line();
		driver_begin(argv[2], argv[3], line);
		json_decref(line);
		print(returned(kIOReturnSuccess));
	} else if (strcmp(argv[1], "connection") == 0) {
		operations = connection_operations;
		connection_begin(argv[2], argv[3]);
	} else {
		client_begin(argv[2], argv[3]);
	}
	while ((line = next_line())) {
		print(run(operations, line));
		json_decref(line);
	}
	return 0;
}
