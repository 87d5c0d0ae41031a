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

/* As ring.h gives each errno its meaning: damaged memory is no I/O error. */
IOReturn result_from_ring(int r);
