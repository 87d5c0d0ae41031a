/* SPDX-License-Identifier: MIT */
/*
 * jansson does the work, but its whole numbers are signed. So a text is copied
 * on its way in and out, with the literals that differ said the other way, and
 * where jansson found an error is counted back to the text that was given.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json_text.h"

#define MAX_NESTING	512
#define ROOM_LITERAL	24
#define DIGITS_OF_INT64	19

/* A text being copied; @out may be NULL, to count. */
struct copy {
	const char *text;
	size_t size, at;
	char *out;
	size_t n;
	unsigned depth;
	bool to_words;		/* negative ones as words; else large ones as negative */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static int parse_digits(const char *text, size_t size, int base, uint64_t *ret)
{
	uint64_t value = 0;

	if (size == 0)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		int digit = digit_value(text[i]);

		if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

/* The other way to say a literal. Return: its length, or 0 to leave it. */
static size_t convert(const struct copy *copy, const char *literal, size_t size,
		      char other[ROOM_LITERAL])
{
	bool is_negative = *literal == '-';
	uint64_t word;

	if (is_negative != copy->to_words || (!is_negative && *literal == '0') ||
	    parse_digits(literal + is_negative, size - is_negative, 10, &word) < 0)
		return 0;
	if (is_negative)
		return (size_t)snprintf(other, ROOM_LITERAL, "%" PRIu64, 0 - word);
	if (word <= INT64_MAX)
		return 0;
	return (size_t)snprintf(other, ROOM_LITERAL, "%" PRId64, (int64_t)word);
}

static void put(struct copy *copy, const char *bytes, size_t size)
{
	if (copy->out)
		memcpy(copy->out + copy->n, bytes, size);
	copy->n += size;
}

/* All that could be of a number: whether it is one is for jansson to say. */
static size_t literal_size(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size && (is_digit(text[n]) || (text[n] && strchr("+-.eE", text[n]))))
		n++;
	return n;
}

/* With the quotes. */
static size_t string_size(const char *text, size_t size)
{
	for (size_t n = 1; n < size; n++) {
		if (text[n] == '"')
			return n + 1;
		if (text[n] == '\\')
			n++;
	}
	return size;
}

/* A string, a literal, or another byte. */
static void copy_next(struct copy *copy)
{
	const char *text = copy->text + copy->at;
	size_t left = copy->size - copy->at, size = 1, n_other = 0;
	char other[ROOM_LITERAL];

	if (*text == '"') {
		size = string_size(text, left);
	} else if (*text == '-' || is_digit(*text)) {
		size = literal_size(text, left);
		n_other = convert(copy, text, size, other);
	} else if (*text == '{' || *text == '[') {
		copy->depth++;
	} else if ((*text == '}' || *text == ']') && copy->depth > 0) {
		copy->depth--;
	}
	if (n_other > 0)
		put(copy, other, n_other);
	else
		put(copy, text, size);
	copy->at += size;
}

/* Return: new text, ended by NUL, and its length in *@ret_size; NULL for no memory. */
static char *copy_all(struct copy copy, size_t *ret_size)
{
	struct copy counted = copy;

	while (counted.at < counted.size)
		copy_next(&counted);
	copy.out = malloc(counted.n + 1);
	if (!copy.out)
		return NULL;
	while (copy.at < copy.size)
		copy_next(&copy);
	copy.out[copy.n] = '\0';
	*ret_size = copy.n;
	return copy.out;
}

/* "LINE:COLUMN: what", the column in characters; @at is the last byte that was looked at. */
static int problem(const char *text, size_t at, const char *what, char *ret, size_t room)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		bool goes_on = (text[i] & 0xc0) == 0x80;

		column = text[i] == '\n' ? 1 : column + !goes_on;
		line += text[i] == '\n';
	}
	if (ret && room > 0)
		snprintf(ret, room, "%u:%u: %s", line, column, what);
	return -EINVAL;
}

/* Where the bracket stands that is too many. Return: @size when there is none. */
static size_t find_too_deep(const char *text, size_t size)
{
	struct copy copy = { .text = text, .size = size };

	while (copy.at < size) {
		size_t at = copy.at;

		copy_next(&copy);
		if (copy.depth > MAX_NESTING)
			return at;
	}
	return size;
}

/* jansson's error, after it had read so many bytes of the copy. */
static int problem_of_copy(const char *text, size_t size, json_error_t *error, char *ret,
			   size_t room)
{
	struct copy copy = { .text = text, .size = size };
	size_t n_read = error->position > 0 ? (size_t)error->position : 0;
	char *near = strstr(error->text, " near '");

	if (json_error_code(error) == json_error_out_of_memory)
		return -ENOMEM;
	if (near)
		*near = '\0';	/* it could be a literal of the copy */
	while (copy.at < size && copy.n < n_read)
		copy_next(&copy);
	if (copy.n > n_read)
		copy.at -= copy.n - n_read;
	return problem(text, copy.at > 0 ? copy.at - 1 : 0, error->text, ret, room);
}

/* Whether a literal may be one that jansson has to be told the other way. */
static bool has_long_number(const char *text, size_t size)
{
	size_t n_digits = 0;

	for (size_t i = 0; i < size; i++) {
		n_digits = is_digit(text[i]) ? n_digits + 1 : 0;
		if (n_digits == DIGITS_OF_INT64)
			return true;
	}
	return false;
}

/*
 * jansson takes no notice when a token finds no memory to grow, and then writes beyond what it
 * has. So it gets a text only where there is memory for all that may become of it: an empty
 * object is the most, in three bytes. What large blocks are taken of may be given by the
 * megabyte.
 */
static bool has_memory_for(size_t size)
{
	size_t most = 96 * size + (size > 1024 ? 2u << 20 : 4096);
	void *volatile all = malloc(most);	/* volatile: or it need not be done */
	bool is_there = all;

	free(all);
	return is_there;
}

static int parse(const char *text, size_t size, json_t **ret, json_error_t *error)
{
	_cleanup_(freep) char *copy = NULL;
	size_t n = size;

	if (has_long_number(text, size)) {
		copy = copy_all((struct copy){ .text = text, .size = size }, &n);
		if (!copy)
			return -ENOMEM;
	}
	if (!has_memory_for(n))
		return -ENOMEM;
	if (size == 0)
		text = "";	/* it may be NULL */
	*ret = json_loadb(copy ? copy : text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, error);
	return *ret ? 0 : -EINVAL;
}

int json_text_parse(const char *text, size_t size, json_t **ret, char *problem_text, size_t room)
{
	json_error_t error;
	const char *nul;
	size_t at;
	int r;

	if (size > JSON_TEXT_MAX)
		return -EMSGSIZE;
	nul = size > 0 ? memchr(text, '\0', size) : NULL;
	if (nul)	/* jansson takes one behind a number for the end */
		return problem(text, (size_t)(nul - text), "a NUL byte", problem_text, room);
	at = find_too_deep(text, size);
	if (at < size)
		return problem(text, at, "nested deeper than 512", problem_text, room);
	r = parse(text, size, ret, &error);
	return r == -EINVAL ? problem_of_copy(text, size, &error, problem_text, room) : r;
}

char *json_text_print(const json_t *value, bool compact)
{
	_cleanup_(freep) char *text = NULL;
	struct copy copy = { .to_words = true };

	text = json_dumps(value, JSON_ENCODE_ANY | (compact ? JSON_COMPACT : 0));
	if (!text)
		return NULL;
	if (!strchr(text, '-')) {	/* nothing to say the other way */
		char *same = text;

		text = NULL;
		return same;
	}
	copy.text = text;
	copy.size = strlen(text);
	return copy_all(copy, &copy.n);
}

int json_text_word(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);

	if (json_is_integer(value)) {
		*ret = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (!text)
		return -EINVAL;
	if (size > 2 && memcmp(text, "0x", 2) == 0)
		return parse_digits(text + 2, size - 2, 16, ret);
	return parse_digits(text, size, 10, ret);
}

/* Return: whether the value ends with this byte. */
static bool scan_byte(struct json_scan *scan, char c)
{
	if (scan->in_string) {
		bool ends = c == '"' && !scan->escaped;

		scan->escaped = c == '\\' && !scan->escaped;
		scan->in_string = !ends;
		return ends && scan->depth == 0;
	}
	if (scan->in_word)
		return is_blank(c);
	if (c == '"')
		scan->in_string = true;
	else if (c == '{' || c == '[')
		scan->depth++;
	else if (scan->depth == 0)
		scan->in_word = !is_blank(c);
	else if (c == '}' || c == ']')
		return --scan->depth == 0;
	return false;
}

size_t json_scan(struct json_scan *scan, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		scan->started = scan->started || !is_blank(text[i]);
		if (scan_byte(scan, text[i])) {
			*scan = (struct json_scan){ 0 };
			return i + 1;
		}
	}
	return 0;
}
