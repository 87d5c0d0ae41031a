/* SPDX-License-Identifier: MIT */
/*
 * utf8 - is a text UTF-8, as JSON needs it?
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the character at @text has, which a NUL ends; 0: it is none. */
size_t utf8_character(const char *text);

bool utf8_is_valid(const char *text);
