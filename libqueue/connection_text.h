/* SPDX-License-Identifier: MIT */
/*
 * connection_text - a method call as text, and what comes back: the words between a
 * connection and fsd, without files
 *
 *	{"sel":4,"si":[10,32768],"so":1}	the line that asks
 *	{"rc":0,"name":"...","so":[327680]}	the one that answers
 *	{"ref":1,"rc":0,"args":[1,5]}		a completion
 *
 * Calls are the hot path, so their text is made and read here, with nothing allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCALARS_MAX	16u		/* inputs, outputs, and arguments of a completion */
#define ANY_SIZE	SIZE_MAX	/* of output that may be as large as the driver likes */

struct method_call {
	uint32_t selector;
	uint32_t n_scalars;		/* at most SCALARS_MAX */
	const uint64_t *scalars;
	const void *bytes;
	size_t n_bytes;
	uint32_t n_scalars_wanted;
	size_t n_bytes_wanted;		/* or ANY_SIZE */
	uint64_t reference;		/* of an asynchronous call; 0: a synchronous one */
};

/* An answer or a completion. */
struct method_answer {
	uint32_t result;
	uint64_t reference;
	uint32_t n_scalars;
	uint64_t scalars[SCALARS_MAX];
	const char *bytes;		/* as base64, in the text; NULL: none */
	size_t n_bytes;			/* characters of it */
};

/* Room that call_print() may need. */
size_t call_room(const struct method_call *call);

/* The line that asks, with its newline. Return: bytes of it. */
size_t call_print(const struct method_call *call, char *out);

/*
 * The line that answers, or a completion. Members that are not known are passed over.
 * What @ret points to lies in @text. Return: 0, or -EINVAL for what is no such line.
 */
int answer_parse(const char *text, size_t size, struct method_answer *ret);
