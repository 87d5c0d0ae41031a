/* SPDX-License-Identifier: MIT */
/*
 * result - IOReturn, errno and text: the one table
 *
 * Several codes have one errno. The row that is marked is the code for that
 * errno, where nothing more is known; an errno without one is kIOReturnError.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "result.h"

/* A Unix errno may travel as a code of its own, above the others. */
#define UNIX_ERRNO	0xc000

#define ROW(code, error, from_errno, text) { code, error, from_errno, #code, text }

static const struct row {
	IOReturn code;
	int error;
	bool from_errno;
	const char *name;
	const char *text;
} rows[] = {
	ROW(kIOReturnSuccess,		0,		true,	"done"),
	ROW(kIOReturnInvalid,		EIO,		false,	"a result that must not occur"),
	ROW(kIOReturnError,		EIO,		false,	"the memory is damaged, or an unspecified failure"),
	ROW(kIOReturnNoMemory,		ENOMEM,		true,	"no memory"),
	ROW(kIOReturnNoResources,	ENOMEM,		false,	"some resource ran out"),
	ROW(kIOReturnIPCError,		EIO,		false,	"the transport failed"),
	ROW(kIOReturnNoDevice,		ENXIO,		true,	"no such device, or the end of an iteration"),
	ROW(kIOReturnNotPrivileged,	EACCES,		true,	"the caller lacks the privilege"),
	ROW(kIOReturnBadArgument,	EINVAL,		true,	"an argument is wrong"),
	ROW(kIOReturnLockedRead,	EACCES,		false,	"locked for reading"),
	ROW(kIOReturnLockedWrite,	EACCES,		false,	"locked for writing"),
	ROW(kIOReturnExclusiveAccess,	EBUSY,		true,	"somebody else has it open"),
	ROW(kIOReturnBadMessageID,	EBADMSG,	false,	"the reply is not to this message"),
	ROW(kIOReturnUnsupported,	EOPNOTSUPP,	true,	"not implemented by this object"),
	ROW(kIOReturnVMError,		EFAULT,		false,	"mapping or copying memory failed"),
	ROW(kIOReturnInternalError,	EIO,		false,	"a fault of the library or the driver"),
	ROW(kIOReturnIOError,		EIO,		true,	"input or output failed"),
	ROW(kIOReturnCannotLock,	ENOLCK,		false,	"the lock cannot be had"),
	ROW(kIOReturnNotOpen,		EBADFD,		true,	"not open by this client"),
	ROW(kIOReturnNotReadable,	EACCES,		false,	"reading is not allowed"),
	ROW(kIOReturnNotWritable,	EROFS,		false,	"writing is not allowed"),
	ROW(kIOReturnNotAligned,	EINVAL,		false,	"not aligned"),
	ROW(kIOReturnBadMedia,		EMEDIUMTYPE,	false,	"the medium is bad"),
	ROW(kIOReturnStillOpen,		EBUSY,		false,	"still open by somebody"),
	ROW(kIOReturnRLDError,		ENOEXEC,	false,	"the linker failed"),
	ROW(kIOReturnDMAError,		EIO,		false,	"direct memory access failed"),
	ROW(kIOReturnBusy,		EBUSY,		false,	"busy"),
	ROW(kIOReturnTimeout,		ETIMEDOUT,	true,	"the time is up"),
	ROW(kIOReturnOffline,		ENODEV,		false,	"the device is offline"),
	ROW(kIOReturnNotReady,		EAGAIN,		true,	"not ready yet"),
	ROW(kIOReturnNotAttached,	ENODEV,		false,	"no provider, or an inactive one"),
	ROW(kIOReturnNoChannels,	EIO,		false,	"no channel left"),
	ROW(kIOReturnNoSpace,		ENOSPC,		false,	"the buffer is too small"),
	ROW(kIOReturnPortExists,	EEXIST,		false,	"a port is set already"),
	ROW(kIOReturnCannotWire,	ENOMEM,		false,	"the memory cannot be pinned"),
	ROW(kIOReturnNoInterrupt,	EIO,		false,	"no interrupt"),
	ROW(kIOReturnNoFrames,		EIO,		false,	"no frames are queued"),
	ROW(kIOReturnMessageTooLarge,	EMSGSIZE,	true,	"larger than anything that fits"),
	ROW(kIOReturnNotPermitted,	EPERM,		true,	"not permitted"),
	ROW(kIOReturnNoPower,		ESHUTDOWN,	false,	"no power"),
	ROW(kIOReturnNoMedia,		ENOMEDIUM,	false,	"no medium"),
	ROW(kIOReturnUnformattedMedia,	EMEDIUMTYPE,	false,	"the medium is not formatted"),
	ROW(kIOReturnUnsupportedMode,	EOPNOTSUPP,	false,	"the mode is not supported"),
	ROW(kIOReturnUnderrun,		ENODATA,	true,	"empty, or too little data"),
	ROW(kIOReturnOverrun,		EOVERFLOW,	true,	"full, or too much data"),
	ROW(kIOReturnDeviceError,	EREMOTEIO,	false,	"the device is broken"),
	ROW(kIOReturnNoCompletion,	EINVAL,		false,	"no completion routine"),
	ROW(kIOReturnAborted,		ECANCELED,	true,	"cancelled"),
	ROW(kIOReturnNoBandwidth,	EIO,		false,	"not enough bandwidth"),
	ROW(kIOReturnNotResponding,	ETIMEDOUT,	false,	"the device does not answer"),
	ROW(kIOReturnIsoTooOld,		EIO,		false,	"the frame is in the past"),
	ROW(kIOReturnIsoTooNew,		EIO,		false,	"the frame is too far ahead"),
	ROW(kIOReturnNotFound,		ENOENT,		true,	"not found"),
	ROW(MIG_ARRAY_TOO_LARGE,	E2BIG,		true,	"too many scalars"),
	ROW(MACH_SEND_INVALID_DEST,	ENODEV,		true,	"the connection is dead"),
	ROW(MACH_SEND_TIMED_OUT,	EAGAIN,		false,	"the receiver is full"),
	ROW(MACH_SEND_NO_BUFFER,	ENOBUFS,	false,	"no memory for the message"),
	ROW(MACH_RCV_PORT_DIED,		ENODEV,		false,	"the port was closed meanwhile"),
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
	case -ENOSPC:
		return kIOReturnNoSpace;
	case -EIO:
		return kIOReturnError;
	default:
		return IOReturnFromErrno(-r);
	}
}
