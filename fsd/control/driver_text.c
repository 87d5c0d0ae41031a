/* SPDX-License-Identifier: MIT */
/*
 * There is one form inside, a JSON object: a line of words is turned into one
 * before it is looked at, and made from one when it is printed. Only bytes take
 * a way of their own, since in words they are not base64.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/bytes.h"
#include "control/driver_text.h"
#include "control/fields.h"
#include "control/plain.h"
#include "libqueue/json_text.h"
#include "service/property.h"
#include "util/cleanup.h"
#include "util/failure.h"

/* Requests */

#define WORD(value) ((json_int_t)(value))

static json_t *borrowed(const json_t *value)
{
	return json_incref((json_t *)(uintptr_t)value);
}

/* Text of any bytes; NULL is left out. */
static int add_bytes(json_t *object, const char *key, const char *bytes)
{
	return bytes ? json_object_set_new(object, key, bytes_to_json(bytes)) : 0;
}

static json_t *open_to_json(const struct request *request)
{
	const struct identity *who = request->who;
	json_auto_t *object = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "op", "open",
		"id", WORD(request->id), "conn", WORD(request->connection),
		"type", WORD(request->type), "uid", WORD(who->uid), "gid", WORD(who->gid),
		"pid", WORD(who->pid));

	if (!object || add_bytes(object, "comm", who->comm) < 0 ||
	    add_bytes(object, "exe", who->exe) < 0)
		return NULL;
	if (request->entitlements &&
	    json_object_set_new(object, "ents", borrowed(request->entitlements)) < 0)
		return NULL;
	return steal(object);
}

/* Who asks, behind what is asked; takes @object over, which may be NULL. */
static json_t *add_asks(json_t *object, const struct request *request)
{
	const struct credentials *asks = &request->asks;
	json_auto_t *who = json_pack("{s:I,s:I,s:I}", "uid", WORD(asks->uid), "gid",
				     WORD(asks->gid), "pid", WORD(asks->pid));

	if (object && (!who || json_object_update(object, who) < 0)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *properties_to_json(const struct request *request)
{
	json_t *connection = request->connection ?
		json_integer(WORD(request->connection)) : json_null();

	return json_pack("{s:s,s:I,s:o,s:o}", "op", "setprops", "id", WORD(request->id),
			 "conn", connection, "props", borrowed(request->properties));
}

/* Those that are about a connection and one more thing. */
static json_t *connection_to_json(const struct request *request, const char *op, const char *key,
				  uint64_t value)
{
	return json_pack("{s:s,s:I,s:I,s:I}", "op", op, "id", WORD(request->id),
			 "conn", WORD(request->connection), key, WORD(value));
}

/* Each service has numbers of its own. Another's connection is no number, and so not taken for one. */
static json_t *add_client_to_json(const struct request *request)
{
	json_auto_t *object = connection_to_json(request, "addclient", "to", request->other);
	char text[2 + 16 + 1 + 20 + 1];

	snprintf(text, sizeof(text), "0x%" PRIx64 ".%" PRIu64, request->other_service,
		 request->other);
	if (object && request->other_service &&
	    json_object_set_new(object, "to", json_string(text)) < 0)
		return NULL;
	return json_incref(object);
}

static json_t *port_to_json(const struct request *request)
{
	return json_pack("{s:s,s:I,s:I,s:I,s:I}", "op", "port", "id", WORD(request->id),
			 "conn", WORD(request->connection), "type", WORD(request->type),
			 "ref", WORD(request->reference));
}

/* A new object, or NULL: no memory. */
static json_t *request_to_json(const struct request *request)
{
	switch (request->op) {
	case REQUEST_OPEN:
		return open_to_json(request);
	case REQUEST_CALL:
		break;		/* call_print() */
	case REQUEST_MEMORY:
		return add_asks(connection_to_json(request, "mem", "type", request->type), request);
	case REQUEST_PORT:
		return add_asks(port_to_json(request), request);
	case REQUEST_ADD_CLIENT:
		return add_asks(add_client_to_json(request), request);
	case REQUEST_SET_PROPERTIES:
		return add_asks(properties_to_json(request), request);
	case REQUEST_PROBE:
		return add_asks(json_pack("{s:s,s:I,s:I}", "op", "probe", "id", WORD(request->id),
					  "options", WORD(request->options)), request);
	case REQUEST_SEIZE:
		return add_asks(connection_to_json(request, "seize", "by", request->other),
				request);
	case REQUEST_UNPORT:
		return json_pack("{s:s,s:I,s:I}", "op", "unport",
				 "conn", WORD(request->connection), "type", WORD(request->type));
	case REQUEST_CLOSE:
		return json_pack("{s:s,s:I,s:b}", "op", "close",
				 "conn", WORD(request->connection), "died", request->died);
	case REQUEST_CANCEL:
		return json_pack("{s:s,s:I}", "op", "cancel", "cancel", WORD(request->other));
	}
	return NULL;
}

static int put_nested(const json_t *value, FILE *out)
{
	_cleanup_(freep) char *text = json_text_print(value, true);

	if (!text)
		return -ENOMEM;
	bytes_escape(text, strlen(text), out);
	return 0;
}

/* One word's value, as what it is; @key for those that are not only that. */
static int put_value(const char *key, const json_t *value, FILE *out)
{
	if (strcmp(key, "props") == 0 || strcmp(key, "ents") == 0)
		return put_nested(value, out);
	else if (json_is_string(value))
		bytes_escape(json_string_value(value), json_string_length(value), out);
	else if (json_is_integer(value))
		fprintf(out, "%" PRIu64, (uint64_t)json_integer_value(value));
	else
		fputs(json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null", out);
	return 0;
}

static int put_words(const json_t *object, FILE *out)
{
	const char *key, *blank = "";
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		int r;

		fprintf(out, "%s%s=", blank, key);
		r = put_value(key, value, out);
		if (r < 0)
			return r;
		blank = " ";
	}
	return 0;
}

/* Calls, the most frequent by far, are printed straight away. */

static void put_key(const char *key, bool text, FILE *out)
{
	fprintf(out, text ? " %s=" : ",\"%s\":", key);
}

static void put_number(const char *key, uint64_t value, bool text, FILE *out)
{
	put_key(key, text, out);
	fprintf(out, "%" PRIu64, value);
}

static void put_scalars(const struct call *call, bool text, FILE *out)
{
	put_key("si", text, out);
	fputs(text ? "" : "[", out);
	for (uint64_t i = 0; i < call->n_si && i < SCALARS_MAX; i++)
		fprintf(out, "%s%" PRIu64, i ? "," : "", call->si[i]);
	fputs(text ? "" : "]", out);
}

static int put_input(const struct call *call, bool text, FILE *out)
{
	_cleanup_(freep) char *base64 = NULL;

	if (call->input_size == 0)
		return 0;
	put_key("sib", text, out);
	if (text) {
		bytes_escape(call->input, call->input_size, out);
		return 0;
	}
	base64 = base64_encode(call->input, call->input_size);
	return base64 && fprintf(out, "\"%s\"", base64) > 0 ? 0 : -ENOMEM;
}

static void put_output_size(const struct call *call, bool text, FILE *out)
{
	if (!call->variable) {
		put_number("sos", call->output_size, text, out);
		return;
	}
	put_key("sos", text, out);
	fputs(text ? "var" : "\"var\"", out);
}

static int put_call(const struct request *request, bool text, FILE *out)
{
	const struct call *call = request->call;
	int r;

	fputs(text ? "op=call" : "{\"op\":\"call\"", out);
	put_number("id", request->id, text, out);
	put_number("conn", request->connection, text, out);
	put_number("sel", call->selector, text, out);
	put_scalars(call, text, out);
	put_number("so", call->n_so < SCALARS_MAX ? call->n_so : SCALARS_MAX, text, out);
	put_output_size(call, text, out);
	r = put_input(call, text, out);
	if (call->async)
		put_number("async", call->reference, text, out);
	if (request->who) {
		put_number("uid", request->who->uid, text, out);
		put_number("pid", (uint64_t)request->who->pid, text, out);
	}
	if (request->background) {
		put_key("background", text, out);
		fputs("true", out);
	}
	fputs(text ? "" : "}", out);
	return r;
}

static int put_other(const struct request *request, FILE *out)
{
	json_auto_t *object = request_to_json(request);

	return object ? put_words(object, out) : -ENOMEM;
}

static char *json_print(const struct request *request)
{
	json_auto_t *object = request_to_json(request);

	return object ? json_text_print(object, true) : NULL;
}

char *request_print(const struct request *request, bool text)
{
	_cleanup_(freep) char *line = NULL;
	size_t size;
	FILE *out;
	int r;

	if (request->op != REQUEST_CALL && !text)
		return json_print(request);
	out = open_memstream(&line, &size);
	if (!out)
		return NULL;
	r = request->op == REQUEST_CALL ? put_call(request, text, out) : put_other(request, out);
	if (ferror(out))
		r = -ENOMEM;
	if (fclose(out) != 0 || r < 0)
		return NULL;
	return steal(line);
}

/* Lines of words to objects: each word by what its key holds. */

#define WHAT "driver"

/* NULL and errno: not of this form. */
typedef json_t *word_form(const char *bytes, size_t size);

static json_t *form_string(const char *bytes, size_t size)
{
	json_t *value = memchr(bytes, '\0', size) ? NULL : json_stringn(bytes, size);

	errno = value ? 0 : EINVAL;
	return value;
}

/* Every number of a list, as a string: what takes it knows the rest. */
static json_t *form_list(const char *bytes, size_t size)
{
	json_auto_t *list = json_array();
	size_t at = 0;

	while (list && size > 0 && at <= size) {
		const char *comma = memchr(bytes + at, ',', size - at);
		size_t n = comma ? (size_t)(comma - bytes) - at : size - at;

		errno = EINVAL;
		if (json_array_append_new(list, json_stringn(bytes + at, n)) < 0)
			return NULL;
		at += n + 1;
	}
	return steal(list);
}

static json_t *form_bytes(const char *bytes, size_t size)
{
	_cleanup_(freep) char *text = base64_encode(bytes, size);

	errno = ENOMEM;
	return text ? json_string(text) : NULL;
}

static json_t *form_bool(const char *bytes, size_t size)
{
	if (size == 4 && memcmp(bytes, "true", size) == 0)
		return json_true();
	if (size == 5 && memcmp(bytes, "false", size) == 0)
		return json_false();
	return form_string(bytes, size);
}

static json_t *form_nested(const char *bytes, size_t size)
{
	json_t *value = NULL;

	errno = -json_text_parse(bytes, size, &value, NULL, 0);
	return value;
}

/* Of the words that are no plain text or number. */
static const struct {
	const char *key;
	word_form *form;
} word_forms[] = {
	{ "so", form_list }, { "args", form_list }, { "sob", form_bytes }, { "sib", form_bytes },
	{ "ro", form_bool }, { "candrop", form_bool },
	{ "data", form_nested }, { "arg", form_nested },
};

static word_form *find_form(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(word_forms); i++)
		if (strcmp(word_forms[i].key, key) == 0)
			return word_forms[i].form;
	return form_string;
}

static int add_word(json_t *object, const char *key, const char *text, size_t size)
{
	_cleanup_(freep) void *bytes = NULL;
	json_t *value;
	size_t n;
	int r;

	if (json_object_get(object, key))
		return failure(-EINVAL, WHAT ": \"%.40s\" is there twice", key);
	r = bytes_unescape(text, size, &bytes, &n);
	if (r == -EINVAL)
		return failure(r, WHAT ": a '%%' in \"%.40s\" must be followed by two "
			       "hexadecimal digits; '%%' itself is %%25", key);
	if (r < 0)
		return r;
	value = find_form(key)(bytes, n);
	if (!value && errno == ENOMEM)
		return -ENOMEM;
	if (!value)
		return failure(-EINVAL, WHAT ": \"%.40s\" is not what such a word holds: lists "
			       "have commas, what is nested is escaped JSON, text is UTF-8", key);
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

/* KEY=VALUE */
static int parse_word(json_t *object, const char *word, size_t size)
{
	const char *equals = memchr(word, '=', size);
	size_t n = equals ? (size_t)(equals - word) : 0;
	char key[16];

	if (n == 0)
		return failure(-EINVAL, WHAT ": words must be KEY=VALUE, such as "
			       "\"id=8 rc=0 so=327680\"");
	for (size_t i = 0; i < n; i++)
		if (i == sizeof(key) - 1 || word[i] < 'a' || word[i] > 'z')
			return failure(-EINVAL, WHAT ": a word has an unknown key; known are id, "
				       "rc, so, sob, buf, ro, async, conn, args, candrop, "
				       "notify, data, message, arg, kill");
	snprintf(key, sizeof(key), "%.*s", (int)n, word);
	return add_word(object, key, equals + 1, size - n - 1);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int parse_words(const char *line, size_t size, json_t **ret)
{
	json_auto_t *object = json_object();
	size_t at = 0;

	if (!object)
		return -ENOMEM;
	if (size > JSON_TEXT_MAX)
		return failure(-EMSGSIZE, WHAT ": longer than %u bytes", JSON_TEXT_MAX);
	while (at < size) {
		size_t start = at;
		int r;

		while (at < size && !is_blank(line[at]))
			at++;
		r = at > start ? parse_word(object, line + start, at - start) : 0;
		if (r < 0)
			return r;
		at += at == start;
	}
	*ret = steal(object);
	return 0;
}

/* What a driver may say */

static int take_output(void *to, const char *name, const json_t *value)
{
	struct reply *reply = to;
	unsigned char *bytes = NULL;
	int r = -EINVAL;

	if (json_is_string(value))
		r = base64_decode(json_string_value(value), json_string_length(value), &bytes,
				  &reply->output_size);
	if (r == -EINVAL)
		return failure(r, "\"%s\" must be base64 with padding, such as \"aGVsbG8=\"", name);
	if (r < 0)
		return r;
	reply->output = bytes;
	reply->has_output = true;
	return 0;
}

static int take_scalars(void *to, const char *name, const json_t *value)
{
	struct reply *reply = to;

	return field_words(name, value, reply->so, &reply->n_so);
}

static int take_arguments(void *to, const char *name, const json_t *value)
{
	struct driver_line *line = to;

	return field_words(name, value, line->arguments, &line->n_arguments);
}

static int take_nested(void *to, const char *name, const json_t *value)
{
	(void)name;
	*(json_t **)to = borrowed(value);
	return 0;
}

#define AT(member) offsetof(struct driver_line, member)

static const struct field answer_fields[] = {
	{ "id",  field_word, AT(id), .required = true },
	{ "rc",  field_code, AT(reply.code), .required = true },
	{ "so",  take_scalars, AT(reply) },
	{ "sob", take_output, AT(reply) },
	{ "buf", field_string, AT(buffer) },
	{ "ro",  field_bool, AT(read_only) },
	/* What it was asked. */
	{ "op" }, { "conn" }, { "type" }, { "uid" }, { "gid" }, { "pid" }, { "comm" }, { "exe" },
	{ "ents" }, { "sel" }, { "si" }, { "sos" }, { "sib" }, { "async" }, { "ref" }, { "to" },
	{ "props" }, { "options" }, { "by" }, { "background" },
	{ .name = NULL },
};

static const struct field completion_fields[] = {
	{ "async",   field_word, AT(reference) },
	{ "conn",    field_word, AT(connection), .required = true },
	{ "rc",      field_code, AT(reply.code), .required = true },
	{ "args",    take_arguments },
	{ "candrop", field_bool, AT(can_drop) },
	{ .name = NULL },
};

static const struct field notify_fields[] = {
	{ "notify", field_word32, AT(type) },
	{ "conn",   field_word, AT(connection), .required = true },
	{ "data",   take_nested, AT(data) },
	{ .name = NULL },
};

static const struct field message_fields[] = {
	{ "message", field_word32, AT(message) },
	{ "arg",     take_nested, AT(data) },
	{ .name = NULL },
};

static const struct field kill_fields[] = {
	{ "kill", field_word, AT(connection) },
	{ "rc",   field_code, AT(reply.code), .required = true },
	{ .name = NULL },
};

/* By the first key here that a line has: an answer may repeat keys of its request. */
static const struct {
	const char *key;
	enum driver_line_kind kind;
	const struct field *fields;
} kinds[] = {
	{ "id",      LINE_ANSWER,     answer_fields },
	{ "async",   LINE_COMPLETION, completion_fields },
	{ "notify",  LINE_NOTIFY,     notify_fields },
	{ "message", LINE_MESSAGE,    message_fields },
	{ "kill",    LINE_KILL,       kill_fields },
};

/* Where an answer repeats its request, a number is how many scalars were asked for. */
static void drop_what_was_asked(json_t *object)
{
	if (json_object_get(object, "op") && json_is_integer(json_object_get(object, "so")))
		json_object_del(object, "so");
}

static int line_from_json(json_t *object, struct driver_line *line)
{
	drop_what_was_asked(object);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!json_object_get(object, kinds[i].key))
			continue;
		line->kind = kinds[i].kind;
		return fields_take(WHAT, object, kinds[i].fields, line);
	}
	return failure(-EINVAL, WHAT ": a line must have \"id\" (an answer), \"async\", "
		       "\"notify\", \"message\" or \"kill\"");
}

/* "format json", "format text". Return: whether it is one of these. */
static bool parse_format(const char *line, size_t size, struct driver_line *ret)
{
	while (size > 0 && is_blank(line[size - 1]))
		size--;
	if (size != 11 || memcmp(line, "format ", 7) != 0)
		return false;
	ret->kind = LINE_FORMAT;
	ret->text = memcmp(line + 7, "text", 4) == 0;
	return ret->text || memcmp(line + 7, "json", 4) == 0;
}

/* Return: whether it is an answer of numbers alone. */
static bool parse_plain(const char *line, size_t size, struct driver_line *ret)
{
	struct driver_line answer = { .kind = LINE_ANSWER };
	uint64_t code = 0;
	struct plain_key keys[] = {
		{ "id", &answer.id, .n = NULL }, { "rc", &code, .n = NULL },
		{ "so", answer.reply.so, &answer.reply.n_so }, { .name = NULL },
	};

	if (!plain_parse(line, size, keys) || !keys[0].is_there || !keys[1].is_there ||
	    code > UINT32_MAX)
		return false;
	answer.reply.code = (IOReturn)(uint32_t)code;
	*ret = answer;
	return true;
}

static int parse_object(const char *line, size_t size, json_t **ret)
{
	int r = fields_parse(WHAT, line, size, ret);

	if (r != -EINVAL || memchr(line, '{', size))
		return r;
	return failure(r, WHAT ": a line must be a JSON object, {...}; words are taken "
		       "after the line \"format text\"");
}

int driver_line_parse(const char *line, size_t size, bool text, struct driver_line *ret)
{
	_cleanup_(driver_line_deinit) struct driver_line parsed = { 0 };
	json_auto_t *object = NULL;
	int r = 0;

	if (!text && parse_plain(line, size, ret))
		return 0;
	if (!parse_format(line, size, &parsed)) {
		parsed = (struct driver_line){ 0 };
		r = text ? parse_words(line, size, &object) : parse_object(line, size, &object);
		if (r == 0)
			r = line_from_json(object, &parsed);
	}
	if (r < 0)
		return r;
	*ret = parsed;
	parsed = (struct driver_line){ 0 };
	return 0;
}
