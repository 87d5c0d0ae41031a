/* SPDX-License-Identifier: MIT */
/*
 * mount - which mount is meant, its files, and what a refusal says
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "handle.h"
#include "mount.h"

#define FIRST_FD	3
#define ROOM_TEXT	4096	/* what most files fit into */
#define MAX_TEXT	(256u << 20)	/* a million services that match */

int fd_above_standard(int fd)
{
	int higher;

	if (fd < 0)
		return -errno;
	if (fd >= FIRST_FD)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	if (higher < 0)
		higher = -errno;
	close(fd);
	return higher;
}

int file_open(int at, const char *file, int flags)
{
	int fd;

	do {
		fd = openat(at, file, flags | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	return fd_above_standard(fd);
}

int mount_open(const char *mount, const char *file, int flags)
{
	_cleanup_(freep) char *path = text_print("%s/%s", mount, file);

	if (!path)
		return -ENOMEM;
	return file_open(AT_FDCWD, path, flags);
}

/* Room for at least one byte and a NUL behind @size. */
static int grow(char **text, size_t *room, size_t size)
{
	char *larger;

	if (size + 1 < *room)
		return 0;
	if (size > MAX_TEXT)
		return -EMSGSIZE;
	*room = *room ? 2 * *room : ROOM_TEXT;
	larger = realloc(*text, *room);
	if (!larger)
		return -ENOMEM;
	*text = larger;
	return 0;
}

/* Up to the end, or, of a @value, which is given whole, up to a read that is not filled. */
static int read_all(int fd, bool value, char **ret, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	size_t room = 0, size = 0;
	ssize_t n;

	do {
		int r = grow(&text, &room, size);

		if (r < 0)
			return r;
		n = read(fd, text + size, room - size - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			size += (size_t)n;
	} while (n != 0 && (n < 0 || !value || size == room - 1));
	text[size] = '\0';
	if (ret_size)
		*ret_size = size;
	*ret = text;
	text = NULL;
	return 0;
}

int stream_read(int fd, char **ret, size_t *ret_size)
{
	return read_all(fd, false, ret, ret_size);
}

int value_read(int fd, char **ret, size_t *ret_size)
{
	return read_all(fd, true, ret, ret_size);
}

int file_read(int at, const char *file, char **ret, size_t *ret_size)
{
	_cleanup_(closep) int fd = file_open(at, file, O_RDONLY);

	return fd < 0 ? fd : value_read(fd, ret, ret_size);
}

int file_read_line(int at, const char *file, char **ret)
{
	size_t size;
	int r = file_read(at, file, ret, &size);

	if (r == 0 && size > 0 && (*ret)[size - 1] == '\n')
		(*ret)[size - 1] = '\0';
	return r;
}

int stream_write(int fd, const char *text, size_t size)
{
	ssize_t n;

	do {
		n = write(fd, text, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

int file_write(int at, const char *file, const char *text, size_t size)
{
	_cleanup_(closep) int fd = file_open(at, file, O_WRONLY);

	return fd < 0 ? fd : stream_write(fd, text, size);
}

/* fsd's last refusal of this process: a code, maybe a sentence. Return: the caller's, or NULL. */
static char *last_refusal(const char *mount)
{
	_cleanup_(freep) char *path = text_print("%s/err/%d", mount, (int)getpid());
	char *text = NULL;

	if (!path)
		return NULL;
	return file_read(AT_FDCWD, path, &text, NULL) < 0 ? NULL : text;
}

IOReturn mount_last_refusal(const char *mount)
{
	_cleanup_(freep) char *text = last_refusal(mount);

	return text ? (IOReturn)strtoul(text, NULL, 16) : 0;
}

IOReturn mount_memory_refusal(const char *mount)
{
	static const char sentence[] = "\nthe driver refused this memory type: ";
	_cleanup_(freep) char *text = last_refusal(mount);
	const char *line = text ? strstr(text, sentence) : NULL;
	IOReturn code = line ? (IOReturn)strtoul(line + strlen(sentence), NULL, 16) : 0;

	return code != kIOReturnSuccess ? code : kIOReturnBadArgument;
}

IOReturn mount_result(const char *mount, int r)
{
	IOReturn code;

	if (r >= 0)
		return kIOReturnSuccess;
	/* fsd has ended, and can say nothing. */
	if (r == -ENOTCONN || r == -ECONNABORTED)
		return MACH_SEND_INVALID_DEST;
	if (r == -EMFILE || r == -ENFILE)
		return kIOReturnNoResources;
	/* The kernel refuses, too, and another thread may have been refused since. */
	code = mount ? mount_last_refusal(mount) : 0;
	return code != 0 && IOReturnToErrno(code) == -r ? code : IOReturnFromErrno(-r);
}

/* Which mount */

/* Has the directory, the first @size bytes of @path, what the root of a mount has? */
static bool is_mount(const char *path, size_t size)
{
	_cleanup_(freep) char *version = text_print("%.*s/version", (int)size, path);

	if (!version)
		return false;
	return access(version, F_OK) == 0;
}

bool mount_is_there(const char *mount)
{
	return is_mount(mount, strlen(mount));
}

char *mount_of_directory(const char *directory)
{
	static const char plane[] = "/IOService";
	const char *at = directory;

	while ((at = strstr(at, plane))) {
		size_t size = (size_t)(at - directory);

		at += strlen(plane);
		if ((*at == '\0' || *at == '/') && is_mount(directory, size))
			return strndup(directory, size);
	}
	return NULL;
}

/* "\040" and its like, in place. */
static void unescape_octal(char *text)
{
	char *to = text;

	while (*text) {
		char digits[4] = { 0 };

		if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
			memcpy(digits, text + 1, 3);
			*to++ = (char)strtoul(digits, NULL, 8);
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/*
 * Anybody may mount something of this type; only root's and our own are taken unasked. Whose it is
 * is said behind the source, which may be called anything, "user_id=0" too.
 */
static bool is_trusted(const char *source)
{
	const char *options = strchr(source, ' ');
	const char *user = options ? strstr(options, ",user_id=") : NULL;
	unsigned uid;

	return user && sscanf(user, ",user_id=%u", &uid) == 1 && (uid == 0 || uid == geteuid());
}

char *mount_of_line(const char *line)
{
	static const char ours[] = " - fuse.fsd ";
	const char *type = strstr(line, " - ");
	const char *path = line;
	char *copy;

	if (!type || strncmp(type, ours, strlen(ours)) != 0 || !is_trusted(type + strlen(ours)))
		return NULL;
	for (int i = 0; i < 4 && path; i++)
		path = strchr(path + 1, ' ');
	if (!path || path >= type)
		return NULL;
	copy = strndup(path + 1, strcspn(path + 1, " "));
	if (copy)
		unescape_octal(copy);
	return copy;
}

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static char *first_mount(void)
{
	_cleanup_(close_file) FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_(freep) char *line = NULL;
	char *path = NULL;
	size_t room = 0;

	while (mounts && !path && getline(&line, &room, mounts) > 0)
		path = mount_of_line(line);
	return path;
}

static IOReturn default_mount(char **ret)
{
	const char *named = secure_getenv("FSD_MOUNT");

	*ret = named && *named ? realpath(named, NULL) : first_mount();
	return *ret ? kIOReturnSuccess : kIOReturnNoDevice;
}

IOReturn mount_of_port(mach_port_t port, char **ret)
{
	_cleanup_(freep) char *version = NULL, *link = NULL;
	char path[PATH_MAX];
	ssize_t n;

	if (port == MACH_PORT_NULL)
		return default_mount(ret);
	if (port < 0 || file_read(port, "version", &version, NULL) < 0 ||
	    strncmp(version, "fsd ", 4) != 0)
		return kIOReturnNotPrivileged;
	link = text_print("/proc/self/fd/%d", port);
	if (!link)
		return kIOReturnNoMemory;
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return kIOReturnNotPrivileged;
	path[n] = '\0';
	*ret = strdup(path);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

/* A port of the default mount. @bootstrap is not looked at. */
static kern_return_t main_port(mach_port_t *ret)
{
	_cleanup_(freep) char *mount = NULL;
	IOReturn result = default_mount(&mount);
	struct handle *handle;
	int fd;

	if (result != kIOReturnSuccess)
		return result;
	fd = file_open(AT_FDCWD, mount, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return mount_result(NULL, fd);
	handle = handle_new(sizeof(*handle), HANDLE_PORT, fd);
	*ret = handle ? handle_publish(handle) : MACH_PORT_NULL;
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IOMainPort(mach_port_t bootstrapPort, mach_port_t *mainPort)
{
	(void)bootstrapPort;
	return mainPort ? main_port(mainPort) : kIOReturnBadArgument;
}

kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t *mainPort)
{
	return IOMainPort(bootstrapPort, mainPort);
}
