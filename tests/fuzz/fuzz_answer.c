/* SPDX-License-Identifier: MIT */
/*
 * fuzz_answer - what a program reads of fsd: answers, completions, and lines cut anywhere
 *
 * The first byte says how the bytes are cut. What the library's own reader takes, jansson
 * takes, too, and finds the same in it; what is printed for fsd is a call that says the same.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "control/call_text.h"
#include "libqueue/base64.h"
#include "libqueue/connection_text.h"
#include "libqueue/json_text.h"
#include "libqueue/lines.h"

/* fsd's and the library's limits are named alike. */
_Static_assert(SCALARS_MAX == 16, "scalars of a call");

static void check_scalars(const json_t *array, const struct method_answer *answer)
{
	CHECK(json_array_size(array) == answer->n_scalars);
	for (size_t i = 0; i < answer->n_scalars; i++) {
		uint64_t word;

		CHECK(json_text_word(json_array_get(array, i), &word) == 0);
		CHECK(word == answer->scalars[i]);
	}
}

/* What was taken is JSON, unless it has words that only jansson looks into, or names twice. */
static void check_by_jansson(const char *line, size_t n, const struct method_answer *answer)
{
	json_auto_t *object = NULL;
	uint64_t word;

	if (memchr(line, '\\', n) || json_text_parse(line, n, &object, NULL, 0) < 0)
		return;
	CHECK(json_is_object(object));
	CHECK(json_text_word(json_object_get(object, "rc"), &word) == 0 && word == answer->result);
	if (json_object_get(object, "so") && !json_object_get(object, "args"))
		check_scalars(json_object_get(object, "so"), answer);
	if (json_object_get(object, "sob"))
		CHECK(json_string_length(json_object_get(object, "sob")) == answer->n_bytes &&
		      memcmp(json_string_value(json_object_get(object, "sob")), answer->bytes,
			     answer->n_bytes) == 0);
	if (json_object_get(object, "ref"))
		CHECK(json_text_word(json_object_get(object, "ref"), &word) == 0 &&
		      word == answer->reference);
}

/* The same bytes as a call: fsd's reader finds in it what was put in. */
static void check_call(const struct method_answer *answer)
{
	struct method_call call = {
		.selector = answer->result, .n_scalars = answer->n_scalars, .scalars = answer->scalars,
		.bytes = answer->bytes, .n_bytes = answer->n_bytes, .n_scalars_wanted = answer->n_scalars,
		.n_bytes_wanted = answer->reference & 1 ? ANY_SIZE : answer->n_bytes,
		.reference = answer->reference & 1 ? 0 : answer->reference,
	};
	char *text = malloc(call_room(&call));
	struct call got;
	size_t n;

	CHECK(text);
	n = call_print(&call, text);
	CHECK(n <= call_room(&call) && call_parse(text, n, &got) == 0);
	CHECK(got.selector == call.selector && got.n_si == call.n_scalars);
	CHECK(memcmp(got.si, call.scalars, call.n_scalars * sizeof(*call.scalars)) == 0);
	CHECK(got.n_so == call.n_scalars_wanted && got.input_size == call.n_bytes);
	CHECK(call.n_bytes == 0 || memcmp(got.input, call.bytes, call.n_bytes) == 0);
	CHECK(got.variable == (call.n_bytes_wanted == ANY_SIZE) && got.reference == call.reference);
	call_deinit(&got);
	free(text);
}

static void check_line(const char *line, size_t n)
{
	struct method_answer answer;
	size_t size;
	char *bytes;

	if (answer_parse(line, n, &answer) < 0)
		return;
	CHECK(answer.n_scalars <= SCALARS_MAX);
	CHECK(!answer.bytes || (answer.bytes >= line && answer.bytes + answer.n_bytes <= line + n));
	check_by_jansson(line, n, &answer);
	check_call(&answer);
	size = answer.bytes ? base64_size(answer.bytes, answer.n_bytes) : SIZE_MAX;
	bytes = size != SIZE_MAX ? malloc(size + 1) : NULL;
	if (bytes && base64_take(answer.bytes, answer.n_bytes, bytes) == 0) {
		char *again = malloc(base64_length(size) + 1);

		CHECK(again && base64_put(again, bytes, size) == again + answer.n_bytes);
		CHECK(memcmp(again, answer.bytes, answer.n_bytes) == 0);
		free(again);
	}
	free(bytes);
}

/* The lines of @text are what comes out, however it is cut. */
static void check_lines(const char *text, size_t size, size_t piece)
{
	struct lines lines = { 0 };
	int fd = memfd_create("lines", MFD_CLOEXEC);
	size_t written = 0, at = 0;

	CHECK(fd >= 0);
	while (written < size || lines_have_one(&lines)) {
		const char *line;
		size_t n, part = piece < size - written ? piece : size - written;

		CHECK(pwrite(fd, text + written, part, (off_t)written) == (ssize_t)part);
		written += part;
		CHECK(part == 0 || lines_read(&lines, fd) == 1);
		while ((line = lines_next(&lines, &n))) {
			CHECK(at + n < size && memcmp(line, text + at, n) == 0);
			CHECK(text[at + n] == '\n' && !memchr(line, '\n', n));
			at += n + 1;
			check_line(line, n);
		}
	}
	CHECK(!memchr(text + at, '\n', size - at));
	lines_free(&lines);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	size_t piece = 1 + take_byte(&input);
	char *text = malloc(input.n + 1);

	CHECK(text);
	memcpy(text, input.bytes, input.n);
	text[input.n] = '\0';
	check_lines(text, input.n, piece);
	check_line(text, input.n);
	free(text);
	return 0;
}
