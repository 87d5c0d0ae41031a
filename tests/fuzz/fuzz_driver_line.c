/* SPDX-License-Identifier: MIT */
/*
 * fuzz_driver_line - what a driver writes, as JSON or as words: the first byte says which
 *
 * A line that is understood is said once more, the way its client gets it, and
 * is put together to a driver's line again, which has to mean the same. With a key
 * more, which is not looked at, jansson reads what may be read without it.
 */
#include "control/call_text.h"
#include "control/driver_text.h"
#include "text.h"

static void check_same(const struct reply *one, const struct reply *other)
{
	CHECK(one->code == other->code);
	if (one->code != kIOReturnSuccess)
		return;
	CHECK(other->n_so == (one->n_so < SCALARS_MAX ? one->n_so : SCALARS_MAX));
	CHECK(memcmp(one->so, other->so, sizeof(one->so)) == 0);
	CHECK(one->has_output == other->has_output && one->output_size == other->output_size);
	CHECK(one->output_size == 0 || memcmp(one->output, other->output, one->output_size) == 0);
}

static void check_line(json_t *object, struct driver_line *ret)
{
	char *text = json_text_print(object, true);

	CHECK(text && driver_line_parse(text, strlen(text), false, ret) == 0);
	free(text);
	json_decref(object);
}

static void check_answer(const struct driver_line *line, bool hex)
{
	char *text = reply_print(&line->reply, hex);
	json_t *object = parsed(text);
	struct driver_line again;

	free(text);
	CHECK(json_object_del(object, "name") == 0);
	json_object_set_new(object, "id", json_integer((json_int_t)line->id));
	check_line(object, &again);
	CHECK(again.kind == LINE_ANSWER && again.id == line->id);
	check_same(&line->reply, &again.reply);
	driver_line_deinit(&again);
}

static void check_completion(const struct driver_line *line)
{
	size_t n = line->n_arguments < SCALARS_MAX ? line->n_arguments : SCALARS_MAX;
	char *text = completion_print(line->reference, line->reply.code, line->arguments, n);
	json_t *object = parsed(text);
	struct driver_line again;

	free(text);
	json_object_set(object, "async", json_object_get(object, "ref"));
	CHECK(json_object_del(object, "ref") == 0);
	json_object_set_new(object, "conn", json_integer((json_int_t)line->connection));
	check_line(object, &again);
	CHECK(again.kind == LINE_COMPLETION && again.connection == line->connection);
	CHECK(again.reference == line->reference && again.reply.code == line->reply.code);
	CHECK(again.n_arguments == n && memcmp(again.arguments, line->arguments, n * 8) == 0);
	driver_line_deinit(&again);
}

static void check_with_key(const char *text, size_t n, const struct driver_line *line)
{
	const char *brace = memchr(text, '{', n);
	struct driver_line again;
	char *longer;

	if (memchr(text, '\\', n) || memmem(text, n, "by", 2))
		return;
	CHECK(asprintf(&longer, "{\"by\":0,%.*s", (int)(n - 1 - (size_t)(brace - text)),
		       brace + 1) > 0);
	CHECK(driver_line_parse(longer, strlen(longer), false, &again) == 0);
	CHECK(again.kind == LINE_ANSWER && again.id == line->id);
	CHECK(line->reply.n_so == again.reply.n_so);
	if (again.reply.n_so <= SCALARS_MAX)
		check_same(&line->reply, &again.reply);
	driver_line_deinit(&again);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct driver_line line;
	int r;

	if (n == 0)
		return 0;
	r = driver_line_parse((const char *)bytes + 1, n - 1, bytes[0] == 't', &line);
	check_failure(r);
	if (r < 0)
		return 0;
	if (line.kind == LINE_ANSWER) {
		check_answer(&line, false);
		check_answer(&line, true);
		if (bytes[0] != 't')
			check_with_key((const char *)bytes + 1, n - 1, &line);
		CHECK(!line.buffer || *line.buffer);
	} else if (line.kind == LINE_COMPLETION) {
		check_completion(&line);
	} else if (line.data) {
		free(json_text_print(line.data, true));
	}
	driver_line_deinit(&line);
	return 0;
}
