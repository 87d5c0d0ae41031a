/* SPDX-License-Identifier: MIT */
/*
 * stream_actor - one end of a stream, which does what it is told by a line of JSON
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include <IOKit/IOReturn.h>
#include <IOKit/stream/IOStreamShared.h>

/* What an operation gave; @words are its arguments. */
struct operation {
	const char *name;
	json_t *(*run)(json_t *words);
};

/* Begin. The driver is told in @line what stream to make. */
void driver_begin(const char *service, const char *stream, json_t *line);
void client_begin(const char *service, const char *stream);
void connection_begin(const char *service, const char *stream);

extern const struct operation driver_operations[], client_operations[], connection_operations[];

/* Arguments that may be missing are 0. */
uint64_t number(const json_t *words, const char *key);
const char *text(const json_t *words, const char *key);

/* {"ret": the name of @result}, and then more may be set in it. */
json_t *returned(IOReturn result);
/* {"ret": success, "value": @value} */
json_t *valued(json_t *value);
json_t *entry_returned(IOReturn result, const IOStreamBufferQueueEntry *entry);
