/* SPDX-License-Identifier: MIT */
/*
 * locate - where in a JSON text a value stands, which jansson does not keep
 */
#pragma once

#include <stddef.h>

struct place {
	unsigned line, column;		/* from 1 */
};

/*
 * The value that one reaches in @text, which is well-formed, by going to the
 * @path[0]-th member or element (from 0), then to the @path[1]-th in that, and
 * so on; with @key, the name of the last member instead.
 */
struct place locate(const char *text, const size_t *path, size_t n_path, int key);
