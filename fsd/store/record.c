/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "store/record.h"
#include "util/escape.h"

#define RECORD_FORMAT 1

static const char *const kind_names[] = {
	[RECORD_SERVICE] = "service",
	[RECORD_QUEUE]   = "queue",
	[RECORD_STREAM]  = "stream",
};

static const char *const side_names[N_SIDES] = {
	[SIDE_PRODUCER] = "producer",
	[SIDE_CONSUMER] = "consumer",
};

void record_deinit(struct record *record)
{
	for (size_t i = 0; i < record->n_rows; i++)
		free(record->rows[i].name);
	free(record->rows);
	free(record->name);
	json_decref(record->details);
	*record = (struct record){ 0 };
}

int record_save_rows(struct record *record, const struct node *node)
{
	if (!node->rows)
		return 0;
	record->rows = calloc(node_n_rows(node), sizeof(*record->rows));
	if (!record->rows)
		return -ENOMEM;
	for (const struct row *row = node->def->rows; row->name; row++) {
		char *name = strdup(row->name);

		if (!name)
			return -ENOMEM;
		record->rows[record->n_rows++] = (struct record_row){
			name, node_attributes(node, row)
		};
	}
	return 0;
}

int record_adopt_rows(const struct record *record, struct node *node)
{
	for (size_t i = 0; i < record->n_rows; i++) {
		const struct row *row = node_row(node, record->rows[i].name);
		int r = row ? node_keep_attributes(node, row, &record->rows[i].attributes) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

json_t *record_attributes_to_json(const struct attributes *attributes)
{
	return json_pack("[I,I,I]", (json_int_t)attributes->uid, (json_int_t)attributes->gid,
			 (json_int_t)attributes->mode);
}

int record_attributes_from_json(json_t *value, struct attributes *ret)
{
	json_int_t uid, gid, mode;

	if (json_unpack(value, "[I,I,I!]", &uid, &gid, &mode) < 0 || uid < 0 || uid > UINT32_MAX ||
	    gid < 0 || gid > UINT32_MAX || mode < 0 || mode > (S_IFMT | 07777))
		return -EBADMSG;
	*ret = (struct attributes){ (uid_t)uid, (gid_t)gid, (mode_t)mode };
	return 0;
}

json_t *record_rows_to_json(const struct record *record)
{
	json_auto_t *rows = json_object();

	for (size_t i = 0; rows && i < record->n_rows; i++)
		if (json_object_set_new(rows, record->rows[i].name,
					record_attributes_to_json(&record->rows[i].attributes)) < 0)
			return NULL;
	return steal(rows);
}

int record_rows_from_json(json_t *value, struct record *record)
{
	const char *name;
	json_t *row;

	if (!json_is_object(value))
		return -EBADMSG;
	record->rows = calloc(json_object_size(value) + 1, sizeof(*record->rows));
	if (!record->rows)
		return -ENOMEM;
	json_object_foreach(value, name, row) {
		struct record_row *to = &record->rows[record->n_rows];

		to->name = strdup(name);
		if (!to->name)
			return -ENOMEM;
		record->n_rows++;
		if (record_attributes_from_json(row, &to->attributes) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int add_queue(json_t *object, const struct record *record)
{
	json_auto_t *queue = json_pack("{s:I, s:I, s:b}",
		"capacity", (json_int_t)record->capacity,
		"max_entry", (json_int_t)record->max_entry,
		"max_entry_is_set", (int)record->max_entry_is_set);

	for (int i = 0; queue && i < N_SIDES; i++)
		if (json_object_set_new(queue, side_names[i], json_pack("[I,I]",
				(json_int_t)record->holders[i].pid,
				(json_int_t)record->holders[i].start_time)) < 0)
			return -1;
	return json_object_set(object, "queue", queue);
}

char *record_to_text(const struct record *record)
{
	_cleanup_(freep) char *name = escape(record->name);
	json_auto_t *object = NULL;

	if (!name)
		return NULL;
	object = json_pack("{s:i, s:s, s:I, s:s, s:o, s:o, s:o, s:b}",
		"format", RECORD_FORMAT,
		"kind", kind_names[record->kind],
		"parent", (json_int_t)record->parent,
		"name", name,
		"own", record_attributes_to_json(&record->own),
		"files", record_attributes_to_json(&record->files),
		"rows", record_rows_to_json(record),
		"persist", (int)record->persist);
	if (!object || (record->kind == RECORD_QUEUE && add_queue(object, record) < 0) ||
	    (record->details && json_object_set(object, "service", record->details) < 0))
		return NULL;
	return json_dumps(object, JSON_INDENT(1));
}

static int queue_from_json(json_t *value, struct record *record)
{
	json_int_t capacity, max_entry, pid[N_SIDES], start[N_SIDES];
	int is_set;

	if (json_unpack(value, "{s:I, s:I, s:b, s:[I,I!], s:[I,I!] !}",
			"capacity", &capacity, "max_entry", &max_entry,
			"max_entry_is_set", &is_set,
			side_names[0], &pid[0], &start[0],
			side_names[1], &pid[1], &start[1]) < 0 ||
	    capacity <= 0 || max_entry < 0 || max_entry > UINT32_MAX)
		return -EBADMSG;
	record->capacity = (uint64_t)capacity;
	record->max_entry = (uint32_t)max_entry;
	record->max_entry_is_set = is_set;
	for (int i = 0; i < N_SIDES; i++)
		record->holders[i] = (struct holder){ (pid_t)pid[i], (uint64_t)start[i] };
	return 0;
}

static int kind_from_name(const char *name, enum record_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*ret = (enum record_kind)i;
			return 0;
		}
	}
	return -EBADMSG;
}

static int from_json(json_t *object, struct record *record)
{
	json_t *own, *files, *rows, *queue = NULL, *details = NULL;
	const char *kind, *name;
	json_int_t parent;
	int format, persist, r;

	if (json_unpack(object, "{s:i, s:s, s:I, s:s, s:o, s:o, s:o, s:b, s?o, s?o !}",
			"format", &format, "kind", &kind, "parent", &parent, "name", &name,
			"own", &own, "files", &files, "rows", &rows, "persist", &persist,
			"queue", &queue, "service", &details) < 0 || format != RECORD_FORMAT)
		return -EBADMSG;
	record->parent = (uint64_t)parent;
	record->persist = persist;
	record->details = json_incref(details);
	record->name = unescape(name);
	if (!record->name || kind_from_name(kind, &record->kind) < 0 ||
	    (record->kind == RECORD_QUEUE) != (queue != NULL))
		return -EBADMSG;
	r = record_attributes_from_json(own, &record->own);
	if (r == 0)
		r = record_attributes_from_json(files, &record->files);
	if (r == 0)
		r = record_rows_from_json(rows, record);
	if (r == 0 && queue)
		r = queue_from_json(queue, record);
	return r;
}

int record_from_text(const char *text, struct record *ret)
{
	json_auto_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	_cleanup_(record_deinit) struct record record = { 0 };
	int r;

	if (!object)
		return -EBADMSG;
	r = from_json(object, &record);
	if (r < 0)
		return r;
	*ret = record;
	record = (struct record){ 0 };
	return 0;
}
