/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_files - the files of a stream in a mount, and what a refusal of theirs says
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "memory_descriptor.h"
#include "mount.h"
#include "stream_driver.h"

char *stream_driver_path(const IOStream *stream, const char *file)
{
	return stream->directory ? text_print("%s/%s", stream->directory, file) : NULL;
}

int stream_driver_open(const IOStream *stream, const char *file, int flags)
{
	_cleanup_(freep) char *path = stream_driver_path(stream, file);

	return path ? file_open(AT_FDCWD, path, flags) : -ENOMEM;
}

int stream_driver_write_file(const IOStream *stream, const char *file, const char *text)
{
	_cleanup_(freep) char *path = stream_driver_path(stream, file);

	return path ? file_write(AT_FDCWD, path, text, strlen(text)) : -ENOMEM;
}

int stream_driver_read_number(const IOStream *stream, const char *file, uint64_t *ret)
{
	_cleanup_(freep) char *path = stream_driver_path(stream, file);
	_cleanup_(freep) char *text = NULL;
	int r = path ? file_read_line(AT_FDCWD, path, &text) : -ENOMEM;
	char *end;

	if (r < 0)
		return r;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' ? -EPROTO : 0;
}

int stream_driver_open_memory(const IOStream *stream, const char *file, int flags, uint64_t size,
			      IOMemoryDescriptor **ret)
{
	_cleanup_(closep) int fd = stream_driver_open(stream, file, flags);
	off_t length;

	if (fd < 0)
		return fd;
	length = lseek(fd, 0, SEEK_END);
	if (length < 0)
		return -errno;
	/* In link mode a shell's > cuts a file, and it is ours to make it whole. */
	if ((uint64_t)length < size && ftruncate(fd, (off_t)size) == 0)
		length = (off_t)size;
	if ((uint64_t)length < size || length == 0)
		return -EPROTO;
	*ret = memory_descriptor_new(fd, size ? size : (IOByteCount)length);
	return *ret ? 0 : -ENOMEM;
}

int stream_driver_tell(IOStream *stream, const char *line)
{
	return stream->control.fd < 0 ? -ENOTCONN
				      : stream_write(stream->control.fd, line, strlen(line));
}

/* What an errno of such a file means, where fsd does not say more. */
static IOReturn code_of(int error)
{
	static const IOReturn codes[] = {
		kIOReturnNotOpen, kIOReturnNotReady, kIOReturnNoDevice, kIOReturnNoResources,
		kIOReturnInternalError,
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (stream_errno(codes[i]) == error)
			return codes[i];
	return IOReturnFromErrno(error);
}

IOReturn stream_driver_file_result(const IOStream *stream, int r)
{
	IOReturn code;

	if (r >= 0)
		return kIOReturnSuccess;
	errno = -r;
	if (r == -ENOTCONN || r == -ECONNABORTED)
		return kIOReturnNotAttached;
	if (r == -EMFILE || r == -ENFILE)
		return kIOReturnNoResources;
	/* The kernel refuses, too, and another thread may have been refused since. */
	code = stream->mount ? mount_last_refusal(stream->mount) : kIOReturnSuccess;
	errno = -r;
	return code != kIOReturnSuccess && stream_errno(code) == -r ? code : code_of(-r);
}
