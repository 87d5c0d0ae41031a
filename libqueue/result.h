/* SPDX-License-Identifier: MIT */
/*
 * result - from our errnos to the results that are documented
 *
 * Inside, everything is 0 or a negative errno; the public functions translate
 * at their border, here and nowhere else. The general table is public:
 * IOReturnFromErrno() and its sisters, in IOKit/IOReturn.h.
 */
#pragma once

#include <IOKit/IOReturn.h>

/* A Unix errno may travel as a code of its own, above the others. */
#define UNIX_ERRNO	0xc000

/* As ring.h gives each errno its meaning: damaged memory is no I/O error. */
IOReturn result_from_ring(int r);
