/* SPDX-License-Identifier: MIT */
/*
 * status - how this fsd runs, as a JSON document
 */
#pragma once

#include <stdio.h>

#include "service/registry.h"

/* Return: 0 or -ENOMEM. */
int status_write(const struct registry *registry, FILE *out);
