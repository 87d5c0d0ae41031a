/* SPDX-License-Identifier: MIT */
/*
 * lineage - a class and those that it derives from: NULL-ended, most derived first
 */
#pragma once

#include <stdbool.h>

#define LINEAGE_MAX	64	/* classes that lineage_new() takes */
#define CLASS_NAME_MAX	127	/* bytes */

/*
 * "C:Base:..." with what is missing of "IOService:IORegistryEntry:OSObject"; without
 * IOService when it is no service's. The caller's.
 * Return: 0; -EINVAL for a class given twice, base classes that are not at the end in
 * their order, or other bytes than letters, digits and "_.-"; -ENAMETOOLONG, -ENOMEM.
 */
int lineage_new(bool is_service, const char *classes, char ***ret);
char **lineage_free(char **lineage);
void lineage_freep(char ***lineage);

/* What a class can be called. */
bool lineage_is_name(const char *name);

bool lineage_has(char *const *lineage, const char *name);
