/* SPDX-License-Identifier: MIT */
/*
 * call_text - method calls as text: the document of `call` (userclient 5.5), the lines of `m/SEL`
 */
#pragma once

#include "service/message.h"

/*
 * Return: 0; -ENOMEM; -EINVAL, -EMSGSIZE, said by failure(), for what is not a request. More than
 * SCALARS_MAX scalars are a request all the same: its check refuses it.
 */
int call_parse(const char *text, size_t size, struct call *ret);

/* One line without its newline, the caller's; NULL: no memory. */
char *reply_print(const struct reply *reply, bool hex);

/*
 * "6 7 0x8": scalars in decimal, hexadecimal with 0x or octal with 0, blanks between.
 * Return: as call_parse().
 */
int scalars_parse(const char *text, size_t size, struct call *ret);
/* "42", "1 2": the scalars of a reply. NULL: no memory. */
char *scalars_print(const struct reply *reply);

/* {"ref":R,"rc":C,"args":[...]}: a completion, as a line of `async`. */
char *completion_print(uint64_t reference, IOReturn code, const uint64_t *arguments, size_t n);
