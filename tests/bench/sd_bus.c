/* SPDX-License-Identifier: MIT */
/*
 * sd_bus COUNT ADDRESS - a peer of call.c: how many D-Bus method calls a second are answered
 *
 * The same call, two numbers in and their product out, from a client to a service through
 * the dbus-daemon that listens at ADDRESS, by sd-bus of libsystemd.
 */
#include <systemd/sd-bus.h>

#include "bench.h"

#define NAME	"org.example.Multiplier"

static const char *address;
static unsigned long n_calls;

static void must(const char *what, int r)
{
	if (r >= 0)
		return;
	errno = -r;
	fail(what);
}

static sd_bus *join_bus(void)
{
	sd_bus *bus = NULL;

	must("new", sd_bus_new(&bus));
	must("address", sd_bus_set_address(bus, address));
	must("client", sd_bus_set_bus_client(bus, 1));
	must("start", sd_bus_start(bus));
	return bus;
}

static int multiply(sd_bus_message *message, void *user, sd_bus_error *error)
{
	uint64_t a, b;
	int r = sd_bus_message_read(message, "tt", &a, &b);

	(void)user;
	(void)error;
	return r < 0 ? r : sd_bus_reply_method_return(message, "t", a * b);
}

static int leave(sd_bus_message *message, void *user, sd_bus_error *error)
{
	(void)user;
	(void)error;
	must("reply", sd_bus_reply_method_return(message, ""));
	must("flush", sd_bus_flush(sd_bus_message_get_bus(message)));
	_exit(0);
}

static const sd_bus_vtable table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Multiply", "tt", "t", multiply, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Leave", "", "", leave, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};

static void serve(void *arg)
{
	sd_bus *bus = join_bus();

	(void)arg;
	must("vtable", sd_bus_add_object_vtable(bus, NULL, "/", NAME, table, NULL));
	must("name", sd_bus_request_name(bus, NAME, 0));
	meet();
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		must("process", r);
		if (r == 0)
			must("wait", sd_bus_wait(bus, UINT64_MAX));
	}
}

static void multiply_by_call(sd_bus *bus, uint64_t i)
{
	sd_bus_message *reply = NULL;
	uint64_t product = 0;

	must("call", sd_bus_call_method(bus, NAME, "/", NAME, "Multiply", NULL, &reply, "tt",
					i, (uint64_t)3));
	must("read", sd_bus_message_read(reply, "t", &product));
	if (product != i * 3)
		fail("product");
	sd_bus_message_unref(reply);
}

static void call(void *arg)
{
	sd_bus *bus = join_bus();
	double start;

	(void)arg;
	meet();
	start = now();
	for (unsigned long i = 0; i < n_calls; i++)
		multiply_by_call(bus, i);
	printf("%f\n", (double)n_calls / (now() - start));
	/* Not checked: the end of the child interrupts it. */
	sd_bus_call_method(bus, NAME, "/", NAME, "Leave", NULL, NULL, "");
	sd_bus_flush_close_unref(bus);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	n_calls = strtoul(argv[1], NULL, 0);
	address = argv[2];
	run_pair(serve, call, NULL);
	return 0;
}
