/* SPDX-License-Identifier: MIT */
/*
 * matching - matching dictionaries as what is written into the mount
 */
#pragma once

#include <IOKit/IOKitLib.h>

/*
 * @value as text, ended by a newline, the caller's. Return: kIOReturnSuccess,
 * kIOReturnBadArgument for no object, kIOReturnUnsupported, kIOReturnMessageTooLarge.
 */
IOReturn matching_print(const json_t *value, char **ret);
