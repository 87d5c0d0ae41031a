/* SPDX-License-Identifier: MIT */
/*
 * layout - the map of the mount (drawn in layout.c)
 */
#pragma once

#include "service/registry.h"

extern const struct layout mount_layout;
