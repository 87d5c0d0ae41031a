/* SPDX-License-Identifier: MIT */
/*
 * driver_text - the provider protocol as text (userclient 5.7): JSON lines, or words for a shell
 *
 * A line of words is KEY=VALUE with blanks between, values percent-escaped, lists with commas:
 * "op=call id=8 conn=1 sel=4 si=10,32768 so=1 sos=0", "id=8 rc=0 so=327680". Bytes (sib, sob) are
 * escaped text there, base64 in JSON; nested values (props, data, arg, ents) are escaped JSON.
 *
 * An answer may repeat its request, whose keys are not looked at; other keys that are not known
 * are refused. With "op", a "so" in JSON that is a number is the request's.
 */
#pragma once

#include "service/message.h"

/* One line without its newline, the caller's; NULL: no memory. */
char *request_print(const struct request *request, bool text);

/*
 * One line or JSON value that a driver wrote. @text: lines are words; "format json" and
 * "format text" are understood in both. Return: 0, -ENOMEM, or -EINVAL, -EMSGSIZE, said by
 * failure().
 */
int driver_line_parse(const char *line, size_t size, bool text, struct driver_line *ret);
