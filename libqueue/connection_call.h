/* SPDX-License-Identifier: MIT */
/*
 * connection_call - one method call: arguments to text, text to results
 */
#pragma once

#include "connection.h"
#include "connection_text.h"

/* Where the output goes, as the caller of a documented function gave it. */
struct method_output {
	uint64_t *scalars;
	uint32_t *n_scalars;
	void *bytes;
	size_t *n_bytes;
};

/*
 * Do @input and @output make a call? Sets what @input wants.
 * Return: kIOReturnSuccess, MIG_ARRAY_TOO_LARGE, kIOReturnIPCError or kIOReturnBadArgument.
 */
IOReturn method_check(struct method_call *input, const struct method_output *output);

/* Make a call that is checked. Return: its result. */
IOReturn method_run(struct connection *connection, const struct method_call *input,
		    const struct method_output *output);
