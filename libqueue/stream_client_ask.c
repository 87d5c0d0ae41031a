/* SPDX-License-Identifier: MIT */
/*
 * stream_client_ask - what fsd is asked, and what its refusals mean
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "lock.h"
#include "mount.h"
#include "stream_client.h"

/* Of what is no more than an errno. */
static IOReturn result_of_errno(int error, IOReturn busy)
{
	switch (error) {
	case EBUSY:		return busy;
	case ENXIO:		return kIOReturnNotOpen;
	case EBADFD:		return kIOReturnNotReady;
	case ENODEV:		return kIOReturnNoDevice;
	case ENOBUFS:
	case EMFILE:
	case ENFILE:		return kIOReturnNoResources;
	case ENOSPC:		return kIOReturnNoSpace;
	case EPROTO:		return kIOReturnInternalError;
	case ENOTDIR:		return kIOReturnNotFound;
	case ENOTCONN:
	case ECONNABORTED:	return MACH_SEND_INVALID_DEST;
	default:		return IOReturnFromErrno(error);
	}
}

IOReturn stream_client_result(const struct stream_client *client, int r, IOReturn busy)
{
	IOReturn code;

	if (r >= 0)
		return kIOReturnSuccess;
	/* The kernel refuses, too, and another thread may have been refused since. */
	code = client && client->mount ? mount_last_refusal(client->mount) : 0;
	return code != 0 && stream_errno(code) == -r ? code : result_of_errno(-r, busy);
}

int stream_client_write(const struct stream_client *client, const char *file, const char *text)
{
	_cleanup_(closep) int fd = mount_open(client->directory, file, O_WRONLY);

	return fd < 0 ? fd : stream_write(fd, text, strlen(text));
}

static IOReturn ask(const struct stream_client *client, const char *file, const char *text)
{
	return stream_client_result(client, stream_client_write(client, file, text), kIOReturnBusy);
}

/* --- start, stop, suspend, drain */

static IOReturn control(IOStreamRef stream, const char *file)
{
	struct stream_client *client = stream_client_of(stream);
	IOReturn result = stream_client_ready(client);

	return result == kIOReturnSuccess ? ask(client, file, "1\n") : result;
}

IOReturn stream_client_start(IOStreamRef stream)
{
	return control(stream, "start");
}

IOReturn stream_client_stop(IOStreamRef stream)
{
	return control(stream, "stop");
}

IOReturn stream_client_suspend(IOStreamRef stream)
{
	return control(stream, "suspend");
}

IOReturn IOStreamDrain(IOStreamRef stream)
{
	return stream ? control(stream, "drain") : kIOReturnBadArgument;
}

/* --- what the board says */

static int look(IOStreamRef stream, struct stream_board *ret)
{
	struct stream_client *client = stream_client_of(stream);
	with_lock(&client->lock);

	return stream_client_look(client, ret);
}

UInt32 IOStreamGetState(IOStreamRef stream)
{
	struct stream_board board;

	return stream && look(stream, &board) == 0 ?
		board.moment & STREAM_STATE_MASK : kIOStreamStateClosed;
}

IOItemCount stream_client_get_buffer_count(IOStreamRef stream)
{
	struct stream_board board;

	return look(stream, &board) == 0 ? board.n_buffers : 0;
}

IOStreamMode stream_client_get_mode(IOStreamRef stream)
{
	struct stream_board board;

	return look(stream, &board) == 0 && stream_mode_name(board.mode) ?
		board.mode : kIOStreamModeOutput;
}

/* Open or not: if it is, it is so with the fsd of now. */
static IOReturn mode_ready(struct stream_client *client)
{
	IOReturn result = stream_client_ready(client);

	return result == kIOReturnNotOpen ? kIOReturnSuccess : result;
}

IOReturn stream_client_set_mode(IOStreamRef stream, IOStreamMode mode)
{
	struct stream_client *client = stream_client_of(stream);
	const char *name = stream_mode_name(mode);
	IOReturn result = mode_ready(client);
	char line[sizeof("output\n")];

	if (result != kIOReturnSuccess)
		return result;
	if (!name)
		return kIOReturnBadArgument;
	snprintf(line, sizeof(line), "%s\n", name);
	return ask(client, "mode", line);
}

/* --- input notifications */

static void print_token(char line[sizeof("4294967295\n")], UInt32 token)
{
	sprintf(line, "%" PRIu32 "\n", token);
}

/* fsd keeps it for the driver, and nobody waits. */
IOReturn stream_client_send(IOStreamRef stream, UInt32 token)
{
	struct stream_client *client = stream_client_of(stream);
	IOReturn result = stream_client_ready(client);
	char line[sizeof("4294967295\n")];
	int r;

	if (result != kIOReturnSuccess)
		return result;
	print_token(line, token);
	with_lock(&client->lock);
	if (!client->is_open)
		return stream_client_not_open(client);
	r = stream_write(client->session.input_port, line, strlen(line));
	return stream_client_result(client, r, kIOReturnBusy);
}

IOReturn stream_client_send_sync(IOStreamRef stream, UInt32 token)
{
	struct stream_client *client = stream_client_of(stream);
	IOReturn result = stream_client_ready(client);
	char line[sizeof("4294967295\n")];

	if (result != kIOReturnSuccess)
		return result;
	print_token(line, token);
	return ask(client, "input/notify_sync", line);
}
