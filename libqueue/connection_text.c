/* SPDX-License-Identifier: MIT */
/*
 * The reader knows what fsd writes: one object, whose members are whole numbers, lists
 * of them, and strings. An object inside is none of it.
 */
#include <errno.h>
#include <string.h>

#include "base64.h"
#include "connection_text.h"

#define ROOM_NUMBER	21u	/* 20 digits and a comma */
#define ROOM_NAMES	160u	/* of all members, with what stands around them */

/* --- the line that asks */

size_t call_room(const struct method_call *call)
{
	return ROOM_NAMES + (call->n_scalars + 4) * ROOM_NUMBER + base64_length(call->n_bytes);
}

static char *put_text(char *out, const char *text)
{
	size_t size = strlen(text);

	memcpy(out, text, size);
	return out + size;
}

static char *put_number(char *out, uint64_t number)
{
	char digits[ROOM_NUMBER];
	char *digit = digits + sizeof(digits);
	size_t n;

	do {
		*--digit = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	n = (size_t)(digits + sizeof(digits) - digit);
	memcpy(out, digit, n);
	return out + n;
}

static char *put_scalars(char *out, const uint64_t *scalars, uint32_t n)
{
	out = put_text(out, ",\"si\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			*out++ = ',';
		out = put_number(out, scalars[i]);
	}
	*out++ = ']';
	return out;
}

static char *put_bytes(char *out, const void *bytes, size_t size)
{
	out = put_text(out, ",\"sib\":\"");
	out = base64_put(out, bytes, size);
	*out++ = '"';
	return out;
}

static char *put_member(char *out, const char *member, uint64_t number)
{
	return put_number(put_text(out, member), number);
}

size_t call_print(const struct method_call *call, char *out)
{
	char *at = put_member(out, "{\"sel\":", call->selector);

	if (call->n_scalars > 0)
		at = put_scalars(at, call->scalars, call->n_scalars);
	if (call->n_scalars_wanted > 0)
		at = put_member(at, ",\"so\":", call->n_scalars_wanted);
	if (call->n_bytes > 0)
		at = put_bytes(at, call->bytes, call->n_bytes);
	if (call->n_bytes_wanted == ANY_SIZE)
		at = put_text(at, ",\"sos\":\"var\"");
	else if (call->n_bytes_wanted > 0)
		at = put_member(at, ",\"sos\":", call->n_bytes_wanted);
	if (call->reference != 0)
		at = put_member(at, ",\"async\":", call->reference);
	at = put_text(at, "}\n");
	return (size_t)(at - out);
}

/* --- the line that answers */

/* What is left of it; @at at @end or before. */
struct reader {
	const char *at, *end;
};

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* The next byte but blanks, or 0 at the end. */
static char look(struct reader *reader)
{
	while (reader->at < reader->end && is_blank(*reader->at))
		reader->at++;
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool take(struct reader *reader, char byte)
{
	if (byte == '\0' || look(reader) != byte)
		return false;
	reader->at++;
	return true;
}

/* What is between the quotes, as it stands. */
static bool take_string(struct reader *reader, const char **text, size_t *size)
{
	if (!take(reader, '"'))
		return false;
	*text = reader->at;
	while (reader->at < reader->end && *reader->at != '"')
		reader->at += *reader->at == '\\' && reader->end - reader->at > 1 ? 2 : 1;
	*size = (size_t)(reader->at - *text);
	return take(reader, '"');
}

static bool take_number(struct reader *reader, uint64_t *ret)
{
	uint64_t number = 0;
	const char *begin;

	look(reader);
	begin = reader->at;
	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
		if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*reader->at - '0'), &number))
			return false;
		reader->at++;
	}
	*ret = number;
	return reader->at > begin;
}

static bool take_numbers(struct reader *reader, uint64_t *numbers, uint32_t *n)
{
	*n = 0;
	if (!take(reader, '['))
		return false;
	if (take(reader, ']'))
		return true;
	do {
		if (*n == SCALARS_MAX || !take_number(reader, &numbers[*n]))
			return false;
		++*n;
	} while (take(reader, ','));
	return take(reader, ']');
}

static bool take_result(struct reader *reader, uint32_t *ret)
{
	uint64_t number;

	if (!take_number(reader, &number) || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

/* A value that nobody asked for. */
static bool pass_value(struct reader *reader)
{
	uint64_t numbers[SCALARS_MAX];
	const char *text;
	size_t size;
	uint32_t n;

	switch (look(reader)) {
	case '"':
		return take_string(reader, &text, &size);
	case '[':
		return take_numbers(reader, numbers, &n);
	default:
		return take_number(reader, numbers);
	}
}

static bool is_name(const char *name, size_t size, const char *wanted)
{
	return size == strlen(wanted) && memcmp(name, wanted, size) == 0;
}

static bool take_member(struct reader *reader, struct method_answer *answer, bool *has_result)
{
	const char *name;
	size_t size;

	if (!take_string(reader, &name, &size) || !take(reader, ':'))
		return false;
	if (is_name(name, size, "rc")) {
		*has_result = true;
		return take_result(reader, &answer->result);
	}
	if (is_name(name, size, "so") || is_name(name, size, "args"))
		return take_numbers(reader, answer->scalars, &answer->n_scalars);
	if (is_name(name, size, "sob"))
		return take_string(reader, &answer->bytes, &answer->n_bytes);
	if (is_name(name, size, "ref"))
		return take_number(reader, &answer->reference);
	return pass_value(reader);
}

int answer_parse(const char *text, size_t size, struct method_answer *ret)
{
	struct reader reader = { text, text + size };
	bool has_result = false;

	ret->reference = 0;
	ret->n_scalars = 0;
	ret->bytes = NULL;
	ret->n_bytes = 0;
	if (!take(&reader, '{'))
		return -EINVAL;
	do {
		if (!take_member(&reader, ret, &has_result))
			return -EINVAL;
	} while (take(&reader, ','));
	if (!take(&reader, '}') || look(&reader) != '\0' || reader.at < reader.end || !has_result)
		return -EINVAL;
	return 0;
}
