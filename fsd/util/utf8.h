/* SPDX-License-Identifier: MIT */
/*
 * utf8 - is a text UTF-8, as JSON needs it?
 */
#pragma once

#include <stdbool.h>

bool utf8_is_valid(const char *text);
