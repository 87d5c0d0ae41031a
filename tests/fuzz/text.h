/* SPDX-License-Identifier: MIT */
/*
 * text - what the targets that read text share: what a refusal says, and JSON again
 */
#pragma once

#include <errno.h>

#include "check.h"
#include "libqueue/json_text.h"
#include "util/failure.h"

/* Whoever is refused is told why, on one line. */
static inline void check_failure(int r)
{
	struct failure why;

	failure_take(&why);
	CHECK(r == 0 || r == -EINVAL || r == -EMSGSIZE);
	CHECK(r == 0 || (why.error == r && *why.message && !strpbrk(why.message, "\r\n")));
}

/* An object that was printed. */
static inline json_t *parsed(const char *text)
{
	json_t *object = NULL;

	CHECK(text && json_text_parse(text, strlen(text), &object, NULL, 0) == 0);
	CHECK(json_is_object(object));
	return object;
}
