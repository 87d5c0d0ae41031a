/* SPDX-License-Identifier: MIT */
/*
 * ck_ring N_SLOTS COUNT - COUNT messages of 64 bytes through a ck_ring of libck
 * in shared memory; prints how many went through in a second
 */
#include "message.h"

#include <ck_ring.h>

CK_RING_PROTOTYPE(message, message)

struct ck_end {
	struct ck_ring *ring;
	struct message *slots;
	unsigned long count;
};

static bool send_ck(void *arg, const struct message *message)
{
	struct ck_end *end = arg;

	/* It takes a pointer to what may change, and changes nothing. */
	return ck_ring_enqueue_spsc_message(end->ring, end->slots,
					    (struct message *)(uintptr_t)message);
}

static bool receive_ck(void *arg, struct message *message)
{
	struct ck_end *end = arg;

	return ck_ring_dequeue_spsc_message(end->ring, end->slots, message);
}

static void produce(void *arg)
{
	struct ck_end end = *(struct ck_end *)arg;

	send_all(send_ck, &end, end.count);
}

static void consume(void *arg)
{
	struct ck_end end = *(struct ck_end *)arg;

	printf("%.0f\n", receive_all(receive_ck, &end, end.count));
}

int main(int argc, char **argv)
{
	struct ck_end end;
	unsigned n_slots;

	if (argc < 3) {
		fprintf(stderr, "usage: ck_ring N_SLOTS COUNT\n");
		return 2;
	}
	n_slots = (unsigned)strtoul(argv[1], NULL, 10);
	end.count = strtoul(argv[2], NULL, 10);
	end.ring = shared_memory(sizeof(*end.ring));
	end.slots = shared_memory(n_slots * sizeof(*end.slots));
	ck_ring_init(end.ring, n_slots);	/* a power of two */
	run_pair(produce, consume, &end);
	return 0;
}
