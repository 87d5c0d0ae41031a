/* SPDX-License-Identifier: MIT */
/*
 * stream - buffers and two rings between a driver and the one client that has it open
 *
 * What may be done when is in libqueue/stream_rules.h. The entries and the bytes go from
 * process to process; here is who has it open, what state it is in, and, for a shell or a
 * byte reader, the part of either end.
 *
 *	stream.c		made, found again after a restart, removed
 *	stream_buffers.c	its buffers
 *	stream_rings.c		the memory that both ends share, and its counts
 *	stream_memory.c		a file of such memory
 *	stream_rights.c		who may open its files
 *	stream_life.c		open, start, suspend, stop, drain, close
 *	stream_traffic.c	entries and notifications, for those who do not map
 *	stream_bytes.c		the stream as bytes
 *	stream_restart.c	who had it before a restart
 *	stream_source.c		a driver inside fsd that makes frames
 *	stream_sink.c		one that takes them
 *	stream_pace.c		the clock of both
 *	stream_nub.c		its service in the registry
 *	stream_user_client.c	connections to that
 *
 * A driver is one of these: who writes to driver/ when it likes; a program that has
 * driver/control open, and is asked (struct stream_provider); or fsd (struct stream_builtin).
 */
#pragma once

#include "libqueue/stream_end.h"
#include "service/service.h"
#include "service/stream_memory.h"
#include "util/timer.h"

#define STREAM_MAX_CALLS	1024u	/* input notifications that the driver has not read */
#define STREAM_DEFAULT_LINGER	5000u	/* ms */

struct stream;
struct stream_user_client;

struct stream_buffer {
	struct stream *stream;		/* borrowed; NULL: it was removed */
	struct node *node;		/* borrowed: it owns us */
	uint32_t id;
	uint64_t serial;		/* its files' in the store */
	struct stream_memory *data, *control;	/* NULL: an area of 0 bytes */
};

/* What is done that the driver may have to be asked about; who wants it is told the end. */
enum stream_wish_kind {
	WISH_OPEN, WISH_START, WISH_RESUME, WISH_SUSPEND, WISH_STOP, WISH_MODE, WISH_DRAIN
};

struct stream_wish {
	struct list link;		/* stream_provider.asked */
	struct stream *stream;		/* NULL: done, or not begun */
	enum stream_wish_kind kind;
	IOStreamMode mode;		/* WISH_MODE */
	struct holder holder;		/* WISH_OPEN: who, and of which user */
	uid_t uid;
	bool maps;			/* it may write, and read: it wants the memory */
	bool is_ours;			/* nobody waits: it is freed when it is done */
	bool is_late;			/* it was asked, and means nothing any more */
	IOReturn code;			/* when it is done */
};

/* A program that drives: who has driver/control open. */
struct stream_provider {
	struct stream *stream;		/* NULL: it was removed */
	struct list asked;		/* struct stream_wish: to be answered in this order */
	struct holder holder;		/* its process */
	bool keeps;			/* it maps the rings and keeps the tally */
	bool has_client;		/* it was told of one, and not yet that it has closed */
	int (*tell)(struct stream_provider *provider, const char *line);
	void (*ended)(struct stream_provider *provider);
};

/* A driver inside fsd. Each is called with the stream as it is before the change. */
struct stream_builtin {
	void (*start)(struct stream *stream);
	void (*started)(struct stream *stream);	/* and after it; also after a resume */
	void (*halt)(struct stream *stream);	/* suspend, stop, close */
	void (*passed)(struct stream *stream);	/* the client passed buffers, and says so */
	void (*free)(struct stream *stream);
};

/* An input notification. */
struct stream_call {
	struct list link;		/* stream.calls, then, if sync, stream.delivered */
	struct stream *stream;		/* NULL: done */
	bool is_sync;
	uint32_t token;
	IOReturn code;			/* of a sync call, when it is done */
};

enum stream_client_kind {
	CLIENT_NONE,
	CLIENT_OPENING,			/* the driver is asked */
	CLIENT_OPEN,
	CLIENT_LINGERING,		/* it has closed; what it wrote is played still */
	CLIENT_ADOPTED,			/* it was open before our restart; its process lives */
};

struct stream_rings {
	uint32_t entry_count, room;
	struct stream_memory *output, *input, *tally;
};

/* An end as bytes: what is under way. */
struct stream_bytes {
	bool is_entry;			/* there is one that is being read */
	IOStreamBufferQueueEntry entry;
	uint32_t at;			/* of its data */
	uint32_t last_written;		/* a buffer */
};

struct stream {
	struct service *service;	/* borrowed */
	struct registry *registry;
	struct node *node;		/* borrowed: it owns us */
	struct node *buffers_dir, *output, *input, *stats, *driver_dir;
	uid_t maker;			/* whose part it takes */
	bool persist;
	bool removed;

	IOStreamMode mode;
	unsigned modes;			/* bits, 1 << IOStreamMode */
	uint32_t queue_length, linger;
	struct stream_buffer **buffers;	/* by ID */
	uint32_t n_buffers;
	uint64_t last_serial;
	uint64_t n_count_changes, n_state_changes;	/* for who polls */

	struct stream_memory *board_memory;
	struct stream_board *board;	/* mapped */
	struct stream_rings rings;	/* entry_count 0: none */
	struct stream_end ends[N_STREAM_SIDES];
	struct stream_count counts[N_STREAM_SIDES];	/* of the session before, while there are no rings */

	enum stream_state state;
	enum stream_client_kind client;
	struct holder holder;		/* OPEN, ADOPTED */
	uid_t uid;			/* of the last client */
	bool had_client;
	bool lends;			/* memory to clients of other users: the owner's to say */
	bool is_lent;			/* to that user */
	bool was_started;		/* since the open */
	bool wrote_bytes;
	bool takes_itself[N_STREAM_SIDES];	/* it maps the rings, and fsd sees no take */
	struct source client_ended;	/* ADOPTED: a pidfd */
	struct timer lingering;

	struct service *nub;		/* borrowed: what it is in the registry; NULL when that has ended */
	struct stream_user_client *user_client;	/* owned: fsd as the nub's driver */

	struct stream_provider *provider;
	struct holder driver;		/* its process, or that which was it before our restart */
	bool awaits_driver;		/* that one, which lives: nothing starts without it */
	struct source driver_ended;	/* a pidfd, meanwhile */
	const struct stream_builtin *builtin;
	void *builtin_state;
	struct stream_wish *wish;	/* borrowed or ours: the one under way */
	struct list calls, delivered;	/* struct stream_call */
	unsigned n_calls;
	struct stream_bytes client_bytes, driver_bytes;

	uint64_t discarded;
	IOReturn last_error;
};

/* --- stream.c */

/* Return: as queue_new(). Attributes and persistence are of @making. */
int stream_new(struct service *service, const char *name, const struct making *making,
	       struct stream **ret);
int stream_adopt(struct service *service, uint64_t id, const struct record *record);
int stream_save(struct stream *stream);
/* rmdir(2). Return: 0, -EBUSY while it is open or has a driver. */
int stream_remove(struct stream *stream);
/* Whoever has it: its service ends. */
void stream_discard(struct stream *stream);
void stream_free(struct node *node);

/* Something has changed: who waits looks again. At the end of what is done. */
void stream_changed(struct stream *stream);
/* For 0 or a negative errno of the store's. */
IOReturn stream_code(int r);
/* 0, or the errno for @code, which is kept: in stats/last_error, and for err/PID. */
int stream_result(struct stream *stream, IOReturn code);

/* Values, kept. Return: codes. */
IOReturn stream_set_queue_length(struct stream *stream, uint64_t length);
IOReturn stream_set_linger(struct stream *stream, uint64_t milliseconds);
IOReturn stream_set_lends(struct stream *stream, bool lends);
IOReturn stream_set_modes(struct stream *stream, unsigned modes);

/* --- stream_rights.c */

int stream_set_attributes(struct stream *stream, struct node *node, const struct row *row,
			  const struct attributes *attributes);
/* As they are to be seen, and those of the file behind. */
struct attributes stream_row_attributes(const struct stream *stream, const struct node *node,
					const struct row *row);
/* What is behind @row, which is one of memory; NULL: nothing, now. */
struct stream_memory *stream_row_memory(const struct stream *stream, const struct node *node,
					const struct row *row);
/* The folder of its memory is as open as its directory. */
int stream_let_into_folder(const struct stream *stream);
/* The files behind its memory are as the rows say by now. */
void stream_tell_rights(const struct stream *stream);
/* A client of user @uid has it open, before its tally is made. */
void stream_lend(struct stream *stream, uid_t uid, bool maps);
void stream_lend_no_more(struct stream *stream);

/* --- stream_buffers.c */

/* With the next ID. Return: as stream_allows(), or BadArgument, NoSpace, NoMemory. */
IOReturn stream_add_buffer(struct stream *stream, uint64_t data, uint64_t control);
IOReturn stream_remove_buffer(struct stream *stream, uint32_t id);
/* Only while closed: kIOReturnStillOpen. */
IOReturn stream_resize_buffer(struct stream_buffer *buffer, uint64_t data, uint64_t control);
void stream_buffer_free(struct node *node);
int stream_adopt_buffer(struct stream *stream, uint64_t serial, uint64_t data, uint64_t control);
void stream_drop_buffers(struct stream *stream);
/* What a control area begins with, where there is room for it; and only if the driver uses it. */
IOStreamControlHeader *stream_control_room(struct stream_buffer *buffer);
IOStreamControlHeader *stream_control_header(struct stream_buffer *buffer);
/* All of the buffer. */
IOStreamBufferQueueEntry stream_whole_buffer(const struct stream *stream, uint32_t id);

static inline uint32_t stream_area_size(const struct stream_memory *memory)
{
	return memory ? (uint32_t)memory->size : 0;
}

/* --- stream_rings.c */

/* Return: codes. @length 0: the stream's own, else that of its buffers. */
IOReturn stream_create_queues(struct stream *stream, uint64_t length);
IOReturn stream_destroy_queues(struct stream *stream);
void stream_drop_rings(struct stream *stream);
/* A session begins: counts are 0, and buffers the driver's. */
IOReturn stream_begin_session(struct stream *stream);
/* Empty both; all buffers are the driver's. What is lost is counted. The state is @state then. */
void stream_empty_rings(struct stream *stream, enum stream_state state);
/* On the board. */
void stream_set_state(struct stream *stream, enum stream_state state);
void stream_tell_board(struct stream *stream);
bool stream_is_spoiled(const struct stream *stream);
/* Learn what programs did by themselves. */
void stream_follow(struct stream *stream);
bool stream_is_kept(const struct stream *stream, enum stream_side side);
enum stream_holder stream_buffer_holder(struct stream *stream, uint32_t id);
uint32_t stream_ring_entries(const struct stream *stream, enum stream_side writer);
/* The counts of now or of the last session. */
struct stream_count stream_counts(const struct stream *stream, enum stream_side side);
struct stream_tally *stream_tally(const struct stream *stream);

/* --- stream_life.c */

void stream_wish_init(struct stream_wish *wish, enum stream_wish_kind kind);
/*
 * Begin it. Return: 0, it is under way, or done (wish->stream is NULL) with wish->code;
 * FILE_WAIT_ALWAYS: another is under way, to be begun again after a change.
 */
int stream_begin(struct stream *stream, struct stream_wish *wish);
/* Who wanted it is gone. */
void stream_wish_abandon(struct stream_wish *wish);
/* The answer to what was asked first. Return: 0, -EINVAL when nothing was. */
int stream_answer(struct stream_provider *provider, IOReturn code);
/* The driver is in another mode from now on. Return: as stream_allows(), kIOReturnNoMemory. */
IOReturn stream_switch_mode(struct stream *stream, IOStreamMode mode);

/* Its session ends. */
void stream_close(struct stream *stream);
/* And what it left is not played to its end. */
void stream_finish_close(struct stream *stream);
/* As if the client had asked for it: who drives it has no more. */
void stream_drain(struct stream *stream);
/* While draining: is there any left? */
void stream_look_for_end(struct stream *stream);
/* It drains, and has nothing more for @side: the next take finds that, and it ends. */
bool stream_ends_with_take(const struct stream *stream, enum stream_side side);

/* Return: 0, -EBUSY. */
int stream_provide(struct stream *stream, struct stream_provider *provider);
void stream_provider_gone(struct stream_provider *provider);
/* --- stream_restart.c */

/* It was its driver before our restart: nothing starts before it is that again, or has ended. */
void stream_await_driver(struct stream *stream, const struct holder *holder);
void stream_await_no_driver(struct stream *stream);
/* It had it open: it is stopped, and its own. */
void stream_adopt_client(struct stream *stream, const struct holder *holder);
/* It was, before our restart: the same process has it again. */
bool stream_is_adopted_by(const struct stream *stream, const struct holder *holder);

/* --- stream_traffic.c: for lines, bytes, builtins; kIOReturnBusy where a program keeps that end */

/* As @side, which takes from the one ring and gives into the other. */
IOReturn stream_take(struct stream *stream, enum stream_side side, IOStreamBufferQueueEntry *ret);
IOReturn stream_give(struct stream *stream, enum stream_side side,
		     const IOStreamBufferQueueEntry *entry);
IOReturn stream_drop(struct stream *stream, uint64_t n);
bool stream_is_discontinuous(const struct stream *stream);

IOReturn stream_notify_output(struct stream *stream);
uint32_t stream_pending(const struct stream *stream, bool take);
/* A sync @call is done when its stream is NULL; others are copied. */
IOReturn stream_notify_input(struct stream *stream, struct stream_call *call);
/* The next for the driver to hear: NULL, none. An async one is the caller's to free. */
struct stream_call *stream_next_call(struct stream *stream);
IOReturn stream_ack(struct stream *stream);
void stream_call_abandon(struct stream_call *call);
/* All that are there, with @code. */
void stream_end_calls(struct stream *stream, IOReturn code);
/* In mode input: what is free goes out to be filled. */
void stream_post_buffers(struct stream *stream);

/* Whether in its mode there is anything for @side to read. */
static inline bool stream_is_read_by(const struct stream *stream, enum stream_side side)
{
	return stream->mode != (side == STREAM_CLIENT ? kIOStreamModeInput : kIOStreamModeOutput);
}

static inline enum stream_side stream_other(enum stream_side side)
{
	return side == STREAM_CLIENT ? STREAM_DRIVER : STREAM_CLIENT;
}

/* --- stream_bytes.c: of either end */

/*
 * Read bytes of the entry that is under way, or of the next; write them into the next buffers.
 * Return: bytes; 0 at the end (a read); FILE_WAIT; -EPIPE, -EBADF, or stream_result().
 */
ssize_t stream_read_bytes(struct stream *stream, enum stream_side side, void *buffer, size_t size);
ssize_t stream_write_bytes(struct stream *stream, enum stream_side side, const void *data,
			   size_t size);
short stream_poll_bytes(struct stream *stream, enum stream_side side);
/* The first read or write starts it. */
bool stream_must_start(const struct stream *stream);
/* It was started in this session, and is not any more: the end, to who reads. */
bool stream_was_stopped(const struct stream *stream);
