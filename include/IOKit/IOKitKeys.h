/* SPDX-License-Identifier: MIT */
/*
 * IOKitKeys - the words of the registry: planes, keys of matching dictionaries
 * and of properties, types of notifications
 */
#pragma once

/* Planes. The first is always there. */
#define kIOServicePlane			"IOService"
#define kIOPowerPlane			"IOPower"
#define kIODeviceTreePlane		"IODeviceTree"
#define kIOAudioPlane			"IOAudio"
#define kIOFireWirePlane		"IOFireWire"
#define kIOUSBPlane			"IOUSB"

/* Classes. */
#define kIORegistryEntryClass		"IORegistryEntry"
#define kIOServiceClass			"IOService"
#define kIOResourcesClass		"IOResources"

/* A matching dictionary: all that are there must pass. */
#define kIOProviderClassKey		"IOProviderClass"
#define kIONameMatchKey			"IONameMatch"
#define kIONameMatchedKey		"IONameMatched"
#define kIOPropertyMatchKey		"IOPropertyMatch"
#define kIOPropertyExistsMatchKey	"IOPropertyExistsMatch"
#define kIOPathMatchKey			"IOPathMatch"
#define kIOLocationMatchKey		"IOLocationMatch"
#define kIOParentMatchKey		"IOParentMatch"
#define kIORegistryEntryIDKey		"IORegistryEntryID"
#define kIOMatchedServiceCountKey	"IOMatchedServiceCountMatch"
#define kIOResourceMatchKey		"IOResourceMatch"
#define kIOResourceMatchedKey		"IOResourceMatched"
#define kIOMatchCategoryKey		"IOMatchCategory"
#define kIODefaultMatchCategoryKey	"IODefaultMatchCategory"
#define kIOProbeScoreKey		"IOProbeScore"
#define kIOBSDNameKey			"BSD Name"
#define kIOBSDMajorKey			"BSD Major"
#define kIOBSDMinorKey			"BSD Minor"
#define kIOBSDUnitKey			"BSD Unit"

/* Properties. */
#define kIORegistryPlanesKey		"IORegistryPlanes"
#define kIORegistryEntryPropertyKeysKey	"IORegistryEntryPropertyKeys"
#define kIORegistryEntryAllowableSetPropertiesKey	"IORegistryEntryAllowableSetProperties"
#define kIORegistryEntryDefaultLockingSetPropertiesKey	"IORegistryEntryDefaultLockingSetProperties"
#define kIOUserServicePropertiesKey	"IOUserServiceProperties"
#define kIOClassNameOverrideKey		"IOClassNameOverride"
#define kIONameKey			"IOName"
#define kIOClassKey			"IOClass"
#define kIOUserClassKey			"IOUserClass"
#define kIOUserClassesKey		"IOUserClasses"
#define kIOUserClientClassKey		"IOUserClientClass"
#define kIOUserClientCreatorKey		"IOUserClientCreator"
#define kIOUserClientSharedInstanceKey	"IOUserClientSharedInstance"
#define kIOUserClientEntitlementsKey	"IOUserClientEntitlements"
#define kIOUserClientDefaultLockingKey	"IOUserClientDefaultLocking"
#define kIOUserClientDefaultLockingSetPropertiesKey	"IOUserClientDefaultLockingSetProperties"
#define kIOUserClientDefaultLockingSingleThreadExternalMethodKey \
	"IOUserClientDefaultLockingSingleThreadExternalMethod"
#define kIOConsoleUsersKey		"IOConsoleUsers"
#define kIOBundleIdentifierKey		"CFBundleIdentifier"

/* Types of matching notifications: IOServiceAddMatchingNotification(). */
#define kIOPublishNotification		"IOServicePublish"
#define kIOFirstPublishNotification	"IOServiceFirstPublish"
#define kIOMatchedNotification		"IOServiceMatched"
#define kIOFirstMatchNotification	"IOServiceFirstMatch"
#define kIOTerminatedNotification	"IOServiceTerminate"
#define kIOWillTerminateNotification	"IOServiceWillTerminate"

/* Interests: IOServiceAddInterestNotification(). */
#define kIOGeneralInterest		"IOGeneralInterest"
#define kIOBusyInterest			"IOBusyInterest"
#define kIOAppPowerStateInterest	"IOAppPowerStateInterest"
#define kIOPriorityPowerStateInterest	"IOPriorityPowerStateInterest"
#define kIOConsoleSecurityInterest	"IOConsoleSecurityInterest"
