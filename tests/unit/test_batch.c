/* SPDX-License-Identifier: MIT */
/*
 * test_batch - many entries in one call, alone and mixed with all other ways to
 * put entries in and to take them out
 *
 * The ring of new_default() has 8192 bytes, and entries of up to 1024.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "entries.h"

#include "libqueue/wait.h"

#define FIFO		QUEUE_WAIT_FIFO
#define MOST		64

/* Payloads for a batch, out or in. */
struct batch {
	struct iovec entries[MOST];
	unsigned char bytes[MOST][2048];
};

/* Entries @first and on, of @size bytes each. */
static void make_batch(struct batch *batch, uint64_t first, uint32_t n, size_t size)
{
	ck_assert_uint_le(n, MOST);
	for (uint32_t i = 0; i < n; i++) {
		fill(batch->bytes[i], first + i, size);
		batch->entries[i] = (struct iovec){ batch->bytes[i], size };
	}
}

static void make_room_for(struct batch *batch, uint32_t n, size_t room)
{
	for (uint32_t i = 0; i < n; i++) {
		memset(batch->bytes[i], 0xEE, sizeof(batch->bytes[i]));
		batch->entries[i] = (struct iovec){ batch->bytes[i], room };
	}
}

static void check_taken(const struct batch *batch, uint32_t i, uint64_t n, size_t size)
{
	unsigned char expected[2048];

	fill(expected, n, size);
	ck_assert_uint_eq(batch->entries[i].iov_len, size);
	ck_assert_mem_eq(batch->bytes[i], expected, size);
	ck_assert_uint_eq(batch->bytes[i][size], 0xEE);
}

static uint32_t put_batch(struct ring *ring, uint64_t first, uint32_t n, size_t size)
{
	static struct batch batch;
	uint32_t done = MOST + 1;

	make_batch(&batch, first, n, size);
	ck_assert_int_eq(ring_enqueue_batch(ring, batch.entries, n, &done), 0);
	return done;
}

/* Sizes on both sides of what is copied without a call. */
static const size_t sizes[] = { 0, 1, 8, 127, 128, 129, 130, 1000, 1024 };

START_TEST(a_batch_comes_out_as_it_went_in)
{
	static struct batch batch;
	size_t size = sizes[_i];
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	for (uint64_t first = 0; first < 700; first += 7) {
		ck_assert_uint_eq(put_batch(&sides.producer, first, 7, size), 7);
		make_room_for(&batch, 7, size);
		ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 7, &n), 0);
		ck_assert_uint_eq(n, 7);
		for (uint32_t i = 0; i < 7; i++)
			check_taken(&batch, i, first + i, size);
	}
	ck_assert_uint_eq(sides.memory.data->enqueued, 700);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 700);
	ck_assert_uint_eq(sides.memory.data->tail, sides.memory.consumer->head);
}
END_TEST

START_TEST(a_batch_leaves_what_singles_would)
{
	static unsigned char same[8192];
	struct sides one, two;

	new_default(&one);
	new_default(&two);
	start_at(&one, 8192 + 7000);
	start_at(&two, 8192 + 7000);
	ck_assert_uint_eq(put_batch(&one.producer, 5, 6, 500), 6);
	for (uint64_t i = 0; i < 6; i++)
		put(&two.producer, 5 + i, 500);
	memcpy(same, two.memory.data->queue, sizeof(same));
	ck_assert_mem_eq(one.memory.data->queue, same, sizeof(same));
	ck_assert_uint_eq(one.memory.data->tail, two.memory.data->tail);
	ck_assert_uint_eq(one.memory.data->enqueued, two.memory.data->enqueued);
}
END_TEST

/*
 * All of a batch or nothing is seen: its entries come in eights, so that tail
 * stands at another place only if it was stored in the middle.
 */
static void produce_eights(struct sides *sides, uint64_t n)
{
	for (uint64_t i = 0; i < n;)
		if (ring_can_enqueue(&sides->producer, 56, 8) == 0)
			i += put_batch(&sides->producer, i, 8, 56);
		else
			sched_yield();
}

START_TEST(a_batch_is_published_as_one)
{
	const uint64_t n = 80000;
	struct sides sides;
	pid_t peer;
	int status;

	new_default(&sides);
	peer = fork();
	ck_assert_int_ge(peer, 0);
	if (peer == 0) {
		produce_eights(&sides, n);
		_exit(0);
	}
	for (uint64_t i = 0; i < n; i++) {
		while (ring_available(&sides.consumer) == 0)
			sched_yield();
		ck_assert_uint_eq(load_acquire(&sides.memory.data->tail) % 512, 0);
		get(&sides.consumer, i, 56);
	}
	ck_assert_int_eq(waitpid(peer, &status, 0), peer);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* The producer refuses an entry when there is room for less than all. */
START_TEST(the_space_of_a_batch_is_given_back_as_one)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	ck_assert_uint_eq(put_batch(&sides.producer, 0, 9, 1016), 8);
	make_room_for(&batch, 8, 1016);
	batch.entries[7].iov_len = 1015;
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 8, &n), 0);
	ck_assert_uint_eq(n, 7);
	ck_assert_uint_eq(sides.memory.consumer->head, 7 * 1024);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 7);
}
END_TEST

START_TEST(a_batch_goes_over_the_rings_end)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	for (uint64_t at = 0; at < 8192; at += 8) {
		start_at(&sides, at);
		ck_assert_uint_eq(put_batch(&sides.producer, at, 6, 1024), 6);
		make_room_for(&batch, 10, 2000);
		ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 10, &n), 0);
		ck_assert_uint_eq(n, 6);
		for (uint32_t i = 0; i < 6; i++)
			check_taken(&batch, i, at + i, 1024);
		ck_assert_uint_eq(batch.entries[6].iov_len, 2000);
		ck_assert_uint_eq(sides.memory.data->tail, sides.memory.consumer->head);
	}
}
END_TEST

START_TEST(a_batch_ends_before_an_entry_that_has_no_room)
{
	struct sides sides;

	new_default(&sides);
	ck_assert_uint_eq(put_batch(&sides.producer, 0, 20, 1016), 8);
	ck_assert_uint_eq(sides.memory.data->enqueued, 8);
	for (uint64_t i = 0; i < 8; i++)
		get(&sides.consumer, i, 1016);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
}
END_TEST

START_TEST(a_batch_ends_before_an_entry_that_is_too_large)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	make_batch(&batch, 0, 5, 24);
	batch.entries[2].iov_len = 1025;
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries, 5, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries + 2, 3, &n), -EMSGSIZE);
	ck_assert_uint_eq(n, 0);
	batch.entries[2].iov_len = SIZE_MAX;
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries + 2, 3, &n), -EMSGSIZE);
	ck_assert_uint_eq(sides.memory.data->tail, 64);
	get(&sides.consumer, 0, 24);
	get(&sides.consumer, 1, 24);
}
END_TEST

START_TEST(a_batch_ends_before_bytes_that_are_nowhere)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	make_batch(&batch, 0, 5, 24);
	batch.entries[1].iov_base = NULL;
	batch.entries[3] = (struct iovec){ NULL, 0 };
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries, 5, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries + 1, 4, &n), -EINVAL);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries + 2, 3, &n), 0);
	ck_assert_uint_eq(n, 3);
	get(&sides.consumer, 0, 24);
	get(&sides.consumer, 2, 24);
	get(&sides.consumer, 3, 0);
	get(&sides.consumer, 4, 24);
}
END_TEST

START_TEST(a_batch_ends_before_an_entry_larger_than_its_room)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	for (uint64_t i = 0; i < 5; i++)
		put(&sides.producer, i, 20 + 200 * i);
	make_room_for(&batch, 5, 300);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 5, &n), 0);
	ck_assert_uint_eq(n, 2);
	check_taken(&batch, 0, 0, 20);
	check_taken(&batch, 1, 1, 220);
	ck_assert_uint_eq(batch.entries[2].iov_len, 420);
	ck_assert_uint_eq(batch.bytes[2][0], 0xEE);
	ck_assert_uint_eq(batch.entries[3].iov_len, 300);

	batch.entries[0].iov_len = 419;
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 5, &n), -ENOSPC);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(batch.entries[0].iov_len, 420);
	get(&sides.consumer, 2, 420);
}
END_TEST

START_TEST(room_of_more_than_32_bits_is_room)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	put(&sides.producer, 0, 1000);
	put(&sides.producer, 1, 10);
	make_room_for(&batch, 2, SIZE_MAX);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 2, &n), 0);
	ck_assert_uint_eq(n, 2);
	check_taken(&batch, 0, 0, 1000);
	check_taken(&batch, 1, 1, 10);
}
END_TEST

START_TEST(a_batch_drops_entries_where_there_is_no_buffer)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	for (uint64_t i = 0; i < 4; i++)
		put(&sides.producer, i, 20 + i * 100);
	make_room_for(&batch, 4, 1024);
	batch.entries[0] = (struct iovec){ NULL, 0 };
	batch.entries[2] = (struct iovec){ NULL, 5 };
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 4, &n), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(batch.entries[0].iov_len, 20);
	check_taken(&batch, 1, 1, 120);
	ck_assert_uint_eq(batch.entries[2].iov_len, 220);
	check_taken(&batch, 3, 3, 320);
}
END_TEST

START_TEST(a_batch_of_none_does_nothing)
{
	struct sides sides;
	uint32_t n = 9;

	new_default(&sides);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, NULL, 0, &n), 0);
	ck_assert_uint_eq(n, 0);
	n = 9;
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, NULL, 0, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(sides.memory.data->tail, 0);
	ck_assert_uint_eq(sides.memory.data->enqueued, 0);
	ck_assert_uint_eq(sides.memory.data->overruns, 0);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 0);
}
END_TEST

START_TEST(an_empty_queue_has_no_batch)
{
	struct iovec entry = { .iov_len = 7 };
	struct sides sides;
	uint32_t n = 9;

	new_default(&sides);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, &entry, 1, &n), -ENODATA);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(entry.iov_len, 7);
}
END_TEST

START_TEST(an_overrun_is_counted_when_none_of_a_batch_was_taken)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	ck_assert_uint_eq(put_batch(&sides.producer, 0, 20, 1016), 8);
	ck_assert_uint_eq(sides.memory.data->overruns, 0);
	make_batch(&batch, 0, 3, 1016);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries, 3, &n), -EOVERFLOW);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(sides.memory.data->overruns, 1);
	batch.entries[0].iov_len = 1025;
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries, 3, &n), -EMSGSIZE);
	ck_assert_uint_eq(sides.memory.data->overruns, 1);
}
END_TEST

/* What was found before the damage is handed over; then it is an error for good. */
START_TEST(a_batch_ends_before_an_entry_that_lies)
{
	static struct batch batch;
	struct queue_entry *third;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	ck_assert_uint_eq(put_batch(&sides.producer, 0, 4, 40), 4);
	third = (void *)(sides.memory.data->queue + 2 * 48);
	third->size = 4096;
	make_room_for(&batch, 4, 2000);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 4, &n), 0);
	ck_assert_uint_eq(n, 2);
	third->size = 40;
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 4, &n), -EIO);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(a_batch_ends_at_a_head_that_lies)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	new_default(&sides);
	store_relaxed(&sides.memory.consumer->head, 12);
	ck_assert_uint_eq(put_batch(&sides.producer, 0, 20, 1016), 8);
	make_batch(&batch, 0, 1, 8);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, batch.entries, 1, &n), -EIO);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(sides.memory.data->tail, 8192);
}
END_TEST

static void attach_unpaced(struct sides *sides)
{
	new_default(sides);
	wait_attach(&sides->producer);
	wait_attach(&sides->consumer);
	store_relaxed(&sides->memory.consumer->consumer_flags, 0);
	store_relaxed(&sides->memory.data->producer_flags, 0);
}

START_TEST(an_unpaced_consumer_is_rung_for_a_batch_that_found_the_queue_empty)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	attach_unpaced(&sides);
	put_batch(&sides.producer, 0, 5, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
	put_batch(&sides.producer, 5, 5, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
	make_room_for(&batch, 9, 8);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 9, &n), 0);
	put_batch(&sides.producer, 10, 5, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
	make_room_for(&batch, 20, 8);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 20, &n), 0);
	ck_assert_uint_eq(n, 6);
	put_batch(&sides.producer, 15, 5, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
}
END_TEST

/* Two of its three are free when 2048 bytes are; it is rung once. */
START_TEST(an_unpaced_producer_is_rung_for_the_batch_that_made_its_room)
{
	static struct batch batch;
	struct sides sides;
	uint32_t n;

	attach_unpaced(&sides);
	store_relaxed(&sides.memory.data->space_wanted, 2048);
	ck_assert_uint_eq(put_batch(&sides.producer, 0, 9, 1016), 8);
	make_room_for(&batch, 3, 1016);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 1, &n), 0);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 3, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(wait_due(&sides.consumer), FIFO);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, batch.entries, 3, &n), 0);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
}
END_TEST

/* The same for what is built, and what is read, in place. */
START_TEST(unpaced_peers_are_rung_for_entries_in_place)
{
	const struct queue_entry *entry;
	struct sides sides;
	uint64_t position;
	uint32_t size;
	void *payload;

	attach_unpaced(&sides);
	store_relaxed(&sides.memory.data->space_wanted, 1024);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(ring_reserve(&sides.producer, 1016, &payload), 0);
		ck_assert_int_eq(ring_commit(&sides.producer, 1016), 0);
		ck_assert_uint_eq(wait_due(&sides.producer), i == 0 ? FIFO : 0);
	}
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(ring_peek(&sides.consumer, &entry, &size, &position), 0);
		ck_assert_int_eq(ring_release(&sides.consumer), 0);
		ck_assert_uint_eq(wait_due(&sides.consumer), i == 0 ? FIFO : 0);
	}
}
END_TEST

/*
 * Any mix of all ways, against a plain row of sizes: nothing is lost, doubled,
 * torn or out of order, and what is refused had no room that was promised.
 */
struct row {
	uint32_t sizes[8192];
	uint64_t first, n;		/* the oldest entry, and how many */
	uint64_t used;			/* bytes of the entries */
};

static uint32_t *nth(struct row *row, uint64_t n)
{
	return &row->sizes[n % 8192];
}

static uint32_t random_size(const struct sides *sides)
{
	uint32_t most = sides->geometry.max_entry;

	if (random() % 4 == 0)
		return most;
	return (uint32_t)random() % (random() % 2 && most > 160 ? 160 : most + 1);
}

static void row_put(struct row *row, uint32_t size)
{
	*nth(row, row->first + row->n++) = size;
	row->used += entry_space(size);
}

static uint32_t row_take(struct row *row)
{
	uint32_t size = *nth(row, row->first++);

	row->n--;
	row->used -= entry_space(size);
	return size;
}

static void check_full(const struct sides *sides, const struct row *row, uint32_t size)
{
	ck_assert_uint_gt(row->n, 0);
	ck_assert_uint_gt(row->used + entry_space(size), sides->geometry.capacity);
}

static void put_single(struct sides *sides, struct row *row)
{
	uint32_t size = random_size(sides);
	int r = put(&sides->producer, row->first + row->n, size);

	if (r == 0) {
		row_put(row, size);
		return;
	}
	ck_assert_int_eq(r, -EOVERFLOW);
	check_full(sides, row, size);
}

static void put_many(struct sides *sides, struct row *row)
{
	static struct batch batch;
	uint32_t n = (uint32_t)random() % 12, done;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t size = random_size(sides);

		fill(batch.bytes[i], row->first + row->n + i, size);
		batch.entries[i] = (struct iovec){ batch.bytes[i], size };
	}
	r = ring_enqueue_batch(&sides->producer, batch.entries, n, &done);
	ck_assert_int_eq(r, done > 0 || n == 0 ? 0 : -EOVERFLOW);
	for (uint32_t i = 0; i < done; i++)
		row_put(row, (uint32_t)batch.entries[i].iov_len);
	if (done < n)
		check_full(sides, row, (uint32_t)batch.entries[done].iov_len);
}

/* One in four is given up. */
static void put_in_place(struct sides *sides, struct row *row)
{
	uint32_t room = random_size(sides), size = (uint32_t)random() % (room + 1);
	void *payload;
	int r = ring_reserve(&sides->producer, room, &payload);

	if (r == 0) {
		memset(payload, 0xEE, room);
		if (random() % 4 == 0)
			return;
		fill(payload, row->first + row->n, size);
		ck_assert_int_eq(ring_commit(&sides->producer, size), 0);
		row_put(row, size);
		return;
	}
	ck_assert_int_eq(r, -EOVERFLOW);
	check_full(sides, row, room);
}

static void take_single(struct sides *sides, struct row *row)
{
	uint64_t n = row->first;

	ck_assert_int_eq(ring_available(&sides->consumer), row->n > 0);
	if (row->n > 0)
		get(&sides->consumer, n, row_take(row));
}

static void take_many(struct sides *sides, struct row *row)
{
	static struct batch batch;
	uint32_t n = (uint32_t)random() % 12, done;
	size_t room = random() % 4 ? 2000 : random_size(sides);
	int r;

	make_room_for(&batch, n, room);
	r = ring_dequeue_batch(&sides->consumer, batch.entries, n, &done);
	for (uint32_t i = 0; i < done; i++) {
		uint64_t which = row->first;

		ck_assert_uint_gt(row->n, 0);
		check_taken(&batch, i, which, row_take(row));
	}
	if (done < n && row->n > 0) {
		ck_assert_uint_gt(*nth(row, row->first), room);
		ck_assert_uint_eq(batch.entries[done].iov_len, *nth(row, row->first));
	}
	ck_assert_int_eq(r, done > 0 || n == 0 ? 0 : row->n > 0 ? -ENOSPC : -ENODATA);
}

static void take_in_place(struct sides *sides, struct row *row)
{
	unsigned char expected[2048];
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;
	int r = ring_peek(&sides->consumer, &entry, &size, &position);

	if (row->n == 0) {
		ck_assert_int_eq(r, -ENODATA);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(size, *nth(row, row->first));
	fill(expected, row->first, size);
	ck_assert_mem_eq(entry->data, expected, size);
	if (random() % 4 == 0)
		return;
	ck_assert_int_eq(ring_release(&sides->consumer), 0);
	row_take(row);
}

static void look(struct sides *sides, struct row *row)
{
	struct ring_status status;

	if (random() % 2)
		ck_assert_int_eq(ring_look(&sides->producer), 0);
	else
		ck_assert_int_eq(ring_look(&sides->consumer), 0);
	ring_observe(&sides->memory, &sides->geometry, &status);
	ck_assert(!status.corrupt);
	ck_assert_uint_eq(status.entries, row->n);
	ck_assert_uint_eq(status.used, sides->memory.data->tail - sides->memory.consumer->head);
	ck_assert_uint_ge(status.used, row->used);
}

static void attach_again(struct sides *sides, struct row *row)
{
	(void)row;
	ck_assert_int_eq(ring_attach(&sides->producer, ROLE_PRODUCER, &sides->memory, NULL), 0);
	ck_assert_int_eq(ring_attach(&sides->consumer, ROLE_CONSUMER, &sides->memory, NULL), 0);
}

static void (*const puts_[])(struct sides *, struct row *) = {
	put_single, put_many, put_in_place,
};
static void (*const takes[])(struct sides *, struct row *) = {
	take_single, take_many, take_in_place,
};

static void one_step(struct sides *sides, struct row *row, long lean)
{
	long what = random() % 100;

	if (what < 5)
		look(sides, row);
	else if (what < 6)
		attach_again(sides, row);
	else if (random() % 100 < lean)
		puts_[random() % 3](sides, row);
	else
		takes[random() % 3](sides, row);
}

static const struct { uint64_t capacity, max_entry; } shapes[] = {
	{ 4096, 1024 }, { 4096, 100 }, { 8, 0 }, { 0, 1900 }, { 12000, 1500 }, { 20000, 13 },
	{ 4104, 1096 }, { 1000, 8 }, { 3000, 2000 },
};

START_TEST(any_mix_of_ways_is_one_row_of_entries)
{
	struct geometry geometry = geometry_of(shapes[_i].capacity, shapes[_i].max_entry);
	static bool wrapped[1 << 12];
	struct row row = { .n = 0 };
	struct sides sides;
	uint64_t n_wraps = 0;

	srandom((unsigned)_i + 7);
	new_sides(&sides, &geometry);
	for (int round = 0; round < 400; round++) {
		long lean = random() % 100;

		for (int i = 0; i < 100; i++) {
			uint64_t before = sides.producer.tail;

			one_step(&sides, &row, lean);
			if (before / geometry.queue_size != sides.producer.tail / geometry.queue_size &&
			    !wrapped[before % geometry.queue_size / 8]) {
				wrapped[before % geometry.queue_size / 8] = true;
				n_wraps++;
			}
		}
	}
	while (row.n > 0)
		take_many(&sides, &row);
	ck_assert_uint_eq(sides.memory.data->tail, sides.memory.consumer->head);
	ck_assert_uint_gt(n_wraps, 1);
}
END_TEST

/* From each place before the end of a small ring, each way and each size. */
START_TEST(any_way_goes_over_the_end_from_any_place)
{
	struct geometry geometry = geometry_of(0, 2000);
	struct sides sides;

	srandom(3);
	new_sides(&sides, &geometry);
	for (uint64_t at = 0; at <= geometry.queue_size; at += 8) {
		struct row row = { .n = 0 };

		start_at(&sides, at);
		puts_[_i / 3](&sides, &row);
		puts_[_i / 3](&sides, &row);
		look(&sides, &row);
		while (row.n > 0)
			takes[_i % 3](&sides, &row);
		look(&sides, &row);
		ck_assert_uint_eq(sides.memory.data->tail, sides.memory.consumer->head);
	}
}
END_TEST

#define N(array)	((int)(sizeof(array) / sizeof((array)[0])))

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, a_batch_comes_out_as_it_went_in, 0, N(sizes));
	tcase_add_test(tests, a_batch_leaves_what_singles_would);
	tcase_add_test(tests, a_batch_is_published_as_one);
	tcase_add_test(tests, the_space_of_a_batch_is_given_back_as_one);
	tcase_add_test(tests, a_batch_goes_over_the_rings_end);
	tcase_add_test(tests, a_batch_ends_before_an_entry_that_has_no_room);
	tcase_add_test(tests, a_batch_ends_before_an_entry_that_is_too_large);
	tcase_add_test(tests, a_batch_ends_before_bytes_that_are_nowhere);
	tcase_add_test(tests, a_batch_ends_before_an_entry_larger_than_its_room);
	tcase_add_test(tests, room_of_more_than_32_bits_is_room);
	tcase_add_test(tests, a_batch_drops_entries_where_there_is_no_buffer);
	tcase_add_test(tests, a_batch_of_none_does_nothing);
	tcase_add_test(tests, an_empty_queue_has_no_batch);
	tcase_add_test(tests, an_overrun_is_counted_when_none_of_a_batch_was_taken);
	tcase_add_test(tests, a_batch_ends_before_an_entry_that_lies);
	tcase_add_test(tests, a_batch_ends_at_a_head_that_lies);
	tcase_add_test(tests,
		       an_unpaced_consumer_is_rung_for_a_batch_that_found_the_queue_empty);
	tcase_add_test(tests, an_unpaced_producer_is_rung_for_the_batch_that_made_its_room);
	tcase_add_test(tests, unpaced_peers_are_rung_for_entries_in_place);
	tcase_add_loop_test(tests, any_mix_of_ways_is_one_row_of_entries, 0, N(shapes));
	tcase_add_loop_test(tests, any_way_goes_over_the_end_from_any_place, 0, 9);
}
