/* SPDX-License-Identifier: MIT */
/*
 * fuzz_call - a client's call, as the document of `call` and as a line of scalars
 *
 * A call that is understood is printed for a driver, in both forms. What was
 * printed has to be the same call again, and a driver may answer with all of it. With a key
 * more, which says nothing, jansson reads what may be read without it.
 */
#include "control/call_text.h"
#include "control/driver_text.h"
#include "text.h"

static void check_same(const struct call *one, const struct call *other)
{
	uint64_t n_so = one->n_so < SCALARS_MAX ? one->n_so : SCALARS_MAX;

	CHECK(one->selector == other->selector && n_so == other->n_so);
	CHECK(other->n_si == (one->n_si < SCALARS_MAX ? one->n_si : SCALARS_MAX));
	CHECK(memcmp(one->si, other->si, other->n_si * sizeof(*other->si)) == 0);
	CHECK(one->input_size == other->input_size && !one->input == !other->input);
	CHECK(!one->input || memcmp(one->input, other->input, one->input_size) == 0);
	CHECK(one->variable == other->variable);
	CHECK(one->variable || one->output_size == other->output_size);
	CHECK(one->async == other->async && one->reference == other->reference);
}

/* The request without what makes it a driver's is a document of `call`. */
static void check_document(const struct call *call, const char *printed)
{
	static const char *const others[] = { "op", "id", "conn" };
	json_t *object = parsed(printed);
	struct call again;
	char *text;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(json_object_del(object, others[i]) == 0);
	text = json_text_print(object, true);
	CHECK(text && call_parse(text, strlen(text), &again) == 0);
	check_same(call, &again);
	call_deinit(&again);
	free(text);
	json_decref(object);
}

static void check_echo(const char *line, bool words)
{
	struct driver_line answer;

	CHECK(driver_line_parse(line, strlen(line), words, &answer) == 0);
	CHECK(answer.kind == LINE_ANSWER && answer.id == 5 && answer.reply.code == 0);
	driver_line_deinit(&answer);
}

static void print(const struct call *call)
{
	struct request request = { REQUEST_CALL, .id = 5, .connection = UINT64_MAX, .call = call };
	char *json = request_print(&request, false), *words = request_print(&request, true), *echo;

	CHECK(json && words && !strpbrk(json, "\n") && !strpbrk(words, "\n"));
	check_document(call, json);
	CHECK(asprintf(&echo, "%.*s,\"rc\":0}", (int)strlen(json) - 1, json) > 0);
	check_echo(echo, false);
	free(echo);
	CHECK(asprintf(&echo, "%s rc=0", words) > 0);
	check_echo(echo, true);
	free(echo);
	free(json);
	free(words);
}

static void print_scalars(const struct call *call)
{
	struct reply reply = { .n_so = call->n_si };
	struct call again;
	char *text;

	memcpy(reply.so, call->si, sizeof(reply.so));
	text = scalars_print(&reply);
	CHECK(text && scalars_parse(text, strlen(text), &again) == 0);
	CHECK(again.n_si == (call->n_si < SCALARS_MAX ? call->n_si : SCALARS_MAX));
	CHECK(memcmp(again.si, call->si, sizeof(again.si)) == 0);
	free(text);
}

static void check_with_key(const char *text, size_t n, const struct call *call)
{
	const char *brace = memchr(text, '{', n);
	struct call again;
	char *longer;

	if (memchr(text, '\\', n) || memmem(text, n, "hex", 3))
		return;
	CHECK(asprintf(&longer, "{\"hex\":false,%.*s", (int)(n - 1 - (size_t)(brace - text)),
		       brace + 1) > 0);
	CHECK(call_parse(longer, strlen(longer), &again) == 0);
	CHECK(call->n_si == again.n_si && call->n_so == again.n_so);
	again.n_si = again.n_si < SCALARS_MAX ? again.n_si : SCALARS_MAX;
	again.n_so = again.n_so < SCALARS_MAX ? again.n_so : SCALARS_MAX;
	check_same(call, &again);
	call_deinit(&again);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct call call;
	int r = call_parse((const char *)bytes, n, &call);

	check_failure(r);
	if (r == 0) {
		print(&call);
		check_with_key((const char *)bytes, n, &call);
		call_deinit(&call);
	}
	r = scalars_parse((const char *)bytes, n, &call);
	check_failure(r);
	if (r == 0)
		print_scalars(&call);
	return 0;
}
