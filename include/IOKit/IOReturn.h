/* SPDX-License-Identifier: MIT */
/*
 * IOReturn - the result codes
 *
 * Numbers are those of the original, so that results can be logged, compared
 * and sent as such. A code has a system, a subsystem and a number; every kIOReturn
 * has system 0x38 and the common subsystem 0. Each function says which
 * results it gives and when; IOReturnText() says it in words.
 */
#pragma once

#include <IOKit/IOTypes.h>

#define sys_iokit			0x38
#define sub_iokit_common		0
#define iokit_common_return(number)	((IOReturn)(0xe0000000u | (number)))

/* Codes of a family, and a driver's own, by a number of 14 bits. */
#define sub_iokit_vendor_specific	0xffe
#define iokit_family_err(subsystem, number) \
	((IOReturn)(0xe0000000u | ((uint32_t)(subsystem) & 0xfff) << 14 | (number)))
#define iokit_vendor_specific_err(number) \
	iokit_family_err(sub_iokit_vendor_specific, number)

#define kIOReturnSuccess		((IOReturn)0)
#define kIOReturnInvalid		iokit_common_return(0x1)
#define kIOReturnError			iokit_common_return(0x2bc)
#define kIOReturnNoMemory		iokit_common_return(0x2bd)
#define kIOReturnNoResources		iokit_common_return(0x2be)
#define kIOReturnIPCError		iokit_common_return(0x2bf)
#define kIOReturnNoDevice		iokit_common_return(0x2c0)
#define kIOReturnNotPrivileged		iokit_common_return(0x2c1)
#define kIOReturnBadArgument		iokit_common_return(0x2c2)
#define kIOReturnLockedRead		iokit_common_return(0x2c3)
#define kIOReturnLockedWrite		iokit_common_return(0x2c4)
#define kIOReturnExclusiveAccess	iokit_common_return(0x2c5)
#define kIOReturnBadMessageID		iokit_common_return(0x2c6)
#define kIOReturnUnsupported		iokit_common_return(0x2c7)
#define kIOReturnVMError		iokit_common_return(0x2c8)
#define kIOReturnInternalError		iokit_common_return(0x2c9)
#define kIOReturnIOError		iokit_common_return(0x2ca)
#define kIOReturnCannotLock		iokit_common_return(0x2cc)
#define kIOReturnNotOpen		iokit_common_return(0x2cd)
#define kIOReturnNotReadable		iokit_common_return(0x2ce)
#define kIOReturnNotWritable		iokit_common_return(0x2cf)
#define kIOReturnNotAligned		iokit_common_return(0x2d0)
#define kIOReturnBadMedia		iokit_common_return(0x2d1)
#define kIOReturnStillOpen		iokit_common_return(0x2d2)
#define kIOReturnRLDError		iokit_common_return(0x2d3)
#define kIOReturnDMAError		iokit_common_return(0x2d4)
#define kIOReturnBusy			iokit_common_return(0x2d5)
#define kIOReturnTimeout		iokit_common_return(0x2d6)
#define kIOReturnOffline		iokit_common_return(0x2d7)
#define kIOReturnNotReady		iokit_common_return(0x2d8)
#define kIOReturnNotAttached		iokit_common_return(0x2d9)
#define kIOReturnNoChannels		iokit_common_return(0x2da)
#define kIOReturnNoSpace		iokit_common_return(0x2db)
#define kIOReturnPortExists		iokit_common_return(0x2dd)
#define kIOReturnCannotWire		iokit_common_return(0x2de)
#define kIOReturnNoInterrupt		iokit_common_return(0x2df)
#define kIOReturnNoFrames		iokit_common_return(0x2e0)
#define kIOReturnMessageTooLarge	iokit_common_return(0x2e1)
#define kIOReturnNotPermitted		iokit_common_return(0x2e2)
#define kIOReturnNoPower		iokit_common_return(0x2e3)
#define kIOReturnNoMedia		iokit_common_return(0x2e4)
#define kIOReturnUnformattedMedia	iokit_common_return(0x2e5)
#define kIOReturnUnsupportedMode	iokit_common_return(0x2e6)
#define kIOReturnUnderrun		iokit_common_return(0x2e7)
#define kIOReturnOverrun		iokit_common_return(0x2e8)
#define kIOReturnDeviceError		iokit_common_return(0x2e9)
#define kIOReturnNoCompletion		iokit_common_return(0x2ea)
#define kIOReturnAborted		iokit_common_return(0x2eb)
#define kIOReturnNoBandwidth		iokit_common_return(0x2ec)
#define kIOReturnNotResponding		iokit_common_return(0x2ed)
#define kIOReturnIsoTooOld		iokit_common_return(0x2ee)
#define kIOReturnIsoTooNew		iokit_common_return(0x2ef)
#define kIOReturnNotFound		iokit_common_return(0x2f0)

#define MIG_ARRAY_TOO_LARGE		((IOReturn)-307)

/* Results of messages, where a documented function passes them on. */
#define MACH_SEND_INVALID_DEST		((IOReturn)0x10000003)
#define MACH_SEND_TIMED_OUT		((IOReturn)0x10000004)
#define MACH_SEND_NO_BUFFER		((IOReturn)0x1000000d)
#define MACH_RCV_PORT_DIED		((IOReturn)0x10004009)

IOKIT_BEGIN_DECLS

/*
 * The four below never fail, keep no state, and may be called by any thread and
 * in a fork's child. What they return lives for ever.
 */

/* The errno for @code; EIO for one that is not known, 0 for kIOReturnSuccess. */
int IOReturnToErrno(IOReturn code);

/* The code for @error, a positive errno; kIOReturnError for one without a code. */
IOReturn IOReturnFromErrno(int error);

/* The name of @code, as "kIOReturnUnderrun"; NULL for one that is not known. */
const char *IOReturnName(IOReturn code);

/* What @code means, in a few words of English; never NULL. */
const char *IOReturnText(IOReturn code);

IOKIT_END_DECLS
