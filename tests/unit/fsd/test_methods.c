/* SPDX-License-Identifier: MIT */
/* test_methods - the document of `methods`, and the checks of calls by it */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "main.h"
#include "control/methods_text.h"
#include "util/failure.h"

#define MODERN \
	"{\"methods\":[" \
	"{\"name\":\"mul\",\"si\":2,\"so\":1}," \
	"{\"name\":\"echo\",\"sis\":16,\"sos\":16}," \
	"{\"si\":\"*\",\"sis\":\"*\",\"so\":\"*\",\"sos\":\"*\",\"allowAsync\":true}," \
	"{\"si\":1,\"ent\":\"e.one\"}," \
	"{\"fn\":false,\"ent\":\"e.other\"}," \
	"{\"sis\":8192,\"sos\":8192}," \
	"{\"so\":16}]}"

static struct methods *parse(const char *text)
{
	struct methods *methods = NULL;
	int r = methods_parse(text, strlen(text), &methods);
	struct failure why;

	failure_take(&why);
	ck_assert_msg(r == 0, "%s: %s", text, why.message);
	return methods;
}

/* It is refused, and the message has @word. */
static void refused(const char *text, const char *word)
{
	struct methods *methods = NULL;
	struct failure why;

	ck_assert_msg(methods_parse(text, strlen(text), &methods) == -EINVAL, "%s", text);
	ck_assert_ptr_null(methods);
	failure_take(&why);
	ck_assert_int_eq(why.error, -EINVAL);
	ck_assert_msg(strstr(why.message, word), "%s: %s", text, why.message);
}

static bool has_entitlement(const void *user, const char *name)
{
	return user && strcmp(user, name) == 0;
}

static IOReturn check_shape(const struct methods *methods, struct call_shape shape)
{
	shape.has_entitlement = has_entitlement;
	return methods_check(methods, &shape);
}

#define ck_assert_code(methods, code, ...)						\
	ck_assert_str_eq(IOReturnName(check_shape(methods, (struct call_shape){ __VA_ARGS__ })), \
			 #code)

START_TEST(sizes_are_compared_for_equality)
{
	struct methods *methods = parse(MODERN);

	ck_assert_code(methods, kIOReturnSuccess, 0, .si = 2, .so = 1);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 1, .so = 1);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 3, .so = 1);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 2);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 2, .so = 2);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 2, .so = 1, .sis = 1);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 2, .so = 1, .sos = 1);
	ck_assert_code(methods, kIOReturnSuccess, 1, .sis = 16, .sos = 16);
	ck_assert_code(methods, kIOReturnBadArgument, 1, .sis = 16, .sos = 17);
	ck_assert_code(methods, kIOReturnSuccess, 5, .sis = 8192, .sos = 8192);
	ck_assert_code(methods, kIOReturnBadArgument, 7);
	ck_assert_code(methods, kIOReturnBadArgument, UINT32_MAX);
	methods_free(methods);
}
END_TEST

START_TEST(limits_come_first)
{
	struct methods *methods = parse(MODERN);

	ck_assert_code(methods, kIOReturnSuccess, 2, .si = 16, .so = 16, .sis = 4096, .sos = 4096);
	ck_assert_code(methods, MIG_ARRAY_TOO_LARGE, 2, .si = 17);
	ck_assert_code(methods, MIG_ARRAY_TOO_LARGE, 99, .si = UINT64_MAX, .sos = UINT64_MAX);
	ck_assert_code(methods, kIOReturnSuccess, 2, .sos = UINT32_MAX);
	ck_assert_code(methods, kIOReturnIPCError, 2, .sos = UINT32_MAX + 1ull);
	ck_assert_code(methods, kIOReturnIPCError, 2, .sis = UINT32_MAX + 1ull);
	ck_assert_code(methods, kIOReturnIPCError, 2, .variable = true, .async = true);
	/* More outputs than there can be are seen as 16. */
	ck_assert_code(methods, kIOReturnSuccess, 6, .so = 17);
	ck_assert_code(methods, kIOReturnSuccess, 6, .so = UINT64_MAX);
	ck_assert_code(methods, kIOReturnBadArgument, 6, .so = 15);
	methods_free(methods);
}
END_TEST

START_TEST(the_modern_order)
{
	struct methods *methods = parse(MODERN);

	/* Sizes, then async, then the entitlement, then the function. */
	ck_assert_code(methods, kIOReturnBadArgument, 3);
	ck_assert_code(methods, kIOReturnBadArgument, 3, .si = 1, .async = true);
	ck_assert_code(methods, kIOReturnNotPrivileged, 3, .si = 1);
	ck_assert_code(methods, kIOReturnNotPrivileged, 3, .si = 1, .user = "e.other");
	ck_assert_code(methods, kIOReturnSuccess, 3, .si = 1, .user = "e.one");
	ck_assert_code(methods, kIOReturnNotPrivileged, 4);
	ck_assert_code(methods, kIOReturnNoCompletion, 4, .user = "e.other");
	ck_assert_code(methods, kIOReturnSuccess, 2, .async = true);
	methods_free(methods);
}
END_TEST

START_TEST(variable_output_needs_any_or_zero)
{
	struct methods *methods = parse(MODERN);

	ck_assert_code(methods, kIOReturnSuccess, 2, .variable = true);
	ck_assert_code(methods, kIOReturnSuccess, 0, .si = 2, .so = 1, .variable = true);
	ck_assert_code(methods, kIOReturnBadArgument, 1, .sis = 16, .variable = true);
	methods_free(methods);
}
END_TEST

START_TEST(without_a_table)
{
	struct methods *modern = parse("{}"), *null = parse("{\"methods\":null}");
	struct methods *empty = parse("{\"methods\":[]}"),
		*classic = parse("{\"kind\":\"classic\"}");

	ck_assert_code(modern, kIOReturnError, 0);
	ck_assert_code(null, kIOReturnError, 0);
	ck_assert_code(empty, kIOReturnBadArgument, 0);
	ck_assert_code(classic, kIOReturnUnsupported, 0);
	ck_assert_code(NULL, kIOReturnUnsupported, 0, .si = 3);
	ck_assert_code(NULL, kIOReturnUnsupported, 0, .sis = 4096, .sos = 4096);
	ck_assert_code(NULL, kIOReturnIPCError, 0, .sis = 4097);
	ck_assert_code(NULL, kIOReturnIPCError, 0, .sos = 4097);
	ck_assert_code(NULL, MIG_ARRAY_TOO_LARGE, 0, .si = 17);
	methods_free(modern);
	methods_free(null);
	methods_free(empty);
	methods_free(classic);
}
END_TEST

START_TEST(the_classic_table_asks_less)
{
	struct methods *methods = parse("{\"methods\":[{\"si\":2},{\"fn\":false}],\"kind\":\"classic\"}");

	ck_assert_code(methods, kIOReturnSuccess, 0, .si = 2, .async = true);
	ck_assert_code(methods, kIOReturnBadArgument, 0);
	ck_assert_code(methods, kIOReturnNoCompletion, 1);
	ck_assert_code(methods, kIOReturnUnsupported, 2);
	ck_assert_code(methods, kIOReturnIPCError, 2, .sis = 4097);
	methods_free(methods);
}
END_TEST

START_TEST(driverkit_knows_who_completes)
{
	struct methods *methods = parse("{\"kind\":\"driverkit\",\"methods\":["
		"{\"completion\":1,\"sos\":8},{\"completion\":\"*\"},{\"completion\":0},"
		"{\"completion\":7,\"fn\":false},{\"sos\":\"*\"}]}");

	ck_assert_code(methods, kIOReturnBadArgument, 0, .sos = 8);
	ck_assert_code(methods, kIOReturnSuccess, 0, .sos = 8, .async = true);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .sos = 9, .async = true);
	ck_assert_code(methods, kIOReturnSuccess, 1);
	ck_assert_code(methods, kIOReturnSuccess, 1, .async = true);
	ck_assert_code(methods, kIOReturnSuccess, 2);
	ck_assert_code(methods, kIOReturnBadArgument, 2, .async = true);
	ck_assert_code(methods, kIOReturnNoCompletion, 3, .async = true);
	/* The variable form is one of 2^32 - 1 bytes here, not of none. */
	ck_assert_code(methods, kIOReturnBadArgument, 2, .variable = true);
	ck_assert_code(methods, kIOReturnSuccess, 4, .variable = true);
	ck_assert_code(methods, kIOReturnUnsupported, 5);
	methods_free(methods);
}
END_TEST

START_TEST(legacy_descriptors)
{
	struct methods *methods = parse("{\"kind\":\"legacy\",\"methods\":["
		"{\"type\":\"ScalarIScalarO\",\"c0\":2,\"c1\":1},"
		"{\"type\":\"ScalarIStructO\",\"c0\":1,\"c1\":\"*\"},"
		"{\"type\":\"StructIStructO\",\"c0\":16,\"c1\":8},"
		"{\"type\":\"ScalarIStructI\",\"c0\":1,\"c1\":4},"
		"{\"type\":1},null,"
		"{\"type\":\"ScalarIScalarO\",\"foreground\":true,\"allowAsync\":true},"
		"{\"type\":16},{\"type\":0,\"c0\":4,\"c1\":3},{\"type\":0,\"c0\":\"*\"}]}");

	ck_assert_code(methods, kIOReturnSuccess, 0, .si = 2, .so = 1);
	ck_assert_code(methods, kIOReturnBadArgument, 0, .si = 2);
	ck_assert_code(methods, kIOReturnUnsupported, 0, .si = 2, .so = 1, .async = true);
	ck_assert_code(methods, kIOReturnSuccess, 1, .si = 1, .sos = 77);
	ck_assert_code(methods, kIOReturnSuccess, 1, .si = 1, .variable = true);
	ck_assert_code(methods, kIOReturnIPCError, 1, .si = 1, .sos = 4097);
	ck_assert_code(methods, kIOReturnSuccess, 2, .sis = 16, .sos = 8);
	ck_assert_code(methods, kIOReturnBadArgument, 2, .sis = 16, .sos = 7);
	ck_assert_code(methods, kIOReturnBadArgument, 2, .sis = 15, .sos = 8);
	ck_assert_code(methods, kIOReturnSuccess, 3, .si = 1, .sis = 4);
	ck_assert_code(methods, kIOReturnBadArgument, 3, .si = 1, .sis = 5);
	ck_assert_code(methods, kIOReturnBadArgument, 4);
	ck_assert_code(methods, kIOReturnUnsupported, 5);
	ck_assert_code(methods, kIOReturnSuccess, 6, .async = true);
	ck_assert_code(methods, kIOReturnNotPermitted, 6, .si = 9, .gpu_denied = true);
	ck_assert_code(methods, kIOReturnNotPermitted, 7, .gpu_denied = true);
	ck_assert_code(methods, kIOReturnBadArgument, 8, .si = 4, .so = 3);
	ck_assert_code(methods, kIOReturnBadArgument, 9);
	ck_assert_code(methods, kIOReturnUnsupported, 10);
	methods_free(methods);
}
END_TEST

START_TEST(any_has_limits_only)
{
	struct methods *methods = parse("{\"kind\":\"any\",\"methods\":[{\"name\":\"go\",\"so\":2}]}");

	ck_assert_code(methods, kIOReturnSuccess, 77, .si = 3, .sis = 1 << 20, .async = true);
	ck_assert_code(methods, MIG_ARRAY_TOO_LARGE, 77, .si = 17);
	ck_assert_code(methods, kIOReturnIPCError, 77, .async = true, .variable = true);
	methods_free(methods);
}
END_TEST

START_TEST(selectors_are_found)
{
	struct methods *methods = parse(MODERN);
	uint32_t selector = 99;

	ck_assert(methods_find(methods, "echo", &selector) && selector == 1);
	ck_assert(methods_find(methods, "77", &selector) && selector == 77);
	ck_assert(methods_find(NULL, "0xFf", &selector) && selector == 255);
	ck_assert(methods_find(methods, "4294967295", &selector) && selector == UINT32_MAX);
	ck_assert(!methods_find(methods, "4294967296", &selector));
	ck_assert(!methods_find(methods, "0x100000000", &selector));
	ck_assert(!methods_find(methods, "99999999999999999999999", &selector));
	ck_assert(!methods_find(methods, "", &selector) && !methods_find(methods, "0x", &selector));
	ck_assert(!methods_find(methods, "007", &selector) &&
		  !methods_find(methods, "-1", &selector));
	ck_assert(!methods_find(methods, " 1", &selector) &&
		  !methods_find(methods, "ech", &selector));
	ck_assert(!methods_find(NULL, "echo", &selector));
	methods_free(methods);
}
END_TEST

START_TEST(a_whole_document)
{
	struct methods *methods = parse(
		"{\"methods\":[{\"name\":\"a\",\"si\":\"0x10\"}],"
		"\"memory\":{\"0\":\"ring\",\"0x1\":{\"buf\":\"rom\",\"ro\":true},\"2\":\"queues/0/data\"},"
		"\"ports\":{\"0\":\"queues/q q/notify\"},\"open\":\"ask\",\"privilege\":\"root\","
		"\"IOUserClientEntitlements\":\"ent\","
		"\"locking\":{\"single\":true,\"setprops\":true,\"default\":false},"
		"\"timeout_ms\":250,\"shared\":true,\"userClientClass\":\"MulUserClient\",\"getService\":false}");

	ck_assert_uint_eq(methods->table[0].si, 16);
	ck_assert_uint_eq(methods->n_memory, 3);
	ck_assert_str_eq(methods_memory(methods, 0)->target, "ring");
	ck_assert(!methods_memory(methods, 0)->read_only && methods_memory(methods, 1)->read_only);
	ck_assert_str_eq(methods_memory(methods, 2)->target, "queues/0/data");
	ck_assert_ptr_null(methods_memory(methods, 3));
	ck_assert_ptr_null(methods_memory(NULL, 0));
	ck_assert_str_eq(methods_port(methods, 0)->target, "queues/q q/notify");
	ck_assert(methods->ask && methods->shared && methods->lock_single &&
		  methods->lock_setprops);
	ck_assert(!methods->lock_default);
	ck_assert_str_eq(methods->privilege, "root");
	ck_assert_int_eq(methods->entitlement_rule, ENTITLEMENT_NAMED);
	ck_assert_str_eq(methods->entitlement, "ent");
	ck_assert_uint_eq(methods->timeout_ms, 250);
	ck_assert_str_eq(methods->client_class, "MulUserClient");
	ck_assert(!methods->get_service);
	methods_free(methods);
}
END_TEST

START_TEST(an_empty_document_has_the_defaults)
{
	struct methods *methods = parse(" {} \n");

	ck_assert(!methods->has_table && methods->kind == METHODS_2022 && !methods->ask);
	ck_assert(methods->lock_default && !methods->lock_single && !methods->lock_setprops);
	ck_assert(methods->get_service);
	ck_assert_int_eq(methods->entitlement_rule, ENTITLEMENT_ABSENT);
	methods_free(methods);
	methods = parse("{\"IOUserClientEntitlements\":false}");
	ck_assert_int_eq(methods->entitlement_rule, ENTITLEMENT_NONE_NEEDED);
	methods_free(methods);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "methods" }, { "[]", "object" }, { "{", "methods" }, { "{}x", "methods" },
		{ "{\"method\":[]}", "unknown key \"method\"" },
		{ "{\"a\\nb\":[]}", "unknown key \"a?b\"" },
		{ "{\"getService\":1}", "\"getService\"" },
		{ "{\"methods\":{}}", "\"methods\"" }, { "{\"methods\":[null]}", "methods[0]" },
		{ "{\"methods\":[{},7]}", "methods[1]" },
		{ "{\"methods\":[{\"si\":17}]}", "\"si\"" },
		{ "{\"methods\":[{\"so\":\"x\"}]}", "\"so\"" },
		{ "{\"methods\":[{\"sis\":4294967296}]}", "\"sis\"" },
		{ "{\"methods\":[{\"sos\":-1}]}", "\"sos\"" },
		{ "{\"methods\":[{\"sos\":1.5}]}", "\"sos\"" },
		{ "{\"methods\":[{\"allowAsync\":1}]}", "\"allowAsync\"" },
		{ "{\"methods\":[{\"ent\":\"\"}]}", "\"ent\"" },
		{ "{\"methods\":[{\"fn\":null}]}", "\"fn\"" },
		{ "{\"methods\":[{\"completion\":1}]}", "unknown key \"completion\"" },
		{ "{\"kind\":\"classic\",\"methods\":[{\"ent\":\"e\"}]}", "unknown key \"ent\"" },
		{ "{\"kind\":\"any\",\"methods\":[{\"ent\":\"e\"}]}", "unknown key \"ent\"" },
		{ "{\"kind\":\"legacy\",\"methods\":[{}]}", "\"type\" is missing" },
		{ "{\"kind\":\"legacy\",\"methods\":[{\"type\":\"Scalar\"}]}", "\"type\"" },
		{ "{\"kind\":\"new\"}", "\"kind\"" }, { "{\"kind\":2022}", "\"kind\"" },
		{ "{\"methods\":[{\"name\":\"\"}]}", "\"name\"" },
		{ "{\"methods\":[{\"name\":\"7\"}]}", "\"name\"" },
		{ "{\"methods\":[{\"name\":\"007\"}]}", "\"name\"" },
		{ "{\"methods\":[{\"name\":\"0xfffffffffffffffff\"}]}", "\"name\"" },
		{ "{\"methods\":[{\"name\":\"..\"}]}", "\"name\"" },
		{ "{\"methods\":[{\"name\":\"a/b\"}]}", "\"name\"" },
		{ "{\"methods\":[{\"name\":\"a\\u0000b\"}]}", "methods" },
		{ "{\"methods\":[{\"name\":\"a\"},{},{\"name\":\"a\"}]}", "methods[2]: \"name\"" },
		{ "{\"memory\":[]}", "\"memory\"" }, { "{\"memory\":{\"x\":\"a\"}}", "\"memory\"" },
		{ "{\"memory\":{\"4294967296\":\"a\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"a\",\"0x1\":\"b\"}}", "type 1 is there twice" },
		{ "{\"memory\":{\"1\":\"\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"..\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"a/b\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"queues//data\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"queues/../data\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"queues/a/b/data\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":\"queues/data\"}}", "\"memory\"" },
		{ "{\"memory\":{\"1\":{\"ro\":true}}}", "\"buf\"" },
		{ "{\"memory\":{\"1\":{\"buf\":\"a\",\"rw\":true}}}", "\"rw\"" },
		{ "{\"memory\":{\"1\":{\"buf\":\"a\",\"ro\":1}}}", "\"ro\"" },
		{ "{\"ports\":{\"1\":\"queues/a/data\"}}", "\"ports\"" },
		{ "{\"ports\":{\"1\":null}}", "\"ports\"" },
		{ "{\"open\":true}", "\"open\"" }, { "{\"privilege\":\"\"}", "\"privilege\"" },
		{ "{\"IOUserClientEntitlements\":true}", "IOUserClientEntitlements" },
		{ "{\"IOUserClientEntitlements\":\"\"}", "IOUserClientEntitlements" },
		{ "{\"locking\":true}", "\"locking\"" }, { "{\"locking\":{\"x\":true}}", "\"x\"" },
		{ "{\"locking\":{\"single\":1}}", "\"single\"" },
		{ "{\"shared\":\"yes\"}", "\"shared\"" },
		{ "{\"timeout_ms\":\"soon\"}", "\"timeout_ms\"" },
		{ "{\"userClientClass\":\"a:b\"}", "\"userClientClass\"" },
		{ "{\"open\":\"ask\",\"open\":\"ask\"}", "methods" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, cases[i].word);
}
END_TEST

/* "[{},{},...]" behind @start. */
static char *many(const char *start, size_t n, const char *end)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs(start, out);
	for (size_t i = 0; i < n; i++)
		fputs(i ? ",{}" : "{}", out);
	fputs(end, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(there_are_4096_methods_at_most)
{
	char *text = many("{\"methods\":[", 4096, "]}");
	struct methods *methods = parse(text);

	ck_assert_uint_eq(methods->n_table, 4096);
	methods_free(methods);
	free(text);
	text = many("{\"methods\":[", 4097, "]}");
	refused(text, "4096");
	free(text);
}
END_TEST

START_TEST(names_have_127_bytes_at_most)
{
	char text[256], name[129];
	struct methods *methods;

	memset(name, 'n', sizeof(name));
	snprintf(text, sizeof(text), "{\"methods\":[{\"name\":\"%.127s\"}]}", name);
	methods = parse(text);
	ck_assert_uint_eq(strlen(methods->table[0].name), 127);
	methods_free(methods);
	snprintf(text, sizeof(text), "{\"methods\":[{\"name\":\"%.128s\"}]}", name);
	refused(text, "\"name\"");
}
END_TEST

START_TEST(too_long_a_document)
{
	size_t size = (4u << 20) + 1;
	char *text = malloc(size);
	struct methods *methods = NULL;

	memset(text, ' ', size);
	memcpy(text, "{}", 2);
	ck_assert_int_eq(methods_parse(text, size, &methods), -EMSGSIZE);
	ck_assert_int_eq(methods_parse(text, size - 1, &methods), 0);
	methods_free(methods);
	free(text);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, sizes_are_compared_for_equality);
	tcase_add_test(tests, limits_come_first);
	tcase_add_test(tests, the_modern_order);
	tcase_add_test(tests, variable_output_needs_any_or_zero);
	tcase_add_test(tests, without_a_table);
	tcase_add_test(tests, the_classic_table_asks_less);
	tcase_add_test(tests, driverkit_knows_who_completes);
	tcase_add_test(tests, legacy_descriptors);
	tcase_add_test(tests, any_has_limits_only);
	tcase_add_test(tests, selectors_are_found);
	tcase_add_test(tests, a_whole_document);
	tcase_add_test(tests, an_empty_document_has_the_defaults);
	tcase_add_test(tests, what_is_wrong_is_named);
	tcase_add_test(tests, there_are_4096_methods_at_most);
	tcase_add_test(tests, names_have_127_bytes_at_most);
	tcase_add_test(tests, too_long_a_document);
}
