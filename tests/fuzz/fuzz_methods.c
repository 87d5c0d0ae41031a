/* SPDX-License-Identifier: MIT */
/*
 * fuzz_methods - the document of `methods`, and calls checked by it
 *
 * The first bytes are the shape of a call, as the targets of the memory layer
 * take theirs; the rest is the document.
 */
#include "control/methods_text.h"
#include "text.h"

static bool has_entitlement(const void *user, const char *name)
{
	return user && *name;
}

static struct call_shape take_shape(struct input *input)
{
	uint8_t flags = take_byte(input);

	return (struct call_shape){
		.selector = take_byte(input),
		.si = take_byte(input) % 20, .so = take_byte(input) % 20,
		.sis = take(input, 2), .sos = take(input, 2),
		.variable = flags & 1, .async = flags & 2, .gpu_denied = flags & 4,
		.has_entitlement = has_entitlement, .user = flags & 8 ? input : NULL,
	};
}

/* Every name leads to its method, and every type to what is bound to it. */
static void check_found(const struct methods *methods)
{
	uint32_t selector;

	for (size_t i = 0; i < methods->n_table; i++) {
		const char *name = methods->table[i].name;

		CHECK(!name || (methods_find(methods, name, &selector) && selector == i));
	}
	for (size_t i = 0; i < methods->n_memory; i++)
		CHECK(methods_memory(methods, methods->memory[i].type) == &methods->memory[i] &&
		      *methods->memory[i].target);
	for (size_t i = 0; i < methods->n_ports; i++)
		CHECK(methods_port(methods, methods->ports[i].type) == &methods->ports[i] &&
		      *methods->ports[i].target);
	CHECK((methods->entitlement_rule == ENTITLEMENT_NAMED) == (methods->entitlement != NULL));
}

/* What passes is within the limits, and of a method that is there. */
static void check_call(const struct methods *methods, const struct call_shape *shape)
{
	IOReturn code = methods_check(methods, shape);

	CHECK(IOReturnName(code));
	if (code != kIOReturnSuccess)
		return;
	CHECK(shape->si <= SCALARS_MAX && !(shape->variable && shape->async));
	CHECK(methods->kind == METHODS_UNCHECKED || shape->selector < methods->n_table);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	struct call_shape shape = take_shape(&input);
	struct methods *methods = NULL;
	int r = methods_parse((const char *)input.bytes, input.n, &methods);

	check_failure(r);
	if (r < 0)
		return 0;
	check_found(methods);
	check_call(methods, &shape);
	methods_free(methods);
	return 0;
}
