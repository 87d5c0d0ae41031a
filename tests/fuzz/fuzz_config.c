/* SPDX-License-Identifier: MIT */
/*
 * fuzz_config - any text as a configuration: refused with its place, or made, and then made
 * again with nothing new, as after a restart
 */
#include "control/config.h"
#include "daemon.h"

/* What is wrong is told with its place. */
static void check_problem(const char *problem)
{
	unsigned line, column;
	int n = 0;

	CHECK(problem && sscanf(problem, "%u:%u: %n", &line, &column, &n) == 2 && n > 0 &&
	      problem[n] && line >= 1);
}

/* Where a limit is reached, some of it is there. */
static void check_made(const struct config *config)
{
	char *once, *twice;

	start_daemon();
	if (config_apply(config, &registry) == 0) {
		once = show_tree();
		CHECK(config_apply(config, &registry) == 0);
		twice = show_tree();
		CHECK(strcmp(once, twice) == 0);
		free(once);
		free(twice);
	}
	end_daemon();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct config *config = NULL;
	char *text = malloc(n + 1), *problem = NULL;
	int r;

	CHECK(text);
	memcpy(text, bytes, n);
	text[n] = '\0';
	r = config_parse(text, &config, &problem);
	CHECK(r == 0 || r == -EINVAL);
	if (r == 0)
		check_made(config);
	else
		check_problem(problem);
	config_free(config);
	free(problem);
	free(text);
	return 0;
}
