/* SPDX-License-Identifier: MIT */
/*
 * scribble - each call of the memory layer while a thread rewrites each word
 * that the other side may write
 *
 * The writer's view of both files is its own; ours are those of a consumer and
 * of a producer, read-only where the other side writes, between pages that
 * nobody may touch. A call has to return, with a result that its header lists,
 * and an error has to stay. Runs for a second, or a minute with FSD_TEST_LONG.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "libqueue/observe.h"
#include "libqueue/ring.h"
#include "libqueue/wait.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1	/* as gcc says it */
#endif
#endif

#define N_BATCH		6
#define N_PAYLOAD	1100u		/* bytes; more than max_entry */
#define CALLS		400		/* on one attachment, at most */

/* @r, which is no error but -EIO or one of those listed. */
#define ONE_OF(r, ...)	check(__LINE__, r, (const int[]){ __VA_ARGS__, 0 })

static const struct geometry geometry = { .queue_size = 8192, .capacity = 4096, .max_entry = 1024 };
static int data_fd, consumer_fd;
static struct mapping shared;		/* the writer's */
static bool over;
static unsigned long n_calls, n_errors, n_attached;

static uint64_t chance(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

/* @n bytes of the file between pages that nobody may touch. */
static void *guarded(int fd, size_t n, int protection)
{
	char *all = mmap(NULL, n + 2 * (size_t)QUEUE_PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *memory = MAP_FAILED;

	if (all != MAP_FAILED)
		memory = mmap(all + QUEUE_PAGE, n, protection, MAP_SHARED | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

static struct mapping map(int writes_data, int writes_consumer)
{
	size_t n = geometry_file_size(&geometry);

	return (struct mapping){
		.data = guarded(data_fd, n, PROT_READ | writes_data),
		.consumer = guarded(consumer_fd, QUEUE_PAGE, PROT_READ | writes_consumer),
		.n_data = n,
		.n_consumer = QUEUE_PAGE,
	};
}

/* As many bytes as @fd is to have, and no name. */
static int memory_file(size_t n)
{
	int fd = memfd_create("queue", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)n) < 0)
		err(1, "memfd");
	return fd;
}

/* A word that might be right, or is near one, or cannot be. */
static uint64_t any_word(uint64_t *state)
{
	uint64_t head = load_relaxed(&shared.consumer->head),
		tail = load_relaxed(&shared.data->tail);
	uint64_t near = chance(state, 33) * 8 - 128;

	switch (chance(state, 10)) {
	case 0:
		return head + near;
	case 1:
		return tail + near;
	case 2:
		return head + geometry.queue_size;
	case 3:
		return tail - geometry.queue_size;
	case 4:
		return near + geometry.queue_size;
	case 5:
		return (geometry.queue_size - tail % geometry.queue_size - 8) | 1ull << 32;
	case 6:
		return chance(state, 1200);
	case 7:
		return chance(state, 4);
	case 8:
		return UINT64_MAX - chance(state, 64);
	default:
		return chance(state, UINT64_MAX);
	}
}

static uint64_t *any_place(uint64_t *state)
{
	static const uint16_t words[] = { 0, 8, 16, 24, 32, 40, 128, 136, 256, 264, 272, 280 };
	uint64_t head = load_relaxed(&shared.consumer->head) % geometry.queue_size / 8 * 8;
	unsigned char *data = (unsigned char *)shared.data, *at;

	switch (chance(state, 6)) {
	case 0:
		at = data + words[chance(state, 12)];
		break;
	case 1:
		at = (unsigned char *)shared.consumer + words[chance(state, 10)];
		break;
	case 2:
		at = data + 128;
		break;
	case 3:
		at = (unsigned char *)shared.consumer + 128;
		break;
	case 4:
		at = data + QUEUE_PAGE + head;
		break;
	default:
		at = data + QUEUE_PAGE + chance(state, geometry.queue_size / 8) * 8;
	}
	return (uint64_t *)(void *)at;
}

/* Mended now and then, so that calls get past the first look. */
static void mend(uint64_t *state)
{
	uint64_t position = chance(state, 8) ? chance(state, 4096) * 8 : UINT64_MAX - 8191;

	layout_format(shared.data, shared.consumer, &geometry);
	for (uint64_t i = 0; i < geometry.queue_size; i += 64)
		store_relaxed((uint64_t *)(void *)(shared.data->queue + i), 56);
	store_relaxed(&shared.consumer->head, position);
	store_relaxed(&shared.data->tail, position / 64 * 64 + 64 * chance(state, 64));
}

/* A word, or half of one, which often is as it was soon after. */
static void scribble(uint64_t *state)
{
	uint64_t *place = any_place(state), before = load_relaxed(place), word = any_word(state);

	if (chance(state, 2))
		store_relaxed(place, word);
	else
		store_relaxed((uint32_t *)(void *)place + chance(state, 2), (uint32_t)word);
	for (uint64_t n = chance(state, 300); n > 0; n--)
		cpu_relax();
	if (chance(state, 4))
		store_relaxed(place, before);
	if (chance(state, 8) == 0)
		store_relaxed(&shared.data->tail, load_relaxed(&shared.data->tail) + 64);
}

static void *scribble_on(void *user)
{
	uint64_t state = 88172645463325252u;

	for (uint64_t i = 0; !load_relaxed(&over); i++) {
		if (i % 32 == 0)
			mend(&state);
		scribble(&state);
	}
	return user;
}

/* @errors end with 0. */
static int check(int line, int r, const int *errors)
{
	n_calls++;
	while (*errors != 0 && *errors != r)
		errors++;
	if (r < 0 && r != -EIO && *errors == 0)
		errx(1, "line %d: %s", line, strerror(-r));
	return r;
}

static void check_sticky(const struct ring *ring, int r, int error_before)
{
	if (error_before && r != -EIO)
		errx(1, "after an error: %d", r);
	n_errors += !error_before && ring->error;
}

static unsigned char *buffer_of(size_t n)
{
	static unsigned char buffer[N_PAYLOAD];

	return buffer + sizeof(buffer) - n;
}

static int peek(struct ring *ring)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;
	int r = ONE_OF(ring_peek(ring, &entry, &size, &position), -ENODATA);
	const unsigned char *queue = ring->data->queue;

	if (r < 0)
		return r;
	if (size > geometry.max_entry || entry->data < queue + 8 ||
	    entry->data + size > queue + geometry.queue_size)
		errx(1, "an entry of %u bytes outside the ring", size);
	memcpy(buffer_of(size), entry->data, size);
	return r;
}

static int dequeue_batch(struct ring *ring, uint64_t *state)
{
	static unsigned char buffers[N_BATCH][N_PAYLOAD];
	struct iovec entries[N_BATCH];
	uint32_t n;
	int r;

	for (int i = 0; i < N_BATCH; i++)
		entries[i] = (struct iovec){ buffers[i], chance(state, N_PAYLOAD) };
	r = ONE_OF(ring_dequeue_batch(ring, entries, N_BATCH, &n), -ENODATA, -ENOSPC);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (entries[i].iov_len > geometry.max_entry)
			errx(1, "an entry of %zu bytes", entries[i].iov_len);
	return r;
}

static int enqueue_batch(struct ring *ring, uint64_t *state)
{
	struct iovec entries[N_BATCH];
	uint32_t n;

	for (int i = 0; i < N_BATCH; i++) {
		size_t size = chance(state, N_PAYLOAD);

		entries[i] = (struct iovec){ buffer_of(size), size };
	}
	return ONE_OF(ring_enqueue_batch(ring, entries, N_BATCH, &n), -EOVERFLOW, -EMSGSIZE);
}

static int dequeue(struct ring *ring, uint32_t room)
{
	uint32_t size = room;
	int r = ONE_OF(ring_dequeue(ring, buffer_of(room), &size), -ENODATA, -ENOSPC);

	if ((r == 0 && size > room) || size > N_PAYLOAD)
		errx(1, "an entry of %u bytes", size);
	return r;
}

static int consume(struct ring *ring, uint64_t *state)
{
	switch (chance(state, 8)) {
	case 0:
		return peek(ring);
	case 1:
		return ONE_OF(ring_release(ring), -EINVAL);
	case 2:
		return ONE_OF(ring_available(ring), -EIO);
	case 3:
		return dequeue_batch(ring, state);
	case 4:
		return ONE_OF(ring_dequeue(ring, NULL, NULL), -ENODATA);
	case 5:
		return ONE_OF(ring_look(ring), -EIO);
	default:
		return dequeue(ring, (uint32_t)chance(state, N_PAYLOAD));
	}
}

static int reserve(struct ring *ring, size_t size)
{
	void *place;
	int r = ONE_OF(ring_reserve(ring, size, &place), -EOVERFLOW, -EMSGSIZE);

	if (r == 0)
		memset(place, 1, size);
	return r;
}

static int produce(struct ring *ring, uint64_t *state)
{
	size_t size = chance(state, chance(state, 2) ? N_PAYLOAD : 100);

	switch (chance(state, 8)) {
	case 0:
		return reserve(ring, size);
	case 1:
		return ONE_OF(ring_commit(ring, size), -EINVAL);
	case 2:
		return ONE_OF(ring_can_enqueue(ring, size, chance(state, 9)), -EOVERFLOW,
			      -EMSGSIZE);
	case 3:
		return enqueue_batch(ring, state);
	case 4:
		return ONE_OF(ring_look(ring), -EIO);
	default:
		return ONE_OF(ring_enqueue(ring, buffer_of(size), size), -EOVERFLOW, -EMSGSIZE);
	}
}

/* What a side does between its calls; a sleep has an end. */
static void pace(struct ring *ring, uint64_t *state)
{
	struct timespec soon = { 0 };
	unsigned how = wait_due(ring);

	if (how & ~QUEUE_WAIT_HOW)
		errx(1, "to be rung as %u", how);
	if (how)
		wait_ring(ring, how);
	if (chance(state, 4))
		return;
	if (ONE_OF(wait_arm(ring, (unsigned)chance(state, 4), chance(state, 9000)), -EIO) == 0)
		ONE_OF(wait_sleep(ring, &soon), -ETIMEDOUT, -EINTR);
	wait_is_pending(ring, QUEUE_WAIT_FUTEX);
	wait_disarm(ring);
}

static void observe(struct ring *ring, const struct mapping *memory)
{
	struct ring_status status;

	ring_observe(memory, &geometry, &status);
	if (status.used > geometry.queue_size || status.free > geometry.max_entry)
		errx(1, "%llu bytes in use, %llu free", (unsigned long long)status.used,
		     (unsigned long long)status.free);
	peek(ring);
	ONE_OF(ring_available(ring), -EIO);
}

static void attach(enum role role, const struct mapping *memory, uint64_t *state)
{
	struct ring ring;
	int r = ONE_OF(ring_attach(&ring, role, memory, &geometry), -EIO);

	n_attached += r == 0;
	if (r == 0 && role != ROLE_OBSERVER)
		wait_attach(&ring);
	if (r < 0 && role == ROLE_OBSERVER)
		return;
	for (int i = 0, after = 0; i < CALLS && after < 8; i++) {
		int before = ring.error;

		if (role == ROLE_OBSERVER) {
			observe(&ring, memory);
			continue;
		}
		r = role == ROLE_CONSUMER ? consume(&ring, state) : produce(&ring, state);
		check_sticky(&ring, r, before);
		if (r == 0 && chance(state, 4) == 0)
			pace(&ring, state);
		after += ring.error != 0;
	}
	if (role != ROLE_OBSERVER)
		wait_detach(&ring);
}

int main(void)
{
	bool is_long = getenv("FSD_TEST_LONG") != NULL;
	uint64_t state = 2463534242u;
	struct mapping memory[3];
	pthread_t writer;
	time_t end;

#ifdef __SANITIZE_THREAD__
	printf("1..0 # SKIP the races are meant\n");
	return 0;
#endif
	data_fd = memory_file(geometry_file_size(&geometry));
	consumer_fd = memory_file(QUEUE_PAGE);
	shared = map(PROT_WRITE, PROT_WRITE);
	memory[ROLE_OBSERVER] = map(0, 0);
	memory[ROLE_PRODUCER] = map(PROT_WRITE, 0);
	memory[ROLE_CONSUMER] = map(0, PROT_WRITE);
	mend(&state);

	alarm(is_long ? 120 : 60);
	if (pthread_create(&writer, NULL, scribble_on, NULL) != 0)
		errx(1, "no thread");
	for (end = time(NULL) + (is_long ? 60 : 1); time(NULL) <= end;) {
		attach(ROLE_CONSUMER, &memory[ROLE_CONSUMER], &state);
		attach(ROLE_PRODUCER, &memory[ROLE_PRODUCER], &state);
		attach(ROLE_OBSERVER, &memory[ROLE_OBSERVER], &state);
	}
	store_relaxed(&over, true);
	pthread_join(writer, NULL);

	/* Else the test is none. */
	printf("1..1\n# %lu calls, attached %lu times, %lu errors later\n", n_calls, n_attached,
	       n_errors);
	printf("%s 1 - only results\n", n_attached > 100 && n_errors > 100 ? "ok" : "not ok");
	return 0;
}
