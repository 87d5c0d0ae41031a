/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse/passthrough.h"

/* The kernel's, as far as we need them; libfuse 3.14 brings older ones. */
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

#define BACKING_OPEN	_IOW(229, 1, struct backing_map)
#define BACKING_CLOSE	_IOW(229, 2, uint32_t)

struct open_reply {
	uint64_t handle;
	uint32_t flags;
	int32_t backing_id;
};

int32_t passthrough_open(struct fuse_session *session, int fd)
{
	struct backing_map map = { .fd = fd };
	int id = ioctl(fuse_session_fd(session), BACKING_OPEN, &map);

	if (id > 0)
		return id;
	return id == 0 || errno == ENOTTY || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

void passthrough_close(struct fuse_session *session, int32_t id)
{
	uint32_t value = (uint32_t)id;

	ioctl(fuse_session_fd(session), BACKING_CLOSE, &value);
}

int passthrough_reply_open(fuse_req_t req, uint64_t handle, uint32_t flags, int32_t backing_id)
{
	struct open_reply reply = { handle, flags, backing_id };

	return fuse_reply_buf(req, (const char *)&reply, sizeof(reply));
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)

int passthrough_request(struct fuse_session *session)
{
	(void)session;
	return 0;
}

void passthrough_init(struct fuse_conn_info *connection)
{
	fuse_unset_feature_flag(connection, FUSE_CAP_ASYNC_DIO);
	if (fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH))
		connection->max_backing_stack_depth = 1;
}

#else

#define OP_INIT		26u
#define INIT_EXT	(1u << 30)	/* of flags: flags2 counts */
#define PASSTHROUGH	(1u << 5)	/* of flags2 */

struct request_header {
	uint32_t size;
	uint32_t opcode;
	uint64_t unique;
	uint8_t rest[24];
};

struct init_request {
	struct request_header header;
	uint32_t major, minor, max_readahead;
	uint32_t flags, flags2;
};

struct reply_header {
	uint32_t size;
	int32_t error;
	uint64_t unique;
};

struct init_reply {
	uint8_t begin[12];
	uint32_t flags;
	uint8_t middle[16];
	uint32_t flags2;
	uint32_t max_stack_depth;
};

/* The INIT under way; there is one a mount, and one mount a process. */
static uint64_t init_unique;

static ssize_t read_request(int fd, void *buffer, size_t size, void *user)
{
	ssize_t n = read(fd, buffer, size);
	const struct init_request *init = buffer;

	(void)user;
	if (n >= (ssize_t)sizeof(*init) && init->header.opcode == OP_INIT &&
	    (init->flags & INIT_EXT) && (init->flags2 & PASSTHROUGH))
		init_unique = init->header.unique;
	return n;
}

/* libfuse's answer to INIT, with what it does not know. */
static ssize_t write_init_reply(int fd, const struct iovec *parts)
{
	struct iovec changed[2] = { parts[0], parts[1] };
	_Alignas(8) char copy[256];
	struct init_reply *init = (struct init_reply *)copy;

	memcpy(copy, parts[1].iov_base, parts[1].iov_len);
	init->flags |= INIT_EXT;
	init->flags2 |= PASSTHROUGH;
	init->max_stack_depth = 1;
	changed[1].iov_base = copy;
	init_unique = 0;
	return writev(fd, changed, 2);
}

static ssize_t write_reply(int fd, struct iovec *parts, int n_parts, void *user)
{
	const struct reply_header *header = parts[0].iov_base;

	(void)user;
	if (init_unique != 0 && header->unique == init_unique && header->error == 0 &&
	    n_parts == 2 && parts[1].iov_len >= sizeof(struct init_reply) &&
	    parts[1].iov_len <= 256)
		return write_init_reply(fd, parts);
	return writev(fd, parts, n_parts);
}

int passthrough_request(struct fuse_session *session)
{
	static const struct fuse_custom_io io = { .read = read_request, .writev = write_reply };

	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}

void passthrough_init(struct fuse_conn_info *connection)
{
	connection->want &= ~(unsigned)FUSE_CAP_ASYNC_DIO;
}

#endif
