/* SPDX-License-Identifier: MIT */
/*
 * options - the command line, checked
 */
#pragma once

#include "fuse/session.h"

struct options {
	const char *config;		/* of argv, or NULL */
	const char *state;		/* of argv, or NULL: by default */
	const char *policy;		/* of argv, or NULL: by default */
	const char *mountpoint;		/* of argv */
	char *fuse_options;		/* owned: "a,b", or NULL */
	enum memory_mode memory;
	struct limits limits;
	bool foreground;
	bool verbose;
};

enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/*
 * What is wrong is said on stderr (OPTIONS_WRONG); --help and --version are
 * answered on stdout (OPTIONS_DONE).
 */
enum options_result options_parse(int argc, char **argv, struct options *ret);
void options_deinit(struct options *options);
