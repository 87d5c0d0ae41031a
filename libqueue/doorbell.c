/* SPDX-License-Identifier: MIT */
/*
 * doorbell - a queue's directory: the file that is our role, and the two FIFOs
 *
 * A role is an open file. In a mount with passthrough fsd grants it at open. In
 * one with links, and in a plain directory, whoever holds a lock on the whole
 * file has it (an open-file-description lock: it ends with the descriptor, and
 * is not shared with other openings of the same process). We take the lock
 * always; where fsd grants the role nobody else asks for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "atomic.h"
#include "cleanup.h"
#include "doorbell.h"

/*
 * Is this no answer about the file: the mount is not there (yet, or any more), or
 * we ran out of something?
 */
static bool cannot_tell(int error)
{
	return error == -ENOTCONN || error == -ECONNABORTED || error == -EMFILE ||
	       error == -ENFILE || error == -ENOMEM;
}

static int open_at(int directory_fd, const char *name, int flags)
{
	int fd = openat(directory_fd, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The path as it is found from anywhere; the working directory may be in the mount. */
static int make_absolute(const char *path, char **ret)
{
	_cleanup_(freep) char *here = NULL;

	if (path[0] == '/') {
		*ret = strdup(path);
		return *ret ? 0 : -ENOMEM;
	}

	here = getcwd(NULL, 0);
	if (!here)
		return -errno;
	*ret = text_print("%s/%s", here, path);
	return *ret ? 0 : -ENOMEM;
}

static int lock_role(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static const char *role_file(enum role role)
{
	return role == ROLE_PRODUCER ? "data" : "consumer";
}

/* Return: a descriptor that holds the role, or a negative errno. */
static int take_role(int directory_fd, enum role role)
{
	_cleanup_(closep) int fd = open_at(directory_fd, role_file(role), O_RDWR);
	int r;

	if (fd < 0)
		return fd;
	r = lock_role(fd);
	if (r < 0)
		return r;
	return steal_fd(&fd);
}

/* Return: a FIFO, or a negative errno; anything else by that name is no FIFO. */
static int open_fifo(int directory_fd, const char *name, int flags)
{
	_cleanup_(closep) int fd = open_at(directory_fd, name, flags | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISFIFO(st.st_mode) ? steal_fd(&fd) : -ENOTSUP;
}

/* Return: 0, also where a FIFO cannot be had; or a negative errno. */
static int open_fifos(int directory_fd, struct doorbell *bell)
{
	bool produces = bell->role == ROLE_PRODUCER;

	bell->ring_fd = open_fifo(directory_fd, produces ? "notify" : "serviced", O_RDWR);
	if (cannot_tell(bell->ring_fd))
		return bell->ring_fd;
	bell->wait_fd = open_fifo(directory_fd, produces ? "serviced" : "notify", O_RDONLY);
	if (cannot_tell(bell->wait_fd))
		return bell->wait_fd;
	return 0;
}

static int open_directory(const char *directory)
{
	return open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
}

static int map_memory(int directory_fd, const struct doorbell *bell, struct mapping *ret)
{
	_cleanup_(closep) int own = -1;
	_cleanup_(closep) int other = -1;
	const char *name = bell->role == ROLE_CONSUMER ? "data" : "consumer";

	other = open_at(directory_fd, name, O_RDONLY);
	if (other < 0)
		return other;
	if (bell->role == ROLE_PRODUCER)
		return mapping_open(bell->role_fd, other, bell->role, ret);
	if (bell->role == ROLE_CONSUMER)
		return mapping_open(other, bell->role_fd, bell->role, ret);

	own = open_at(directory_fd, "data", O_RDONLY);
	if (own < 0)
		return own;
	return mapping_open(own, other, bell->role, ret);
}

static void doorbell_closep(struct doorbell *bell)
{
	doorbell_close(bell);
}

int doorbell_open(const char *path, enum role role, struct doorbell *ret,
		  struct mapping *ret_mapping)
{
	_cleanup_(doorbell_closep) struct doorbell bell = DOORBELL_NULL;
	_cleanup_(closep) int directory_fd = -1;
	struct mapping mapping = MAPPING_NULL;
	int r;

	bell.role = role;
	r = make_absolute(path, &bell.directory);
	if (r < 0)
		return r;
	directory_fd = open_directory(bell.directory);
	if (directory_fd < 0)
		return directory_fd;

	if (role != ROLE_OBSERVER) {
		bell.role_fd = take_role(directory_fd, role);
		if (bell.role_fd < 0)
			return bell.role_fd;
	}
	r = map_memory(directory_fd, &bell, &mapping);
	if (r < 0)
		return r;

	/*
	 * Before the FIFOs: when this is the generation of a mount that came
	 * meanwhile, they cannot be opened any more.
	 */
	bell.generation = load_acquire(&mapping.data->generation);
	if (role != ROLE_OBSERVER)
		r = open_fifos(directory_fd, &bell);
	if (r < 0) {
		mapping_close(&mapping);
		return r;
	}

	*ret_mapping = mapping;
	*ret = bell;
	bell = DOORBELL_NULL;
	return 0;
}

/*
 * Where the role is a lock, our own old lock would stand in the way of a new
 * one; but then the file is still alive, and the role with it.
 */
static bool role_is_kept(int directory_fd, const struct doorbell *bell)
{
	struct stat was, is;

	return fstat(bell->role_fd, &was) == 0 &&
	       fstatat(directory_fd, role_file(bell->role), &is, 0) == 0 &&
	       was.st_dev == is.st_dev && was.st_ino == is.st_ino;
}

int doorbell_reopen(struct doorbell *bell, uint32_t generation, struct doorbell *ret)
{
	_cleanup_(doorbell_closep) struct doorbell fresh = DOORBELL_NULL;
	_cleanup_(closep) int directory_fd = open_directory(bell->directory);
	bool kept;
	int r;

	if (directory_fd < 0)
		return directory_fd;

	fresh.role = bell->role;
	fresh.generation = generation;
	kept = role_is_kept(directory_fd, bell);
	if (!kept) {
		fresh.role_fd = take_role(directory_fd, bell->role);
		if (fresh.role_fd < 0)
			return fresh.role_fd;
	}
	r = open_fifos(directory_fd, &fresh);
	if (r < 0)
		return r;

	if (kept)
		fresh.role_fd = steal_fd(&bell->role_fd);
	fresh.directory = bell->directory;
	bell->directory = NULL;
	*ret = fresh;
	fresh = DOORBELL_NULL;
	return 0;
}

void doorbell_close(struct doorbell *bell)
{
	close_fd(bell->wait_fd);
	close_fd(bell->ring_fd);
	close_fd(bell->role_fd);
	free(bell->directory);
	*bell = DOORBELL_NULL;
}

int doorbell_ring(const struct doorbell *bell)
{
	ssize_t n;

	do {
		n = write(bell->ring_fd, "\n", 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

unsigned doorbell_drain(const struct doorbell *bell)
{
	struct pollfd hangup = { .fd = bell->wait_fd };
	unsigned what = 0;
	char rings[512];
	ssize_t n;

	if (bell->wait_fd < 0)
		return 0;
	do {
		n = read(bell->wait_fd, rings, sizeof(rings));
		if (n > 0)
			what |= DOORBELL_RANG;
	} while (n > 0 || (n < 0 && errno == EINTR));

	/* Nobody writes: either nobody ever did, or the last one went. */
	if (n == 0 && poll(&hangup, 1, 0) == 1 && (hangup.revents & POLLHUP))
		what |= DOORBELL_HUNG_UP;
	return what;
}

int doorbell_open_wait(const struct doorbell *bell)
{
	_cleanup_(closep) int directory_fd = open_directory(bell->directory);

	if (directory_fd < 0)
		return directory_fd;
	return open_fifo(directory_fd, bell->role == ROLE_PRODUCER ? "serviced" : "notify",
			 O_RDONLY);
}
