/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/fields.h"
#include "control/methods_text.h"
#include "libqueue/json_text.h"
#include "service/lineage.h"
#include "util/cleanup.h"
#include "util/failure.h"

#define WHAT "methods"
#define N_METHODS_MAX 4096u
#define N_BINDINGS_MAX 4096u	/* in "memory", and in "ports" */
#define NAME_BYTES_MAX 127u
#define FILE_NAME_MAX 255u
#define LEGACY_FOREGROUND 0x10u	/* a flag beside the type, in its low four bits */

static void methods_freep(struct methods **methods)
{
	*methods = methods_free(*methods);
}

/* Where a word is one of a few. */
struct choice {
	const char *word;
	unsigned value;
};

static bool choose(const struct choice *choices, const json_t *value, unsigned *ret)
{
	const char *word = json_string_value(value);

	for (; word && choices->word; choices++)
		if (strcmp(choices->word, word) == 0) {
			*ret = choices->value;
			return true;
		}
	return false;
}

/* Methods */

/* All the characters of a number, whether it has a value or not. */
static bool looks_like_number(const char *name)
{
	bool is_hex = name[0] == '0' && (name[1] == 'x' || name[1] == 'X');

	return is_hex ? strspn(name + 2, "0123456789abcdefABCDEF") == strlen(name + 2) :
			strspn(name, "0123456789") == strlen(name);
}

/* It becomes the name of a file. */
static int take_name(void *to, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!text || !*text || strlen(text) > NAME_BYTES_MAX || strchr(text, '/') ||
	    strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || looks_like_number(text))
		return failure(-EINVAL, WHAT ": \"%s\" must be 1 to 127 bytes without '/', "
			       "and no number", name);
	return field_string(to, name, value);
}

static bool is_any(const json_t *value)
{
	return json_is_string(value) && strcmp(json_string_value(value), "*") == 0;
}

static int take_count(void *to, const char *name, const json_t *value)
{
	uint64_t word = ANY_COUNT;

	if (!is_any(value) && (json_text_word(value, &word) < 0 ||
			       (word > SCALARS_MAX && word != ANY_COUNT)))
		return failure(-EINVAL, WHAT ": \"%s\" must be a number from 0 to 16, or \"*\"",
			       name);
	*(uint32_t *)to = (uint32_t)word;
	return 0;
}

/* Sizes, counts of the legacy kind, and whether there is a completion. */
static int take_size(void *to, const char *name, const json_t *value)
{
	uint64_t word = ANY_COUNT;

	if (!is_any(value) && (json_text_word(value, &word) < 0 || word > UINT32_MAX))
		return failure(-EINVAL, WHAT ": \"%s\" must be a number below 2^32, or \"*\"",
			       name);
	*(uint32_t *)to = (uint32_t)word;
	return 0;
}

static int take_function(void *to, const char *name, const json_t *value)
{
	bool has_function = true;
	int r = field_bool(&has_function, name, value);

	*(bool *)to = !has_function;
	return r;
}

static int take_legacy_type(void *to, const char *name, const json_t *value)
{
	static const struct choice types[] = {
		{ "ScalarIScalarO", SCALAR_I_SCALAR_O }, { "ScalarIStructO", SCALAR_I_STRUCT_O },
		{ "StructIStructO", STRUCT_I_STRUCT_O }, { "ScalarIStructI", SCALAR_I_STRUCT_I },
		{ .word = NULL },
	};
	struct method *method = to;
	uint32_t flags;

	if (choose(types, value, &method->type))
		return 0;
	if (field_word32(&flags, name, value) < 0)
		return failure(-EINVAL, WHAT ": \"%s\" must be ScalarIScalarO, ScalarIStructO, "
			       "StructIStructO, ScalarIStructI or a number", name);
	method->type = flags & 0xf;
	method->foreground = method->foreground || (flags & LEGACY_FOREGROUND) != 0;
	return 0;
}

static int take_foreground(void *to, const char *name, const json_t *value)
{
	bool *foreground = to, is_set = false;
	int r = field_bool(&is_set, name, value);

	*foreground = *foreground || is_set;
	return r;
}

#define AT(member) offsetof(struct method, member)

#define SIZE_FIELDS \
	{ "name", take_name, AT(name) }, \
	{ "si",   take_count, AT(si) }, \
	{ "so",   take_count, AT(so) }, \
	{ "sis",  take_size, AT(sis) }, \
	{ "sos",  take_size, AT(sos) }

/* What is not checked for a kind may not be said: who writes it counts on it. */
static const struct field fields_2022[] = {
	SIZE_FIELDS,
	{ "allowAsync", field_bool, AT(allow_async) },
	{ "ent",        field_string, AT(entitlement) },
	{ "fn",         take_function, AT(no_function) },
	{ .name = NULL },
};

static const struct field fields_classic[] = {
	SIZE_FIELDS,
	{ "fn", take_function, AT(no_function) },
	{ .name = NULL },
};

static const struct field fields_driverkit[] = {
	SIZE_FIELDS,
	{ "completion", take_size, AT(completion) },
	{ "fn",         take_function, AT(no_function) },
	{ .name = NULL },
};

/* Counts are put where they belong by place_counts(). */
static const struct field fields_legacy[] = {
	{ "name",       take_name, AT(name) },
	{ "type",       take_legacy_type, .required = true },
	{ "c0",         take_size, AT(si) },
	{ "c1",         take_size, AT(so) },
	{ "foreground", take_foreground, AT(foreground) },
	{ "allowAsync", field_bool, AT(allow_async) },
	{ .name = NULL },
};

/* Sizes are for the forms of a call that do not say how much they want. */
static const struct field fields_unchecked[] = {
	SIZE_FIELDS,
	{ .name = NULL },
};

#undef AT

static const struct field *const method_fields[] = {
	[METHODS_2022] = fields_2022,
	[METHODS_CLASSIC] = fields_classic,
	[METHODS_DRIVERKIT] = fields_driverkit,
	[METHODS_LEGACY] = fields_legacy,
	[METHODS_UNCHECKED] = fields_unchecked,
};

/* Of which of a call's sizes the two counts are is the type's to say. */
static void place_counts(struct method *method)
{
	uint32_t one = method->si, other = method->so;

	if (method->type == SCALAR_I_SCALAR_O)
		return;
	method->so = 0;
	if (method->type == STRUCT_I_STRUCT_O) {
		method->si = 0;
		method->sis = one;
	}
	if (method->type == SCALAR_I_STRUCT_I)
		method->sis = other;
	else
		method->sos = other;
}

static int take_method(struct methods *methods, size_t i, const json_t *value)
{
	struct method *method = &methods->table[i];
	char what[32];
	int r;

	snprintf(what, sizeof(what), WHAT "[%zu]", i);
	if (json_is_null(value) && methods->kind == METHODS_LEGACY) {
		method->absent = true;
		return 0;
	}
	if (!json_is_object(value))
		return failure(-EINVAL, "%s: must be an object, {...}", what);
	r = fields_take(what, value, method_fields[methods->kind], method);
	if (r == 0 && methods->kind == METHODS_LEGACY)
		place_counts(method);
	return r;
}

/* Each name at most once. */
static int check_names(const struct methods *methods)
{
	json_auto_t *seen = json_object();

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < methods->n_table; i++) {
		const char *name = methods->table[i].name;

		if (name && json_object_get(seen, name))
			return failure(-EINVAL, WHAT "[%zu]: \"name\" is that of another, too", i);
		if (name && json_object_set_new(seen, name, json_true()) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int take_table(void *to, const char *name, const json_t *value)
{
	struct methods *methods = to;
	size_t n = json_array_size(value);

	if (json_is_null(value))
		return 0;	/* a table that is NULL */
	if (!json_is_array(value) || n > N_METHODS_MAX)
		return failure(-EINVAL, WHAT ": \"%s\" must be a list, [...], of at most %u "
			       "methods", name, N_METHODS_MAX);
	methods->table = calloc(n ? n : 1, sizeof(*methods->table));
	if (!methods->table)
		return -ENOMEM;
	methods->has_table = true;
	methods->n_table = n;
	for (size_t i = 0; i < n; i++) {
		int r = take_method(methods, i, json_array_get(value, i));

		if (r < 0)
			return r;
	}
	return check_names(methods);
}

/* Memory and ports */

static bool is_file_name(const char *name, size_t size)
{
	return size > 0 && size <= FILE_NAME_MAX && !memchr(name, '/', size) &&
	       !(size == 1 && name[0] == '.') && !(size == 2 && memcmp(name, "..", 2) == 0);
}

/* "queues/NAME/@file" */
static bool is_queue_file(const char *target, const char *file)
{
	static const char folder[] = "queues/";
	size_t n = strlen(target), n_folder = strlen(folder), n_file = strlen(file);

	return n > n_folder + n_file && memcmp(target, folder, n_folder) == 0 &&
	       strcmp(target + n - n_file, file) == 0 &&
	       is_file_name(target + n_folder, n - n_folder - n_file);
}

static int take_memory_target(void *to, const char *name, const json_t *value)
{
	const char *target = json_string_value(value);

	if (!target || !(is_file_name(target, strlen(target)) || is_queue_file(target, "/data")))
		return failure(-EINVAL, WHAT ": \"%s\" must be the name of a buffer, "
			       "or \"queues/NAME/data\"", name);
	return field_string(to, name, value);
}

static const struct field memory_fields[] = {
	{ "buf", take_memory_target, offsetof(struct binding, target), .required = true },
	{ "ro",  field_bool, offsetof(struct binding, read_only) },
	{ .name = NULL },
};

static int take_memory_value(struct binding *binding, const json_t *value)
{
	if (json_is_object(value))
		return fields_take(WHAT ": \"memory\"", value, memory_fields, binding);
	return take_memory_target(&binding->target, "memory", value);
}

static int take_port_value(struct binding *binding, const json_t *value)
{
	const char *target = json_string_value(value);

	if (!target || !is_queue_file(target, "/notify"))
		return failure(-EINVAL, WHAT ": \"ports\" must be of the form "
			       "\"queues/NAME/notify\"");
	return field_string(&binding->target, "ports", value);
}

static bool has_type(const struct binding *bindings, size_t n, uint32_t type)
{
	for (size_t i = 0; i < n; i++)
		if (bindings[i].type == type)
			return true;
	return false;
}

/* @ret_n counts those that own something, so that all can be freed at any time. */
static int take_bindings(const char *name, const json_t *object,
			 int (*take_value)(struct binding *binding, const json_t *value),
			 struct binding **ret, size_t *ret_n)
{
	size_t n = json_object_size(object);
	const char *key;
	json_t *value;

	if (!json_is_object(object) || n > N_BINDINGS_MAX)
		return failure(-EINVAL, WHAT ": \"%s\" must be an object, {\"TYPE\": ...}, of at "
			       "most %u types", name, N_BINDINGS_MAX);
	*ret = calloc(n ? n : 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		struct binding *binding = &(*ret)[*ret_n];
		int r;

		if (!methods_number(key, &binding->type))
			return failure(-EINVAL, WHAT ": \"%s\": a type must be a number below "
				       "2^32, decimal or with 0x", name);
		if (has_type(*ret, *ret_n, binding->type))
			return failure(-EINVAL, WHAT ": \"%s\": type %u is there twice", name,
				       binding->type);
		++*ret_n;
		r = take_value(binding, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_memory(void *to, const char *name, const json_t *value)
{
	struct methods *methods = to;

	return take_bindings(name, value, take_memory_value, &methods->memory, &methods->n_memory);
}

static int take_ports(void *to, const char *name, const json_t *value)
{
	struct methods *methods = to;

	return take_bindings(name, value, take_port_value, &methods->ports, &methods->n_ports);
}

/* The rest of the document */

static int take_kind(void *to, const char *name, const json_t *value)
{
	static const struct choice kinds[] = {
		{ "2022", METHODS_2022 }, { "classic", METHODS_CLASSIC },
		{ "driverkit", METHODS_DRIVERKIT }, { "legacy", METHODS_LEGACY },
		{ "any", METHODS_UNCHECKED }, { .word = NULL },
	};
	unsigned kind;

	if (!choose(kinds, value, &kind))
		return failure(-EINVAL, WHAT ": \"%s\" must be \"2022\", \"classic\", "
			       "\"driverkit\", \"legacy\" or \"any\"", name);
	*(enum method_kind *)to = (enum method_kind)kind;
	return 0;
}

static int take_open(void *to, const char *name, const json_t *value)
{
	static const struct choice answers[] = {
		{ "ask", true }, { "allow", false }, { .word = NULL },
	};
	unsigned ask;

	if (!choose(answers, value, &ask))
		return failure(-EINVAL, WHAT ": \"%s\" must be \"ask\" or \"allow\"", name);
	*(bool *)to = ask;
	return 0;
}

static int take_entitlement(void *to, const char *name, const json_t *value)
{
	struct methods *methods = to;

	methods->entitlement_rule = ENTITLEMENT_NONE_NEEDED;
	if (json_is_false(value))
		return 0;
	methods->entitlement_rule = ENTITLEMENT_NAMED;
	if (!json_string_length(value))
		return failure(-EINVAL, WHAT ": \"%s\" must be false, or a name that is not "
			       "empty", name);
	return field_string(&methods->entitlement, name, value);
}

static int take_class(void *to, const char *name, const json_t *value)
{
	const char *class = json_string_value(value);

	if (!class || !lineage_is_name(class))
		return failure(-EINVAL, WHAT ": \"%s\" must be the name of a class, 1 to 127 letters, "
			       "digits and \"_.-\"", name);
	return field_string(to, name, value);
}

#define AT(member) offsetof(struct methods, member)

static const struct field locking_fields[] = {
	{ "single",   field_bool, AT(lock_single) },
	{ "setprops", field_bool, AT(lock_setprops) },
	{ "default",  field_bool, AT(lock_default) },
	{ .name = NULL },
};

static int take_locking(void *to, const char *name, const json_t *value)
{
	if (!json_is_object(value))
		return failure(-EINVAL, WHAT ": \"%s\" must be an object, {...}", name);
	return fields_take(WHAT ": \"locking\"", value, locking_fields, to);
}

static const struct field document_fields[] = {
	{ "methods",     take_table },
	{ "kind",        take_kind, AT(kind) },
	{ "memory",      take_memory },
	{ "ports",       take_ports },
	{ "open",        take_open, AT(ask) },
	{ "privilege",   field_string, AT(privilege) },
	{ "IOUserClientEntitlements", take_entitlement },
	{ "locking",     take_locking },
	{ "timeout_ms",  field_word, AT(timeout_ms) },
	{ "shared",      field_bool, AT(shared) },
	{ "userClientClass", take_class, AT(client_class) },
	{ "getService",  field_bool, AT(get_service) },
	{ .name = NULL },
};

int methods_parse(const char *text, size_t size, struct methods **ret)
{
	_cleanup_(methods_freep) struct methods *methods = calloc(1, sizeof(*methods));
	json_auto_t *object = NULL;
	const json_t *kind;
	int r;

	if (!methods)
		return -ENOMEM;
	methods->lock_default = true;
	methods->get_service = true;
	r = fields_parse(WHAT, text, size, &object);
	if (r < 0)
		return r;
	/* The table is read by it, wherever it stands. */
	kind = json_object_get(object, "kind");
	r = kind ? take_kind(&methods->kind, "kind", kind) : 0;
	if (r == 0)
		r = fields_take(WHAT, object, document_fields, methods);
	if (r < 0)
		return r;
	*ret = steal(methods);
	return 0;
}
