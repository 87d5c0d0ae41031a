/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "util/cleanup.h"
#include "util/number.h"

static const char usage[] =
	"usage: fsd [OPTIONS] MOUNTPOINT\n"
	"Show services, queues and streams as files below MOUNTPOINT; see fsd(8) and fsd(5).\n"
	"\n"
	"  -c, --config FILE.json  services, queues and streams to make at start\n"
	"  -s, --state DIR         where their memory is, and what a restart needs\n"
	"  -p, --policy FILE.json  who may do what (/etc/fsd/policy.json, where there is one)\n"
	"  -f, --foreground        do not go into the background; log on stderr\n"
	"  -o OPTION[,OPTION...]   FUSE's mount options, and\n"
	"       memory=auto|passthrough|link   how memory is reached (auto)\n"
	"       max_queues=N                   at most so many, and streams (65536)\n"
	"       max_queue_size=BYTES           of capacity, or of an entry (1073741824)\n"
	"  -v, --verbose           log more\n"
	"      --version           print the version\n"
	"  -h, --help              print this\n"
	"\n"
	"Unmount (fusermount3 -u MOUNTPOINT), SIGTERM or SIGINT end it.\n";

static const struct option long_options[] = {
	{ "config",     required_argument, NULL, 'c' },
	{ "state",      required_argument, NULL, 's' },
	{ "policy",     required_argument, NULL, 'p' },
	{ "foreground", no_argument,       NULL, 'f' },
	{ "verbose",    no_argument,       NULL, 'v' },
	{ "version",    no_argument,       NULL, 'V' },
	{ "help",       no_argument,       NULL, 'h' },
	{ 0 },
};

static bool set_memory(const char *value, enum memory_mode *ret)
{
	static const char *const names[] = {
		[MEMORY_AUTO] = "auto",
		[MEMORY_PASSTHROUGH] = "passthrough",
		[MEMORY_LINK] = "link",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*ret = (enum memory_mode)i;
			return true;
		}
	}
	fprintf(stderr, "fsd: memory=%s: must be auto, passthrough or link\n", value);
	return false;
}

static bool set_limit(const char *option, const char *value, uint64_t *ret)
{
	if (number_parse(value, strlen(value), ret) == 0 && *ret > 0)
		return true;
	fprintf(stderr, "fsd: %s: must be a number above 0\n", option);
	return false;
}

static bool add_fuse_option(const char *option, struct options *options)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", options->fuse_options ? options->fuse_options : "",
		     options->fuse_options ? "," : "", option) < 0)
		return false;
	free(options->fuse_options);
	options->fuse_options = longer;
	return true;
}

static const char *value_of(const char *option, const char *key)
{
	size_t n = strlen(key);

	return strncmp(option, key, n) == 0 && option[n] == '=' ? option + n + 1 : NULL;
}

static bool add_mount_option(const char *option, struct options *options)
{
	const char *value;

	if ((value = value_of(option, "memory")))
		return set_memory(value, &options->memory);
	if ((value = value_of(option, "max_queues")))
		return set_limit(option, value, &options->limits.max_queues);
	if ((value = value_of(option, "max_queue_size")))
		return set_limit(option, value, &options->limits.max_queue_size);
	return add_fuse_option(option, options);
}

static bool add_mount_options(char *list, struct options *options)
{
	char *rest = NULL;

	for (char *option = strtok_r(list, ",", &rest); option; option = strtok_r(NULL, ",", &rest))
		if (!add_mount_option(option, options))
			return false;
	return true;
}

enum options_result options_parse(int argc, char **argv, struct options *ret)
{
	int c;

	*ret = (struct options){ .limits = { .max_queues = 65536, .max_queue_size = 1u << 30 } };
	while ((c = getopt_long(argc, argv, "c:s:p:fo:vh", long_options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			ret->config = optarg;
			break;
		case 's':
			ret->state = optarg;
			break;
		case 'p':
			ret->policy = optarg;
			break;
		case 'f':
			ret->foreground = true;
			break;
		case 'o':
			if (!add_mount_options(optarg, ret))
				return OPTIONS_WRONG;
			break;
		case 'v':
			ret->verbose = true;
			break;
		case 'V':
			printf("fsd %s\n", FSD_VERSION);
			return OPTIONS_DONE;
		case 'h':
			fputs(usage, stdout);
			return OPTIONS_DONE;
		default:
			fputs("Try 'fsd --help'.\n", stderr);
			return OPTIONS_WRONG;
		}
	}
	if (optind != argc - 1) {
		if (optind == argc)
			fputs("fsd: the mount point is missing\n", stderr);
		else
			fprintf(stderr, "fsd: one mount point is enough: '%s'\n", argv[optind + 1]);
		fputs("Try 'fsd --help'.\n", stderr);
		return OPTIONS_WRONG;
	}
	ret->mountpoint = argv[optind];
	return OPTIONS_RUN;
}

void options_deinit(struct options *options)
{
	free(options->fuse_options);
}
