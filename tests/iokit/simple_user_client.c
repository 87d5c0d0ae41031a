/* SPDX-License-Identifier: MIT */
/*
 * simple_user_client - finds each service of a class, opens it, and calls each of its
 * methods: before it is open for us, while it is, and from a second connection
 */
#include "client.h"

#define CLASS_NAME	"com_apple_dts_driver_SimpleDriver"

struct sample {
	uint64_t field1, field2;
};

enum {
	kMyUserClientOpen,
	kMyUserClientClose,
	kMyScalarIStructI,
	kMyScalarIStructO,
	kMyScalarIScalarO,
	kMyStructIStructO
};

static kern_return_t user_client_open(io_connect_t connect)
{
	return IOConnectCallScalarMethod(connect, kMyUserClientOpen, NULL, 0, NULL, NULL);
}

static kern_return_t user_client_close(io_connect_t connect)
{
	return IOConnectCallScalarMethod(connect, kMyUserClientClose, NULL, 0, NULL, NULL);
}

static kern_return_t scalar_i_struct_i(io_connect_t connect, uint64_t scalar, struct sample *in)
{
	return IOConnectCallMethod(connect, kMyScalarIStructI, &scalar, 1, in, sizeof(*in),
				   NULL, NULL, NULL, NULL);
}

static kern_return_t scalar_i_struct_o(io_connect_t connect, uint64_t a, uint64_t b,
				       struct sample *out, size_t *size)
{
	uint64_t scalars[] = { a, b };

	return IOConnectCallMethod(connect, kMyScalarIStructO, scalars, 2, NULL, 0, NULL, NULL,
				   out, size);
}

static kern_return_t scalar_i_scalar_o(io_connect_t connect, uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t scalars[] = { a, b };
	uint32_t n = 1;

	return IOConnectCallScalarMethod(connect, kMyScalarIScalarO, scalars, 2, out, &n);
}

static kern_return_t struct_i_struct_o(io_connect_t connect, struct sample *in, struct sample *out,
				       size_t *size)
{
	return IOConnectCallStructMethod(connect, kMyStructIStructO, in, sizeof(*in), out, size);
}

static void call_all(io_connect_t connect)
{
	struct sample in = { 586, 8756 }, out = { 0, 0 };
	size_t size = sizeof(out);
	uint64_t product = 0;
	kern_return_t r;

	say("scalarIStructI", scalar_i_struct_i(connect, 23, &in));
	r = scalar_i_struct_o(connect, 154, 863, &out, &size);
	printf("scalarIStructO: %s, %" PRIu64 ", %" PRIu64 "\n", name_of(r), out.field1,
	       out.field2);
	r = scalar_i_scalar_o(connect, 10, 32768, &product);
	printf("scalarIScalarO: %s, %" PRIu64 "\n", name_of(r), product);
	out = (struct sample){ 0, 0 };
	size = sizeof(out);
	r = struct_i_struct_o(connect, &in, &out, &size);
	printf("structIStructO: %s, %" PRIu64 ", %" PRIu64 "\n", name_of(r), out.field1,
	       out.field2);
}

static void test_user_client(io_service_t service)
{
	io_connect_t connect, other;
	struct sample small = { 0, 0 };
	size_t size = sizeof(small) - 1;

	must("IOServiceOpen", IOServiceOpen(service, mach_task_self(), 0, &connect));
	call_all(connect);
	say("open", user_client_open(connect));
	call_all(connect);
	size = sizeof(small) - 1;
	say("one byte too few", struct_i_struct_o(connect, &small, &small, &size));

	must("IOServiceOpen", IOServiceOpen(service, mach_task_self(), 0, &other));
	say("open by another", user_client_open(other));
	say("close by another", user_client_close(other));
	say("close", user_client_close(connect));
	say("open by another", user_client_open(other));
	say("IOServiceClose", IOServiceClose(other));
	say("IOServiceClose", IOServiceClose(connect));
	say("after it", user_client_open(connect));
}

int main(void)
{
	io_iterator_t iterator;
	io_service_t service;

	must("IOServiceGetMatchingServices",
	     IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceMatching(CLASS_NAME),
					  &iterator));
	while ((service = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
		test_user_client(service);
		IOObjectRelease(service);
	}
	IOObjectRelease(iterator);
	return EXIT_SUCCESS;
}
