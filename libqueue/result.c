/* SPDX-License-Identifier: MIT */
/*
 * result - IOReturn, errno and text: the one table
 *
 * Several codes have one errno. One of them is the code for that errno, where
 * nothing more is known; an errno without one is kIOReturnError.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "result.h"

/* A row that is the code for its errno, and one that only leads to it. */
#define CODE(code, error, text)	{ code, error, true, #code, text }
#define ALSO(code, error, text)	{ code, error, false, #code, text }

static const struct row {
	IOReturn code;
	int error;
	bool from_errno;
	const char *name;
	const char *text;
} rows[] = {
	CODE(kIOReturnSuccess,		0,		"done"),
	ALSO(kIOReturnInvalid,		EIO,		"a result that must not occur"),
	ALSO(kIOReturnError,		EIO,		"damaged memory, or some other failure"),
	CODE(kIOReturnNoMemory,		ENOMEM,		"no memory"),
	ALSO(kIOReturnNoResources,	ENOMEM,		"some resource ran out"),
	ALSO(kIOReturnIPCError,		EIO,		"the transport failed"),
	CODE(kIOReturnNoDevice,		ENXIO,		"no such device, or no more of them"),
	CODE(kIOReturnNotPrivileged,	EACCES,		"the caller lacks the privilege"),
	CODE(kIOReturnBadArgument,	EINVAL,		"an argument is wrong"),
	ALSO(kIOReturnLockedRead,	EACCES,		"locked for reading"),
	ALSO(kIOReturnLockedWrite,	EACCES,		"locked for writing"),
	CODE(kIOReturnExclusiveAccess,	EBUSY,		"somebody else has it open"),
	ALSO(kIOReturnBadMessageID,	EBADMSG,	"the reply is not to this message"),
	CODE(kIOReturnUnsupported,	EOPNOTSUPP,	"not supported by this object"),
	ALSO(kIOReturnVMError,		EFAULT,		"mapping or copying memory failed"),
	ALSO(kIOReturnInternalError,	EIO,		"a fault of the library or the driver"),
	CODE(kIOReturnIOError,		EIO,		"input or output failed"),
	ALSO(kIOReturnCannotLock,	ENOLCK,		"the lock cannot be had"),
	CODE(kIOReturnNotOpen,		EBADFD,		"not open by this client"),
	ALSO(kIOReturnNotReadable,	EACCES,		"reading is not allowed"),
	ALSO(kIOReturnNotWritable,	EROFS,		"writing is not allowed"),
	ALSO(kIOReturnNotAligned,	EINVAL,		"not aligned"),
	ALSO(kIOReturnBadMedia,		EMEDIUMTYPE,	"the medium is bad"),
	ALSO(kIOReturnStillOpen,	EBUSY,		"still open by somebody"),
	ALSO(kIOReturnRLDError,		ENOEXEC,	"the linker failed"),
	ALSO(kIOReturnDMAError,		EIO,		"direct memory access failed"),
	ALSO(kIOReturnBusy,		EBUSY,		"busy"),
	CODE(kIOReturnTimeout,		ETIMEDOUT,	"the time is up"),
	ALSO(kIOReturnOffline,		ENODEV,		"the device is offline"),
	CODE(kIOReturnNotReady,		EAGAIN,		"not ready yet"),
	ALSO(kIOReturnNotAttached,	ENODEV,		"no provider, or an inactive one"),
	ALSO(kIOReturnNoChannels,	EIO,		"no channel left"),
	ALSO(kIOReturnNoSpace,		ENOSPC,		"the buffer is too small"),
	ALSO(kIOReturnPortExists,	EEXIST,		"a port is set already"),
	ALSO(kIOReturnCannotWire,	ENOMEM,		"the memory cannot be pinned"),
	ALSO(kIOReturnNoInterrupt,	EIO,		"no interrupt"),
	ALSO(kIOReturnNoFrames,		EIO,		"no frames are queued"),
	CODE(kIOReturnMessageTooLarge,	EMSGSIZE,	"larger than anything that fits"),
	CODE(kIOReturnNotPermitted,	EPERM,		"not permitted"),
	ALSO(kIOReturnNoPower,		ESHUTDOWN,	"no power"),
	ALSO(kIOReturnNoMedia,		ENOMEDIUM,	"no medium"),
	ALSO(kIOReturnUnformattedMedia,	EMEDIUMTYPE,	"the medium is not formatted"),
	ALSO(kIOReturnUnsupportedMode,	EOPNOTSUPP,	"the mode is not supported"),
	CODE(kIOReturnUnderrun,		ENODATA,	"empty, or too little data"),
	CODE(kIOReturnOverrun,		EOVERFLOW,	"full, or too much data"),
	ALSO(kIOReturnDeviceError,	EREMOTEIO,	"the device is broken"),
	ALSO(kIOReturnNoCompletion,	EINVAL,		"no completion routine"),
	CODE(kIOReturnAborted,		ECANCELED,	"cancelled"),
	ALSO(kIOReturnNoBandwidth,	EIO,		"not enough bandwidth"),
	ALSO(kIOReturnNotResponding,	ETIMEDOUT,	"the device does not answer"),
	ALSO(kIOReturnIsoTooOld,	EIO,		"the frame is in the past"),
	ALSO(kIOReturnIsoTooNew,	EIO,		"the frame is too far ahead"),
	CODE(kIOReturnNotFound,		ENOENT,		"not found"),
	CODE(MIG_ARRAY_TOO_LARGE,	E2BIG,		"too many scalars"),
	CODE(MACH_SEND_INVALID_DEST,	ENODEV,		"the connection is dead"),
	ALSO(MACH_SEND_TIMED_OUT,	EAGAIN,		"the receiver is full"),
	ALSO(MACH_SEND_NO_BUFFER,	ENOBUFS,	"no memory for the message"),
	ALSO(MACH_RCV_PORT_DIED,	ENODEV,		"the port was closed meanwhile"),
};

static const struct row *find_row(IOReturn code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

int IOReturnToErrno(IOReturn code)
{
	const struct row *row = find_row(code);

	if (row)
		return row->error;
	if (code > UNIX_ERRNO && code <= UNIX_ERRNO + 0xfff)
		return code - UNIX_ERRNO;
	return EIO;
}

IOReturn IOReturnFromErrno(int error)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error && rows[i].from_errno)
			return rows[i].code;
	return kIOReturnError;
}

const char *IOReturnName(IOReturn code)
{
	const struct row *row = find_row(code);

	return row ? row->name : NULL;
}

const char *IOReturnText(IOReturn code)
{
	const struct row *row = find_row(code);

	return row ? row->text : "unknown result";
}

IOReturn result_from_ring(int r)
{
	switch (r) {
	case -ENODATA:		/* these two are what a loop that polls gets */
		return kIOReturnUnderrun;
	case -EOVERFLOW:
		return kIOReturnOverrun;
	case -ENOSPC:
		return kIOReturnNoSpace;
	case -EMFILE:
	case -ENFILE:
		return kIOReturnNoResources;
	case -EIO:
		return kIOReturnError;
	default:
		return IOReturnFromErrno(-r);
	}
}
