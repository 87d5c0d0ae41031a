/* SPDX-License-Identifier: MIT */
/*
 * matching - which services a matching dictionary means (userclient 4.3)
 *
 * A dictionary is a json_t object as the client wrote it. Keys that are not known
 * are ignored. The answer does not depend on the indexes; only its cost does.
 */
#pragma once

#include "service/entry.h"

/* @entry, whatever its state and kind, passes @dictionary. Without memory: false. */
bool matching_passes(const struct entry *entry, const json_t *dictionary);

/*
 * All services that pass, are not inactive and have all bits of @state, in the order of ids.
 * Return: a NULL-ended array, the caller's, or NULL: no memory.
 */
struct entry **matching_find(const json_t *dictionary, uint32_t state);

/* The same for a dictionary that is asked again and again: it is read once. */
struct matching;

/* Return: 0, -EINVAL for no object, -ENOMEM. */
int matching_new(const json_t *dictionary, struct matching **ret);
struct matching *matching_free(struct matching *matching);
bool matching_accepts(struct matching *matching, const struct entry *entry);
