/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/bytes.h"
#include "control/call_text.h"
#include "control/fields.h"
#include "control/plain.h"
#include "libqueue/json_text.h"
#include "service/property.h"
#include "util/cleanup.h"
#include "util/failure.h"

#define WHAT "call"
#define REPLY_ROOM 1024		/* of a reply without its bytes, with space to spare */

static int take_scalars(void *to, const char *name, const json_t *value)
{
	struct call *call = to;

	return field_words(name, value, call->si, &call->n_si);
}

/* The one input; of no bytes it is none. */
static int set_input(struct call *call, void *bytes, size_t size)
{
	if (call->input_size > 0) {
		free(bytes);
		return failure(-EINVAL, WHAT ": only one of \"sib\", \"sihex\" and \"sit\" "
			       "may be there");
	}
	free(call->input);
	call->input = size > 0 ? bytes : NULL;
	call->input_size = size;
	if (size == 0)
		free(bytes);
	return 0;
}

static int take_base64(void *to, const char *name, const json_t *value)
{
	unsigned char *bytes = NULL;
	size_t size = 0;
	int r = -EINVAL;

	if (json_is_string(value))
		r = base64_decode(json_string_value(value), json_string_length(value), &bytes,
				  &size);
	if (r == -EINVAL)
		return failure(r, "\"%s\" must be base64 with padding, such as \"aGVsbG8=\"", name);
	return r < 0 ? r : set_input(to, bytes, size);
}

static int take_hex(void *to, const char *name, const json_t *value)
{
	void *bytes = NULL;
	size_t size = 0;
	int r = -EINVAL;

	if (json_is_string(value))
		r = bytes_from_hex(json_string_value(value), json_string_length(value), &bytes,
				   &size);
	if (r == -EINVAL)
		return failure(r, "\"%s\" must be pairs of hexadecimal digits, such as \"00ff\"",
			       name);
	return r < 0 ? r : set_input(to, bytes, size);
}

static int take_text(void *to, const char *name, const json_t *value)
{
	char *bytes;

	if (!json_is_string(value))
		return failure(-EINVAL, "\"%s\" must be a string", name);
	bytes = strdup(json_string_value(value));
	return bytes ? set_input(to, bytes, json_string_length(value)) : -ENOMEM;
}

static int take_output_size(void *to, const char *name, const json_t *value)
{
	struct call *call = to;

	call->variable = json_is_string(value) && strcmp(json_string_value(value), "var") == 0;
	if (call->variable)
		return 0;
	if (json_text_word(value, &call->output_size) < 0)
		return failure(-EINVAL, "\"%s\" must be a number of bytes, or \"var\"", name);
	return 0;
}

static int take_async(void *to, const char *name, const json_t *value)
{
	struct call *call = to;

	call->async = true;
	return field_word(&call->reference, name, value);
}

static const struct field call_fields[] = {
	{ "sel",   field_word32, offsetof(struct call, selector), .required = true },
	{ "si",    take_scalars },
	{ "so",    field_word, offsetof(struct call, n_so) },
	{ "sib",   take_base64 },
	{ "sihex", take_hex },
	{ "sit",   take_text },
	{ "sos",   take_output_size },
	{ "async", take_async },
	{ "hex",   field_bool, offsetof(struct call, hex) },
	{ .name = NULL },
};

/* Return: whether it is a call of numbers alone. */
static bool parse_plain(const char *text, size_t size, struct call *ret)
{
	struct call call = { 0 };
	uint64_t selector = 0;
	struct plain_key keys[] = {
		{ "sel", &selector, .n = NULL }, { "si", call.si, &call.n_si },
		{ "so", &call.n_so, .n = NULL }, { "sos", &call.output_size, .n = NULL },
		{ .name = NULL },
	};

	if (!plain_parse(text, size, keys) || !keys[0].is_there || selector > UINT32_MAX)
		return false;
	call.selector = (uint32_t)selector;
	*ret = call;
	return true;
}

int call_parse(const char *text, size_t size, struct call *ret)
{
	_cleanup_(call_deinit) struct call call = { 0 };
	json_auto_t *object = NULL;
	int r;

	if (parse_plain(text, size, ret))
		return 0;
	r = fields_parse(WHAT, text, size, &object);
	if (r == 0)
		r = fields_take(WHAT, object, call_fields, &call);
	if (r < 0)
		return r;
	*ret = call;
	call = (struct call){ 0 };
	return 0;
}

static uint64_t count_scalars(const struct reply *reply)
{
	return reply->n_so < SCALARS_MAX ? reply->n_so : SCALARS_MAX;
}

static char *put_code(char *to, IOReturn code)
{
	const char *name = IOReturnName(code);

	to += sprintf(to, "{\"rc\":%" PRIu32 ",\"name\":\"", (uint32_t)code);
	to += name ? sprintf(to, "%s", name) : sprintf(to, "0x%08" PRIx32, (uint32_t)code);
	return to + sprintf(to, "\"");
}

static char *put_scalars(char *to, const struct reply *reply, bool hex)
{
	uint64_t n = count_scalars(reply);

	for (uint64_t i = 0; i < n; i++) {
		to += sprintf(to, "%s", i == 0 ? ",\"so\":[" : ",");
		to += sprintf(to, hex ? "\"0x%" PRIx64 "\"" : "%" PRIu64, reply->so[i]);
	}
	return n > 0 ? to + sprintf(to, "]") : to;
}

char *reply_print(const struct reply *reply, bool hex)
{
	bool is_good = reply->code == kIOReturnSuccess, has_output = is_good && reply->has_output;
	_cleanup_(freep) char *output = has_output ?
		base64_encode(reply->output ? reply->output : "", reply->output_size) : NULL;
	char *text, *to;

	if (has_output && !output)
		return NULL;
	to = text = malloc(REPLY_ROOM + (output ? strlen(output) : 0));
	if (!text)
		return NULL;
	to = put_code(to, reply->code);
	if (is_good)
		to = put_scalars(to, reply, hex);
	if (output)
		to += sprintf(to, ",\"sob\":\"%s\"", output);
	sprintf(to, "}");
	return text;
}

/* One number of @size characters as strtoull(3) with base 0 has it, but without a sign. */
static int parse_scalar(const char *text, size_t size, uint64_t *ret)
{
	char copy[32], *end;

	if (size >= sizeof(copy) || !isdigit((unsigned char)*text))
		return -EINVAL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	errno = 0;
	*ret = strtoull(copy, &end, 0);
	return errno || *end || end != copy + size ? -EINVAL : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int scalars_parse(const char *text, size_t size, struct call *ret)
{
	struct call call = { 0 };
	size_t at = 0;

	while (at < size) {
		size_t start = at;
		uint64_t word;

		while (at < size && !is_blank(text[at]))
			at++;
		if (at == start) {
			at++;
			continue;
		}
		if (parse_scalar(text + start, at - start, &word) < 0)
			return failure(-EINVAL, "scalars must be whole numbers of 64 bits with "
				       "blanks between, such as \"6 7 0x8\"");
		if (call.n_si < SCALARS_MAX)
			call.si[call.n_si] = word;
		call.n_si++;
	}
	*ret = call;
	return 0;
}

char *scalars_print(const struct reply *reply)
{
	uint64_t n_so = count_scalars(reply);
	char *text = malloc(n_so * 21 + 1);
	size_t n = 0;

	if (!text)
		return NULL;
	*text = '\0';
	for (uint64_t i = 0; i < n_so; i++)
		n += (size_t)sprintf(text + n, "%s%" PRIu64, i ? " " : "", reply->so[i]);
	return text;
}

char *completion_print(uint64_t reference, IOReturn code, const uint64_t *arguments, size_t n)
{
	json_auto_t *object = json_pack("{s:I,s:I,s:o}", "ref", (json_int_t)reference,
					"rc", (json_int_t)(uint32_t)code,
					"args", words_array(arguments, n, false));

	return object ? json_text_print(object, true) : NULL;
}
