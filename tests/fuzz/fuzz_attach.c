/* SPDX-License-Identifier: MIT */
/*
 * fuzz_attach - files of any size, with anything in them
 *
 * Both are mapped as a role maps them, and attached to. What passes has to be
 * what docs/ring.md allows, computed here with more bits than any sum needs;
 * then a few calls are made.
 */
#include "model.h"

#define N_FILE		32768u		/* bytes, at most */

static struct files {
	int data, consumer;
	struct mapping all;		/* of all their bytes, whatever they say */
} files = { .data = -1 };

static void open_files(void)
{
	if (files.data < 0) {
		files.data = memory_file(N_FILE);
		files.consumer = memory_file(N_FILE);
		files.all.data = guarded(files.data, N_FILE, PROT_READ | PROT_WRITE);
		files.all.consumer = guarded(files.consumer, N_FILE, PROT_READ | PROT_WRITE);
	}
	/* Zero once more. */
	CHECK(ftruncate(files.data, 0) == 0 && ftruncate(files.data, N_FILE) == 0);
	CHECK(ftruncate(files.consumer, 0) == 0 && ftruncate(files.consumer, N_FILE) == 0);
}

static uint64_t take_file_size(struct input *input, uint64_t right)
{
	uint8_t byte = take_byte(input);

	switch (byte % 4) {
	case 0:
		return right;
	case 1:
		return right < byte ? 0 : right - byte / 4;
	case 2:
		return (right + (uint64_t)(byte / 4) * QUEUE_PAGE) % N_FILE;
	default:
		return take(input, 2) % N_FILE;
	}
}

/* A word of either page, with what might pass there. */
static void change(struct input *input, const struct geometry *geometry)
{
	static const unsigned places[] = { 0, 8, 16, 24, 32, 128, 136, 256, 264 };
	uint8_t byte = take_byte(input);
	unsigned char *file = byte & 1 ? (unsigned char *)files.all.consumer :
					 (unsigned char *)files.all.data;
	unsigned place = places[byte / 2 % 9];
	uint64_t word;

	byte = take_byte(input);
	switch (byte % 8) {
	case 0:
		word = geometry->queue_size + (uint64_t)(byte / 8 * 8) - 64;
		break;
	case 1:
		word = (uint64_t)(byte / 8) * QUEUE_PAGE;
		break;
	case 2:
		word = UINT64_MAX - 8 * (uint64_t)(byte / 8);
		break;
	case 3:
		word = 0 - (uint64_t)(byte / 8) * QUEUE_PAGE;
		break;
	case 4:
		word = take(input, 1);
		break;
	case 5:
		word = take(input, 2);
		break;
	case 6:
		word = UINT32_MAX - 8 * (uint64_t)(byte / 8);
		break;
	default:
		word = take(input, 8);
	}
	memcpy(file + place, &word, place == 8 || place == 32 ? 4 : 8);
}

/* For sums of anything in 64 bits. */
__extension__ typedef unsigned __int128 wide;

static bool may_attach(enum role role, uint64_t n_data)
{
	const struct queue_data *data = files.all.data;
	const struct queue_consumer *consumer = files.all.consumer;
	wide entry = 8 + ((wide)data->max_entry + 7) / 8 * 8;
	wide capacity = ((wide)data->capacity + 7) / 8 * 8;
	wide least = (capacity > entry ? capacity : entry) + entry;

	return memcmp(data, "IODQRNG1\1\0\0\0\0\20\0\0", 16) == 0 &&
	       memcmp(consumer, "IODQCON1\1\0\0\0", 12) == 0 && data->queue_size != 0 &&
	       data->queue_size % 4096 == 0 &&
	       (wide)data->queue_size + 4096 <= n_data &&
	       least <= data->queue_size &&
	       (role == ROLE_OBSERVER ||
		are_positions(consumer->head, data->tail, data->queue_size));
}

static void check_result(int r)
{
	CHECK(r == 0 || r == 1 || r == -ENODATA || r == -EOVERFLOW || r == -EMSGSIZE ||
	      r == -ENOSPC || r == -EIO || r == -EINVAL);
}

static void produce(struct ring *ring, uint32_t size)
{
	static const unsigned char bytes[N_PAYLOAD];
	uint32_t n;

	check_result(ring_can_enqueue(ring, size, size));
	for (int i = 0; i < 8; i++)
		check_result(ring_enqueue(ring, bytes, size % N_PAYLOAD));
	check_result(ring_enqueue_batch(ring, &(struct iovec){ (void *)(uintptr_t)bytes, 1 }, 1,
					&n));
	wait_attach(ring);
	wait_due(ring);
	check_result(wait_arm(ring, QUEUE_WAIT_FUTEX, size));
	wait_detach(ring);
}

static void consume(struct ring *ring)
{
	static unsigned char bytes[N_PAYLOAD];
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;

	wait_attach(ring);
	for (int i = 0; i < 8; i++) {
		size = sizeof(bytes);
		check_result(ring_dequeue(ring, bytes, &size));
	}
	if (ring_peek(ring, &entry, &size, &position) == 0)
		check_result(ring_release(ring));
	wait_due(ring);
	check_result(wait_arm(ring, QUEUE_WAIT_FIFO, 0));
	wait_detach(ring);
}

static void use(struct ring *ring, const struct mapping *mapping, uint32_t size)
{
	const struct queue_entry *entry;
	struct ring_status status;
	uint64_t position;

	ring_observe(mapping, &ring->geometry, &status);
	check_result(ring_available(ring));
	if (ring->role == ROLE_PRODUCER)
		produce(ring, size);
	else if (ring->role == ROLE_CONSUMER)
		consume(ring);
	else
		check_result(ring_peek(ring, &entry, &size, &position));
}

/* After an error there is nothing else. */
static void check_error(struct ring *ring)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size = 1;
	unsigned char byte = 0;

	CHECK(ring_available(ring) == -EIO && ring_look(ring) == -EIO);
	if (ring->role == ROLE_PRODUCER)
		CHECK(ring_enqueue(ring, &byte, 0) == -EIO &&
		      ring_enqueue(ring, &byte, 1) == -EIO &&
		      ring_can_enqueue(ring, 0, 1) == -EIO);
	else
		CHECK(ring_peek(ring, &entry, &size, &position) == -EIO);
	if (ring->role == ROLE_CONSUMER)
		CHECK(ring_dequeue(ring, &byte, &size) == -EIO && ring_release(ring) == -EIO);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	enum role role = (enum role)(take_byte(&input) % 3);
	const struct geometry *geometry = &geometries[take_byte(&input) % N_GEOMETRIES];
	uint64_t n_data = take_file_size(&input, geometry_file_size(geometry)), n_least;
	uint64_t n_consumer = take_file_size(&input, QUEUE_PAGE);
	uint8_t n_changes = take_byte(&input), size = take_byte(&input);
	struct mapping mapping = MAPPING_NULL;
	struct ring ring;
	int r;

	open_files();
	layout_format(files.all.data, files.all.consumer, geometry);
	for (int i = n_changes % 8; i > 0; i--)
		change(&input, geometry);
	/* What is left is the beginning of both, or of the ring. */
	if (n_changes & 128)
		memcpy(files.all.data, input.bytes, input.n < N_FILE ? input.n : N_FILE);
	else
		memcpy(files.all.data->queue, input.bytes, input.n < 4096 ? input.n : 4096);
	if (n_changes & 64)
		memcpy(files.all.consumer, input.bytes,
		       input.n < QUEUE_PAGE ? input.n : QUEUE_PAGE);
	CHECK(ftruncate(files.data, (off_t)n_data) == 0);
	CHECK(ftruncate(files.consumer, (off_t)n_consumer) == 0);

	r = mapping_open(files.data, files.consumer, role, &mapping);
	CHECK(r == (n_data < 2 * QUEUE_PAGE || n_consumer < QUEUE_PAGE ? -EIO : 0));
	if (r < 0)
		return 0;

	n_least = files.all.data->queue_size;
	n_least = QUEUE_PAGE + (n_least < QUEUE_PAGE || n_least > INT64_MAX ? QUEUE_PAGE : n_least);
	CHECK(mapping.n_data == (n_data < n_least ? n_data : n_least));
	CHECK(mapping.n_consumer == QUEUE_PAGE);
	r = ring_attach(&ring, role, &mapping, NULL);
	CHECK(r == (may_attach(role, n_data) ? 0 : -EIO));
	if (r == 0)
		use(&ring, &mapping, size);
	else
		check_error(&ring);
	mapping_close(&mapping);
	return 0;
}
