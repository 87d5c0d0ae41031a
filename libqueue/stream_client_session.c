/* SPDX-License-Identifier: MIT */
/*
 * stream_client_session - a stream is opened, closed, and opened again after fsd was
 *
 * All of a session is gathered beside the one that there is, and takes its place only when nothing
 * is missing. What a program may have pointers into, queues and buffers, is moved to where
 * it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "atomic.h"
#include "cleanup.h"
#include "lock.h"
#include "mount.h"
#include "stream_client.h"

/* --- the board */

static const struct stream_board *board_of(const struct stream_client_map *map)
{
	return map->address;
}

static int map_board(const char *directory, struct stream_client_map *map)
{
	int r = stream_client_map_file(map, directory, "board", false, sizeof(struct stream_board));

	if (r < 0)
		return r;
	if (memcmp(board_of(map)->magic, STREAM_BOARD_MAGIC, sizeof(board_of(map)->magic)) == 0)
		return 0;
	stream_client_unmap(map);
	return -EPROTO;
}

static void copy_board(const struct stream_board *board, struct stream_board *ret)
{
	*ret = (struct stream_board){
		.moment = load_acquire(&board->moment),
		.generation = load_relaxed(&board->generation),
		.session = load_relaxed(&board->session),
		.mode = load_relaxed(&board->mode),
		.n_buffers = load_relaxed(&board->n_buffers),
		.entry_count = load_relaxed(&board->entry_count),
	};
}

int stream_client_look(struct stream_client *client, struct stream_board *ret)
{
	struct stream_client_map map = { 0 };
	int r;

	if (client->is_open) {
		copy_board(board_of(&client->session.board), ret);
		return 0;
	}
	/* It may be another stream by now. */
	r = map_board(client->directory, &map);
	if (r == 0)
		copy_board(board_of(&map), ret);
	stream_client_unmap(&map);
	return r;
}

IOReturn stream_client_not_open(struct stream_client *client)
{
	struct stream_board board;

	if (stream_client_look(client, &board) == 0 &&
	    (board.moment & STREAM_STATE_MASK) == STREAM_DEAD)
		return kIOReturnNoDevice;
	return kIOReturnNotOpen;
}

bool stream_client_is_stale(struct stream_client *client)
{
	const struct stream_board *board = board_of(&client->session.board);

	return load_relaxed(&board->generation) != client->session.generation ||
	       load_relaxed(&board->session) != client->session.end.session;
}

/* --- buffers */

/* An area of @id; none is one of 0 bytes. */
static int map_area(const char *directory, uint32_t id, const char *area,
		    struct stream_client_map *map)
{
	char file[sizeof("buffers/4294967295/control")];
	int r;

	snprintf(file, sizeof(file), "buffers/%" PRIu32 "/%s", id, area);
	r = stream_client_map_file(map, directory, file, true, 0);
	if (r == -ENOENT || r == -ENODATA)
		return 0;
	if (r < 0 || map->size <= UINT32_MAX)
		return r;
	stream_client_unmap(map);
	return -EPROTO;
}

static void unmap_buffer(struct stream_client_buffer *buffer)
{
	stream_client_unmap(&buffer->data);
	stream_client_unmap(&buffer->control);
}

static int map_buffer(struct stream_client_session *session, const char *directory, uint32_t id)
{
	struct stream_client_buffer *buffer = &session->buffers[id];
	int r = map_area(directory, id, "data", &buffer->data);

	if (r == 0)
		r = map_area(directory, id, "control", &buffer->control);
	if (r < 0) {
		unmap_buffer(buffer);
		return r;
	}
	session->end.areas[id] = (struct stream_area){
		.data = (uint32_t)buffer->data.size,
		.control = (uint32_t)buffer->control.size,
	};
	session->end.n_buffers = id + 1;
	return 0;
}

/* Those that the board has and the session has not. */
static int map_buffers(struct stream_client_session *session, const char *directory)
{
	uint32_t n = load_acquire(&board_of(&session->board)->n_buffers);
	int r = 0;

	if (n > session->end.room)
		n = session->end.room;
	while (r == 0 && session->end.n_buffers < n)
		r = map_buffer(session, directory, session->end.n_buffers);
	return r;
}

int stream_client_meet(struct stream_client *client)
{
	return map_buffers(&client->session, client->directory);
}

/* One was added after we looked, and passed at once. */
static void meet(struct stream_end *end)
{
	stream_client_meet((struct stream_client *)((char *)end -
						    offsetof(struct stream_client, session.end)));
}

/* --- a session */

static void session_end(struct stream_client_session *session)
{
	close_fd(session->input_port);
	close_fd(session->notify);
	for (uint32_t i = 0; i < session->end.n_buffers; i++)
		unmap_buffer(&session->buffers[i]);
	free(session->buffers);
	stream_end_deinit(&session->end);
	stream_client_unmap(&session->output);
	stream_client_unmap(&session->input);
	stream_client_unmap(&session->tally);
	stream_client_unmap(&session->board);
	close_fd(session->io);
	*session = STREAM_CLIENT_SESSION_NULL;
}

/* Return: 0; -EPROTO for one that cannot be; or a negative errno. */
static int map_tally(struct stream_client_session *session, const char *directory,
		     uint32_t *ret_room)
{
	struct stream_client_map *map = &session->tally;
	const struct stream_tally *tally;
	uint32_t room;
	int r = stream_client_map_file(map, directory, "tally", true, sizeof(*tally));

	if (r < 0)
		return r;
	tally = map->address;
	room = load_relaxed(&tally->room);
	if (memcmp(tally->magic, STREAM_TALLY_MAGIC, sizeof(tally->magic)) != 0 ||
	    room > STREAM_MAX_LENGTH || stream_tally_size(room) > map->size)
		return -EPROTO;
	*ret_room = room;
	return 0;
}

static int map_rings(struct stream_client_session *session, const char *directory,
		     uint32_t *ret_entry_count)
{
	uint32_t n = load_relaxed(&board_of(&session->board)->entry_count);
	int r;

	if (n == 0 || n > STREAM_MAX_LENGTH + 1)
		return -EPROTO;
	r = stream_client_map_file(&session->output, directory, "output/data", true,
				   stream_ring_size(n));
	if (r == 0)
		r = stream_client_map_file(&session->input, directory, "input/data", true,
					   stream_ring_size(n));
	*ret_entry_count = n;
	return r;
}

/* Rings and tally as this end of them. */
static int make_end(struct stream_client_session *session, const char *directory)
{
	struct stream_ring output, input;
	uint32_t room = 0, n = 0;
	int r = map_tally(session, directory, &room);

	if (r == 0)
		r = map_rings(session, directory, &n);
	if (r < 0)
		return r;
	output = (struct stream_ring){ .queue = session->output.address, .entry_count = n };
	input = (struct stream_ring){ .queue = session->input.address, .entry_count = n };
	session->buffers = calloc((size_t)room + 1, sizeof(*session->buffers));
	if (!session->buffers)
		return -ENOMEM;
	return stream_end_init(&session->end, STREAM_CLIENT, board_of(&session->board), &output,
			       &input, session->tally.address, room);
}

static int open_ports(struct stream_client_session *session, const char *directory)
{
	session->notify = mount_open(directory, "output/notify", O_RDONLY | O_NONBLOCK);
	if (session->notify < 0)
		return session->notify;
	session->input_port = mount_open(directory, "input/notify", O_WRONLY | O_NONBLOCK);
	return session->input_port < 0 ? session->input_port : 0;
}

/* The stream is ours when `io` is open. */
static int gather(struct stream_client_session *session, const char *directory)
{
	struct stream_tally *tally;
	int r;

	session->io = mount_open(directory, "io", O_RDWR);
	if (session->io < 0)
		return session->io;
	r = map_board(directory, &session->board);
	if (r < 0)
		return r;
	session->generation = load_relaxed(&board_of(&session->board)->generation);
	r = make_end(session, directory);
	if (r == 0)
		r = map_buffers(session, directory);
	if (r == 0)
		r = open_ports(session, directory);
	if (r < 0)
		return r;
	tally = session->tally.address;
	store_release(&tally->sides[STREAM_CLIENT].is_kept, 1);
	return 0;
}

/* Pointers into queues and buffers of @old are good in @session. */
static void take_places(struct stream_client_session *session, struct stream_client_session *old)
{
	uint32_t n = session->end.n_buffers < old->end.n_buffers ?
		session->end.n_buffers : old->end.n_buffers;

	stream_client_move(&session->output, &old->output);
	stream_client_move(&session->input, &old->input);
	stream_end_move(&session->end, session->output.address, session->input.address,
			session->tally.address);
	for (uint32_t i = 0; i < n; i++) {
		stream_client_move(&session->buffers[i].data, &old->buffers[i].data);
		stream_client_move(&session->buffers[i].control, &old->buffers[i].control);
	}
}

/* In the place of the session that there is, if any. Return: 0 or a negative errno. */
static int install(struct stream_client *client, struct stream_client_session *session)
{
	struct stream_client_session old;
	int r;
	with_lock(&client->lock);

	r = stream_client_listen(client, session->notify);
	if (r < 0)
		return r;
	old = client->session;
	if (client->is_open) {
		stream_client_unlisten(client, old.notify);
		take_places(session, &old);
	}
	client->session = *session;
	client->session.end.meet = meet;
	client->is_open = true;
	session_end(&old);
	return 0;
}

/* With `opening`. */
static IOReturn begin_session(struct stream_client *client)
{
	struct stream_client_session session = STREAM_CLIENT_SESSION_NULL;
	int r = gather(&session, client->directory);
	IOReturn result;

	if (r == 0)
		r = install(client, &session);
	/* Before anything else is refused. */
	result = stream_client_result(client, r, kIOReturnExclusiveAccess);
	if (r < 0)
		session_end(&session);
	return result;
}

/* --- open and close */

static IOReturn may_open(struct stream_client *client, IOOptionBits options)
{
	const IOOptionBits both = kIOStreamOptionOpenExclusive | kIOStreamOptionOpenShared;
	struct stream_board board;
	int r;
	with_lock(&client->lock);

	r = stream_client_look(client, &board);
	if (r < 0)
		return stream_client_result(client, r, kIOReturnExclusiveAccess);
	if ((board.moment & STREAM_STATE_MASK) == STREAM_DEAD)
		return kIOReturnNoDevice;
	if (options & ~both || options == both)
		return kIOReturnBadArgument;
	if (options & kIOStreamOptionOpenShared)
		return kIOReturnUnsupported;
	return client->is_open ? kIOReturnExclusiveAccess : kIOReturnSuccess;
}

IOReturn stream_client_open(IOStreamRef stream, IOOptionBits options)
{
	struct stream_client *client = stream_client_of(stream);
	IOReturn result;
	with_lock(&client->opening);

	result = may_open(client, options);
	return result == kIOReturnSuccess ? begin_session(client) : result;
}

/* What there is, which is nobody's then. Return: whether it was open. */
static bool take_session(struct stream_client *client, struct stream_client_session *ret)
{
	with_lock(&client->lock);

	if (!client->is_open)
		return false;
	stream_client_unlisten(client, client->session.notify);
	*ret = client->session;
	client->session = STREAM_CLIENT_SESSION_NULL;
	client->is_open = false;
	return true;
}

/* close(2) does not wait for fsd; what it is asked after that does. */
static void wait_for_close(const struct stream_client *client)
{
	_cleanup_(freep) char *path = text_print("%s/state", client->directory), *state = NULL;

	if (path)
		file_read(AT_FDCWD, path, &state, NULL);
}

IOReturn stream_client_close(IOStreamRef stream)
{
	struct stream_client *client = stream_client_of(stream);
	struct stream_client_session session;
	with_lock(&client->opening);

	if (!take_session(client, &session))
		return kIOReturnNotOpen;
	session_end(&session);
	wait_for_close(client);
	return kIOReturnSuccess;
}

static IOReturn check_session(struct stream_client *client, bool *is_stale)
{
	with_lock(&client->lock);

	if (!client->is_open)
		return stream_client_not_open(client);
	*is_stale = stream_client_is_stale(client);
	return kIOReturnSuccess;
}

IOReturn stream_client_ready(struct stream_client *client)
{
	bool is_stale = false;
	IOReturn result;
	with_lock(&client->opening);

	result = check_session(client, &is_stale);
	return is_stale ? begin_session(client) : result;
}
