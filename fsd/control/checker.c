/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/checker.h"
#include "control/locate.h"
#include "util/cleanup.h"
#include "util/number.h"

/* "LINE:COLUMN: " or, of a list without a text, "item N: ". Return: the length, or < 0. */
static int print_place(const struct checker *checker, int at_key, char **ret)
{
	struct place place;

	if (checker->text) {
		place = locate(checker->text, checker->path, checker->n_path, at_key);
		return asprintf(ret, "%u:%u: ", place.line, place.column);
	}
	if (checker->n_path > 0)
		return asprintf(ret, "item %zu: ", checker->path[0] + 1);
	return asprintf(ret, "%s", "");
}

__attribute__((format(printf, 3, 4)))
static int problem(struct checker *checker, int at_key, const char *format, ...)
{
	_cleanup_(freep) char *place = NULL, *what = NULL;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vasprintf(&what, format, arguments);
	va_end(arguments);
	if (n < 0) {
		what = NULL;	/* it may be anything now */
		return -ENOMEM;
	}
	if (print_place(checker, at_key, &place) < 0) {
		place = NULL;
		return -ENOMEM;
	}
	if (asprintf(checker->problem, "%s%s", place, what) < 0) {
		*checker->problem = NULL;
		return -ENOMEM;
	}
	return -EINVAL;
}

int parse_owner(const char *text, uid_t *ret)
{
	const struct passwd *entry;
	uint64_t id;

	if (!text)
		return -EINVAL;
	if (number_parse(text, strlen(text), &id) == 0 && id < UINT32_MAX) {
		*ret = (uid_t)id;
		return 0;
	}
	entry = getpwnam(text);
	if (!entry)
		return -EINVAL;
	*ret = entry->pw_uid;
	return 0;
}

int parse_group(const char *text, gid_t *ret)
{
	const struct group *entry;
	uint64_t id;

	if (!text)
		return -EINVAL;
	if (number_parse(text, strlen(text), &id) == 0 && id < UINT32_MAX) {
		*ret = (gid_t)id;
		return 0;
	}
	entry = getgrnam(text);
	if (!entry)
		return -EINVAL;
	*ret = entry->gr_gid;
	return 0;
}

const char *check_owner(json_t *value)
{
	uid_t uid;

	return parse_owner(json_string_value(value), &uid) == 0 ?
		NULL : "must be a user of this machine, or a uid in digits, as a string";
}

const char *check_group(json_t *value)
{
	gid_t gid;

	return parse_group(json_string_value(value), &gid) == 0 ?
		NULL : "must be a group of this machine, or a gid in digits, as a string";
}

bool is_between(const json_t *value, json_int_t least, json_int_t most)
{
	return json_is_integer(value) && json_integer_value(value) >= least &&
	       json_integer_value(value) <= most;
}

const char *check_bool(json_t *value)
{
	return json_is_boolean(value) ? NULL : "must be true or false";
}

int check_items(struct checker *checker, const char *name, json_t *list, const struct key *keys)
{
	json_auto_t *seen = json_object();
	size_t i;
	json_t *item;

	if (!seen)
		return -ENOMEM;
	if (!json_is_array(list))
		return problem(checker, false, "\"%s\" must be a list", name);
	json_array_foreach(list, i, item) {
		const char *item_name;
		int r;

		checker->path[checker->n_path++] = i;
		r = check_object(checker, item, keys);
		if (r < 0)
			return r;
		item_name = json_string_value(json_object_get(item, "name"));
		if (item_name && json_object_get(seen, item_name))
			return problem(checker, false, "\"%s\" is in this list twice", item_name);
		if (item_name && json_object_set_new(seen, item_name, json_true()) < 0)
			return -ENOMEM;
		checker->n_path--;
	}
	return 0;
}

static const struct key *find_key(const struct key *keys, const char *name)
{
	while (keys->name && strcmp(keys->name, name) != 0)
		keys++;
	return keys->name ? keys : NULL;
}

static int check_member(struct checker *checker, const char *name, json_t *value,
			const struct key *keys)
{
	const struct key *key = find_key(keys, name);
	const char *what;

	if (!key)
		return problem(checker, true, "unknown key \"%s\"", name);
	if (key->items)
		return check_items(checker, name, value, key->items);
	if (key->members)
		return check_object(checker, value, key->members);
	what = key->check(value);
	return what ? problem(checker, false, "\"%s\" %s", name, what) : 0;
}

/* What the table's last row says of the object as a whole. */
static int check_whole(struct checker *checker, json_t *object, const struct key *last)
{
	const char *what = last->check ? last->check(object) : NULL;

	return what ? problem(checker, false, "%s", what) : 0;
}

int check_object(struct checker *checker, json_t *object, const struct key *keys)
{
	const struct key *key;
	size_t index = 0;
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return problem(checker, false, "must be an object");
	if (checker->n_path + 2 > ARRAY_SIZE(checker->path))
		return problem(checker, false, "nested too deep");
	json_object_foreach(object, name, value) {
		int r;

		checker->path[checker->n_path++] = index++;
		r = check_member(checker, name, value, keys);
		if (r < 0)
			return r;
		checker->n_path--;
	}
	/* At last: what is missing may be there, misspelt. */
	for (key = keys; key->name; key++)
		if (key->required && !json_object_get(object, key->name))
			return problem(checker, false, "\"%s\" is missing", key->name);
	return check_whole(checker, object, key);
}
