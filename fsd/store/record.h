/* SPDX-License-Identifier: MIT */
/*
 * record - what a restart needs to know of one service or queue, and as JSON
 *
 * A pure translation; store.c keeps the text.
 */
#pragma once

#include <jansson.h>

#include "tree/node.h"

enum record_kind { RECORD_SERVICE, RECORD_QUEUE, RECORD_STREAM };

enum side { SIDE_PRODUCER, SIDE_CONSUMER, N_SIDES };

/* A process, told apart from a later one with the same pid; pid 0: nobody. */
struct holder {
	pid_t pid;
	uint64_t start_time;		/* clock ticks since boot, of proc(5) */
};

/* The attributes of a row that are not its default. */
struct record_row {
	char *name;			/* owned */
	struct attributes attributes;
};

struct record {
	enum record_kind kind;
	uint64_t parent;		/* id of the service that it is in */
	char *name;			/* owned */
	struct attributes own, files;
	struct record_row *rows;	/* owned */
	size_t n_rows;
	bool persist;

	json_t *details;		/* owned: a service's or a stream's, as its file has them; or NULL */

	/* A queue's. */
	uint64_t capacity;
	uint32_t max_entry;
	bool max_entry_is_set;		/* it does not follow the capacity */
	struct holder holders[N_SIDES];
};

void record_deinit(struct record *record);

/* The attributes of @node's rows, where they are not the default; and back. Return: 0, -ENOMEM. */
int record_save_rows(struct record *record, const struct node *node);
int record_adopt_rows(const struct record *record, struct node *node);

/* Parts of a record, for details that hold the like. New references, or NULL; 0, -EBADMSG. */
json_t *record_attributes_to_json(const struct attributes *attributes);
int record_attributes_from_json(json_t *value, struct attributes *ret);
json_t *record_rows_to_json(const struct record *record);
int record_rows_from_json(json_t *value, struct record *record);

/* Return: JSON text, the caller's, or NULL when there is no memory. */
char *record_to_text(const struct record *record);

/* Return: 0, -ENOMEM, or -EBADMSG for anything that record_to_text() does not make. */
int record_from_text(const char *text, struct record *ret);
