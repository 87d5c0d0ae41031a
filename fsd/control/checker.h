/* SPDX-License-Identifier: MIT */
/*
 * checker - a document held against tables of the keys that it may have
 *
 * The first thing that is wrong is told with its place in the text, and with what
 * would be right. Who makes something of a checked document need not doubt it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define CHECKER_MAX_DEPTH 64	/* of objects in objects, and what is in them */

/* Where the check is. */
struct checker {
	size_t path[2 * CHECKER_MAX_DEPTH + 4];
	size_t n_path;
	const char *text;	/* what the document was read from; NULL: places are not told */
	char **problem;		/* the caller's text, once something is wrong */
};

/* Return: what is wrong with the value, or NULL. */
typedef const char *check_function(json_t *value);

/*
 * A key of an object. A table ends with a row without a name; its check, if any, looks
 * at the object as a whole.
 */
struct key {
	const char *name;
	check_function *check;
	/* ...or, for a list, the keys of its objects; a "name" must not be there twice */
	const struct key *items;
	/* ...or, for an object, its keys */
	const struct key *members;
	bool required;
};

/* Return: 0; -EINVAL and what is wrong in *problem; or -ENOMEM. */
int check_object(struct checker *checker, json_t *object, const struct key *keys);
/* Likewise; @name is that of the list. */
int check_items(struct checker *checker, const char *name, json_t *list, const struct key *keys);

check_function check_bool;

/* A whole number, within these bounds. */
bool is_between(const json_t *value, json_int_t least, json_int_t most);

/* Users and groups, by name or in digits; NULL is neither. Return: 0 or -EINVAL. */
check_function check_owner, check_group;
int parse_owner(const char *text, uid_t *ret);
int parse_group(const char *text, gid_t *ret);
