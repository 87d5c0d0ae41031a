/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "control/locate.h"

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* Past a value: brackets are counted, as the text is known to be well-formed. */
static const char *skip_value(const char *at)
{
	size_t depth = 0;

	do {
		at = skip_space(at);
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		else if (depth == 0)
			return at + strcspn(at, " \t\r\n,]}");
		if (*at)
			at++;
	} while (*at && depth > 0);
	return at;
}

/* To the @index-th member or element of the object or array at @at; a member's name first. */
static const char *enter(const char *at, size_t index, int key)
{
	int is_object = *at == '{';

	at = skip_space(at + 1);
	for (;; index--) {
		if (is_object && !(key && index == 0))
			at = skip_space(skip_space(skip_string(at)) + 1);
		if (index == 0)
			return at;
		at = skip_space(skip_value(at));
		if (*at == ',')
			at = skip_space(at + 1);
	}
}

struct place locate(const char *text, const size_t *path, size_t n_path, int key)
{
	const char *at = skip_space(text);
	struct place place = { 1, 1 };

	for (size_t i = 0; i < n_path; i++)
		at = enter(at, path[i], key && i + 1 == n_path);
	for (const char *c = text; c < at; c++) {
		place.column = *c == '\n' ? 1 : place.column + 1;
		place.line += *c == '\n';
	}
	return place;
}
