/* SPDX-License-Identifier: MIT */
/*
 * boost_ring COUNT - COUNT messages of 64 bytes through an spsc_queue of Boost
 * in shared memory; prints how many went through in a second
 *
 * The slots are N_SLOTS, as the others get from scripts/bench; one stays free.
 */
#include <boost/lockfree/spsc_queue.hpp>

#include "message.h"

static const size_t N_SLOTS = 16384;

typedef boost::lockfree::spsc_queue<message, boost::lockfree::capacity<N_SLOTS - 1>> boost_queue;

struct boost_end {
	boost_queue *queue;
	unsigned long count;
};

static bool send_boost(void *arg, const struct message *message)
{
	return static_cast<boost_end *>(arg)->queue->push(*message);
}

static bool receive_boost(void *arg, struct message *message)
{
	return static_cast<boost_end *>(arg)->queue->pop(*message);
}

static void produce(void *arg)
{
	boost_end end = *static_cast<boost_end *>(arg);

	send_all(send_boost, &end, end.count);
}

static void consume(void *arg)
{
	boost_end end = *static_cast<boost_end *>(arg);

	printf("%.0f\n", receive_all(receive_boost, &end, end.count));
}

int main(int argc, char **argv)
{
	boost_end end;

	if (argc < 2) {
		fprintf(stderr, "usage: boost_ring COUNT\n");
		return 2;
	}
	end.count = strtoul(argv[1], nullptr, 10);
	end.queue = new (shared_memory(sizeof(boost_queue))) boost_queue;
	run_pair(produce, consume, &end);
	return 0;
}
