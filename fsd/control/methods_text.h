/* SPDX-License-Identifier: MIT */
/*
 * methods_text - the document of `methods` (userclient 5.6), and what goes beyond it:
 *
 *	"kind": "2022" (default) | "classic" | "driverkit" | "legacy" | "any" (nothing is checked)
 *	a method: "fn": false, "completion": 0, 1, "*" (DriverKit);
 *	a legacy one: "type": "ScalarIScalarO" ..., or a number, "c0", "c1", "foreground": true;
 *		null: none; "allowAsync": true: in the table for asynchronous calls, too
 *	"getService": false: IOConnectGetService() is kIOReturnUnsupported (fsd itself does not care)
 * "methods": null, or none: a table that is NULL. A key that its kind does not check is refused.
 */
#pragma once

#include "service/methods.h"

/* Return: 0 and the caller's in *@ret; -ENOMEM; -EINVAL, -EMSGSIZE, said by failure(). */
int methods_parse(const char *text, size_t size, struct methods **ret);
