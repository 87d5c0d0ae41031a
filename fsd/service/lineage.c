/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "service/lineage.h"
#include "util/cleanup.h"

#define CLASS_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* What each lineage ends with; a root's without the first. */
static const char *const base_classes[] = { "IOService", "IORegistryEntry", "OSObject", NULL };

char **lineage_free(char **lineage)
{
	for (char **name = lineage; name && *name; name++)
		free(*name);
	free(lineage);
	return NULL;
}

void lineage_freep(char ***lineage)
{
	lineage_free(*lineage);
}

static bool is_class_name(const char *name, size_t length)
{
	return length > 0 && *name != '.' && *name != '-' && strspn(name, CLASS_BYTES) >= length;
}

bool lineage_is_name(const char *name)
{
	size_t length = strlen(name);

	return length <= CLASS_NAME_MAX && is_class_name(name, length);
}

bool lineage_has(char *const *lineage, const char *name)
{
	for (; *lineage; lineage++)
		if (strcmp(*lineage, name) == 0)
			return true;
	return false;
}

/* One more at the end of @lineage, which has room. */
static int add_class(char **lineage, const char *name, size_t length)
{
	_cleanup_(freep) char *copy = NULL;

	if (length > CLASS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!is_class_name(name, length))
		return -EINVAL;
	copy = strndup(name, length);
	if (!copy)
		return -ENOMEM;
	if (lineage_has(lineage, copy))
		return -EINVAL;
	while (*lineage)
		lineage++;
	*lineage = steal(copy);
	return 0;
}

static size_t count_colons(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, ':')) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* The names of @classes, which may end with those of @base or leave them out. */
static int parse_lineage(const char *classes, const char *const *base, char **lineage)
{
	bool more = true;

	while (more) {
		size_t length = strcspn(classes, ":");
		bool is_base = *base && strlen(*base) == length && memcmp(*base, classes, length) == 0;
		int r = add_class(lineage, classes, length);

		if (r < 0)
			return r;
		base += is_base;
		more = classes[length] == ':';
		classes += length + 1;
	}
	for (; *base; base++) {
		int r = add_class(lineage, *base, strlen(*base));

		if (r < 0)
			return r;
	}
	return 0;
}

/* A class of the base comes before no other class: then base_classes would not be the end. */
static bool ends_with(char *const *lineage, const char *const *base)
{
	while (*lineage && strcmp(*lineage, *base) != 0)
		lineage++;
	for (; *lineage && *base; lineage++, base++)
		if (strcmp(*lineage, *base) != 0)
			return false;
	return !*lineage && !*base;
}

int lineage_new(bool is_service, const char *classes, char ***ret)
{
	const char *const *base = base_classes + !is_service;
	size_t n = count_colons(classes);
	_cleanup_(lineage_freep) char **lineage = NULL;
	int r;

	if (n >= LINEAGE_MAX)
		return -ENAMETOOLONG;
	lineage = calloc(n + ARRAY_SIZE(base_classes) + 1, sizeof(*lineage));
	if (!lineage)
		return -ENOMEM;
	r = parse_lineage(classes, base, lineage);
	if (r < 0)
		return r;
	if (!ends_with(lineage, base))
		return -EINVAL;
	*ret = steal(lineage);
	return 0;
}
