/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "control/plain.h"
#include "service/methods.h"

struct cursor {
	const char *at, *end;
};

static void skip_blanks(struct cursor *cursor)
{
	while (cursor->at < cursor->end && strchr(" \t\r\n", *cursor->at) && *cursor->at)
		cursor->at++;
}

/* @c, with blanks around it. */
static bool take(struct cursor *cursor, char c)
{
	skip_blanks(cursor);
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	skip_blanks(cursor);
	return true;
}

static bool take_number(struct cursor *cursor, uint64_t *ret)
{
	const char *start = cursor->at;
	uint64_t value = 0;

	for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*cursor->at - '0'), &value))
			return false;
	*ret = value;
	return cursor->at > start && (*start != '0' || cursor->at == start + 1);
}

static bool take_list(struct cursor *cursor, struct plain_key *key)
{
	*key->n = 0;
	if (!take(cursor, '['))
		return false;
	if (take(cursor, ']'))
		return true;
	do {
		if (*key->n == SCALARS_MAX || !take_number(cursor, &key->words[(*key->n)++]))
			return false;
	} while (take(cursor, ','));
	return take(cursor, ']');
}

/* "name" */
static struct plain_key *take_name(struct cursor *cursor, struct plain_key *keys)
{
	const char *end;

	if (cursor->at == cursor->end || *cursor->at++ != '"')
		return NULL;
	end = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
	for (; end && keys->name; keys++) {
		size_t size = strlen(keys->name);

		if (size != (size_t)(end - cursor->at) || memcmp(keys->name, cursor->at, size) != 0)
			continue;
		cursor->at = end + 1;
		return keys->is_there ? NULL : keys;
	}
	return NULL;
}

static bool take_key(struct cursor *cursor, struct plain_key *keys)
{
	struct plain_key *key = take_name(cursor, keys);

	if (!key || !take(cursor, ':'))
		return false;
	key->is_there = true;
	return key->n ? take_list(cursor, key) : take_number(cursor, key->words);
}

bool plain_parse(const char *text, size_t size, struct plain_key *keys)
{
	struct cursor cursor = { text, text + size };

	if (!take(&cursor, '{'))
		return false;
	do {
		if (!take_key(&cursor, keys))
			return false;
	} while (take(&cursor, ','));
	return take(&cursor, '}') && cursor.at == cursor.end;
}
