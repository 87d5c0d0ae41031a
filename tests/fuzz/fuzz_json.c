/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json - any bytes as a document, and as a stream of values in pieces
 *
 * The first byte says how the stream is cut; the rest is the text.
 */
#include "fuzz.h"
#include "libqueue/json_text.h"

#define N_VALUES	1024

/* Where values end, and whether the last one is not complete. */
struct ends {
	size_t at[N_VALUES];
	size_t n;
	struct json_scan scan;
};

/* The stream in pieces of at most @most bytes. */
static void scan_pieces(const char *text, size_t size, size_t most, struct ends *ret)
{
	size_t at = 0, piece = most, taken;

	*ret = (struct ends){ 0 };
	while (at < size) {
		if (piece > size - at)
			piece = size - at;
		taken = json_scan(&ret->scan, text + at, piece);
		CHECK(taken <= piece);
		at += taken > 0 ? taken : piece;
		piece = taken > 0 && taken < piece ? piece - taken : most;
		if (taken == 0)
			continue;
		CHECK(!ret->scan.started);
		if (ret->n < N_VALUES)
			ret->at[ret->n] = at;
		ret->n++;
	}
}

static void check_stream(const char *text, size_t size, uint8_t cut)
{
	static struct ends whole, pieces;

	scan_pieces(text, size, size, &whole);
	scan_pieces(text, size, cut % 16 + 1u, &pieces);
	CHECK(whole.n == pieces.n);
	CHECK(memcmp(whole.at, pieces.at, sizeof(whole.at)) == 0);
	CHECK(whole.scan.depth == pieces.scan.depth && whole.scan.started == pieces.scan.started &&
	      whole.scan.in_string == pieces.scan.in_string &&
	      whole.scan.in_word == pieces.scan.in_word);
}

/* A document is one value of a stream, with a blank behind it where it is a word. */
static void check_one_value(const char *text, size_t size)
{
	struct json_scan scan = { 0 };
	size_t end = json_scan(&scan, text, size);

	if (end == 0) {
		CHECK(scan.in_word && json_scan(&scan, "\n", 1) == 1);
		return;
	}
	CHECK(strspn(text + end, " \t\r\n") == size - end);
}

static char *check_print(const json_t *value, bool compact)
{
	char *text = json_text_print(value, compact), *again;
	json_t *other = NULL;

	CHECK(text);
	CHECK(json_text_parse(text, strlen(text), &other, NULL, 0) == 0);
	CHECK(json_equal(value, other));
	again = json_text_print(other, compact);
	CHECK(again && strcmp(text, again) == 0);
	json_decref(other);
	free(again);
	return text;
}

static void check_value(const json_t *value, const char *text, size_t size)
{
	uint64_t word;
	int r = json_text_word(value, &word);

	CHECK(r == 0 || (r == -EINVAL && !json_is_integer(value)));
	check_one_value(text, size);
	free(check_print(value, false));
	free(check_print(value, true));
}

/* "LINE:COLUMN: what", and there is such a line. */
static void check_problem(const char *problem, const char *text, size_t size)
{
	unsigned line, column, n_lines = 1;
	int n = 0;

	CHECK(sscanf(problem, "%u:%u: %n", &line, &column, &n) == 2 && n > 0 && problem[n]);
	for (size_t i = 0; i < size; i++)
		n_lines += text[i] == '\n';
	CHECK(line >= 1 && line <= n_lines && column >= 1 && column <= size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	uint8_t cut = take_byte(&input);
	/* Of just that length, and another to find the end of what is checked. */
	char *text = malloc(input.n + 1), problem[256] = "";
	json_t *value = NULL;
	int r;

	CHECK(text);
	memcpy(text, input.bytes, input.n);
	text[input.n] = '\0';
	check_stream(text, input.n, cut);
	r = json_text_parse((const char *)input.bytes, input.n, &value, problem, sizeof(problem));
	CHECK(r == 0 || r == -EINVAL);
	if (r == 0)
		check_value(value, text, input.n);
	else
		check_problem(problem, text, input.n);
	json_decref(value);
	free(text);
	return 0;
}
