/* SPDX-License-Identifier: MIT */
/*
 * fuzz_words - numbers, names, escapes, classes, bytes in text, mount options: beside a slow
 * reading of the same
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>

#include "check.h"
#include "control/bytes.h"
#include "libqueue/base64.h"
#include "libqueue/json_text.h"
#include "options.h"
#include "service/methods.h"
#include "tree/node.h"
#include "util/escape.h"
#include "util/number.h"
#include "util/utf8.h"

/* Digits that strtoull(3) has a number for. */
static void check_number(const char *text, size_t n)
{
	size_t digits = strspn(text, "0123456789");
	bool is_one = digits > 0 && (n == digits || (n == digits + 1 && text[digits] == '\n'));
	unsigned long long value;
	uint64_t got;

	errno = 0;
	value = strtoull(text, NULL, 10);
	is_one = is_one && errno == 0;
	CHECK((number_parse(text, n, &got) == 0) == is_one);
	CHECK(!is_one || got == value);
}

/* As printf(3) has it, and no other way. */
static void check_hex(const char *text)
{
	uint64_t got;
	char again[24];

	if (number_parse_hex(text, &got) < 0)
		return;
	snprintf(again, sizeof(again), "%llx", (unsigned long long)got);
	CHECK(strcmp(again, text) == 0);
}

/* As strtoull(3) would, where there is nothing but digits. */
static void check_method_number(const char *text)
{
	uint32_t got;
	char *end;

	if (!methods_number(text, &got))
		return;
	CHECK(isdigit((unsigned char)*text) && got == strtoull(text, &end, 0) && !*end);
}

static void check_escapes(const char *text)
{
	char *escaped = escape(text), *back = unescape(escaped);
	char *name = escape_name(text), *plain = unescape_name(name);

	CHECK(back && strcmp(back, text) == 0);
	CHECK(strspn(escaped, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-%") ==
	      strlen(escaped));
	CHECK(plain && strcmp(plain, text) == 0);
	CHECK(*name != '.' && !strpbrk(name, "/\n"));
	free(escaped);
	free(back);
	free(name);
	free(plain);
	back = unescape(text);
	CHECK(!back || strlen(back) <= strlen(text));
	free(back);
	plain = unescape_name(text);
	CHECK(plain && strlen(plain) <= strlen(text));
	free(plain);
}

/* A name is one that stat(2) could be asked for. */
static void check_name(const char *text)
{
	bool is_name = *text && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
	int r = node_name_check(text);

	CHECK((r == 0) == (is_name && strlen(text) <= NODE_NAME_MAX));
}

/* jansson looks at each character of a string. */
static void check_utf8(const char *text)
{
	json_t *string = json_string(text), *mended = bytes_to_json(text);

	CHECK(utf8_is_valid(text) == (string != NULL));
	CHECK(mended && (!string || json_equal(string, mended)));
	json_decref(string);
	json_decref(mended);
}

static void check_bytes(const char *text, size_t n)
{
	char *escaped = NULL, *hex = malloc(2 * n + 1);
	size_t size, n_escaped;
	FILE *out = open_memstream(&escaped, &n_escaped);
	void *back;

	CHECK(out && hex);
	bytes_escape(text, n, out);
	CHECK(fclose(out) == 0 && !memchr(escaped, '\n', n_escaped) && !memchr(escaped, ' ', n_escaped));
	CHECK(bytes_unescape(escaped, n_escaped, &back, &size) == 0);
	CHECK(size == n && memcmp(back, text, n) == 0);
	free(back);
	*hex = '\0';
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char)text[i]);
	CHECK(bytes_from_hex(hex, 2 * n, &back, &size) == 0 && size == n && memcmp(back, text, n) == 0);
	free(back);
	if (bytes_from_hex(text, n, &back, &size) == 0)
		free(back);
	free(hex);
	free(escaped);
}

static void check_base64(const char *text, size_t n)
{
	size_t size = base64_size(text, n);
	char *bytes, *again;

	if (size == SIZE_MAX)
		return;
	bytes = malloc(size + 1);
	CHECK(bytes && size <= n / 4 * 3);
	if (base64_take(text, n, bytes) == 0) {
		again = malloc(base64_length(size) + 1);
		CHECK(again && base64_length(size) == n && base64_put(again, bytes, size) == again + n);
		CHECK(memcmp(again, text, n) == 0);
		free(again);
	}
	free(bytes);
}

/* An option that is fsd's, and not FUSE's. */
static bool is_ours(const char *option)
{
	return strncmp(option, "memory=", 7) == 0 || strncmp(option, "max_queues=", 11) == 0 ||
	       strncmp(option, "max_queue_size=", 15) == 0;
}

/* What is left for FUSE: the others, in their order. */
static void check_left(char *list, const char *left)
{
	char *rest = NULL;

	for (char *option = strtok_r(list, ",", &rest); option; option = strtok_r(NULL, ",", &rest)) {
		size_t n = strlen(option);

		if (is_ours(option))
			continue;
		CHECK(left && strncmp(left, option, n) == 0);
		left += n + (left[n] == ',');
	}
	CHECK(!left || !*left);
}

/* Behind -o; what is wrong is said where nobody reads it. */
static void check_options(const char *text)
{
	static char program[] = "fsd", flag[] = "-o", mountpoint[] = "/mnt";
	static FILE *nobody;
	char *list = strdup(text), *copy = strdup(text), *arguments[] = {
		program, flag, list, mountpoint, NULL
	};
	FILE *real = stderr;
	struct options options;
	enum options_result result;

	if (!nobody)
		nobody = fopen("/dev/null", "we");
	CHECK(nobody && list && copy);
	stderr = nobody;
	optind = 0;
	result = options_parse(4, arguments, &options);
	stderr = real;
	CHECK(result == OPTIONS_RUN || result == OPTIONS_WRONG);
	CHECK(options.limits.max_queues > 0 || result == OPTIONS_WRONG);
	CHECK(options.limits.max_queue_size > 0 || result == OPTIONS_WRONG);
	if (result == OPTIONS_RUN)
		check_left(copy, options.fuse_options);
	options_deinit(&options);
	free(copy);
	free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);

	CHECK(text);
	memcpy(text, bytes, n);
	text[n] = '\0';
	check_number(text, n);
	check_utf8(text);
	check_bytes(text, n);
	check_base64(text, n);
	check_hex(text);
	check_method_number(text);
	check_escapes(text);
	check_name(text);
	check_options(text);
	free(text);
	return 0;
}
