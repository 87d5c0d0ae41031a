/* SPDX-License-Identifier: MIT */
/*
 * IOMessage - what an interest notification is about
 *
 * A message has the system of a result, a subsystem and a number, and the
 * numbers of the original. Beside each is what its argument is.
 */
#pragma once

#include <IOKit/IOReturn.h>

typedef uint32_t IOMessage;

#define iokit_common_msg(number)	((uint32_t)(0xe0000000u | (number)))
#define iokit_family_msg(subsystem, number) \
	((uint32_t)(0xe0000000u | ((uint32_t)(subsystem) & 0xfff) << 14 | (number)))
/* A driver's own, by a number of 14 bits. */
#define iokit_vendor_specific_msg(number)	iokit_family_msg(0xffe, number)

#define kIOMessageServiceIsTerminated		iokit_common_msg(0x010)	/* options of it */
#define kIOMessageServiceIsSuspended		iokit_common_msg(0x020)
#define kIOMessageServiceIsResumed		iokit_common_msg(0x030)
#define kIOMessageServiceIsRequestingClose	iokit_common_msg(0x100)	/* options */
#define kIOMessageServiceIsAttemptingOpen	iokit_common_msg(0x101)	/* options of the open */
#define kIOMessageServiceWasClosed		iokit_common_msg(0x110)	/* options of the close */
#define kIOMessageServiceBusyStateChange	iokit_common_msg(0x120)	/* 1: busy now; 0 */
#define kIOMessageConsoleSecurityChange		iokit_common_msg(0x128)
#define kIOMessageServicePropertyChange		iokit_common_msg(0x130)
#define kIOMessageCanDevicePowerOff		iokit_common_msg(0x200)
#define kIOMessageDeviceWillPowerOff		iokit_common_msg(0x210)
#define kIOMessageDeviceWillNotPowerOff		iokit_common_msg(0x220)
#define kIOMessageDeviceHasPoweredOn		iokit_common_msg(0x230)
#define kIOMessageSystemWillPowerOff		iokit_common_msg(0x250)
#define kIOMessageCanSystemSleep		iokit_common_msg(0x270)
#define kIOMessageSystemWillSleep		iokit_common_msg(0x280)
#define kIOMessageSystemWillNotSleep		iokit_common_msg(0x290)
#define kIOMessageSystemHasPoweredOn		iokit_common_msg(0x300)
#define kIOMessageSystemWillRestart		iokit_common_msg(0x310)
#define kIOMessageSystemWillPowerOn		iokit_common_msg(0x320)
#define kIOMessageCopyClientID			iokit_common_msg(0x330)
