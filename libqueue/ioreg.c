/* SPDX-License-Identifier: MIT */
/*
 * ioreg - the registry of a mount, as a tree of lines or as JSON (ioreg(1))
 *
 * One walk from the plane's root, depth first. It either shows what it meets, or looks for hits and
 * shows the subtree of each.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "cleanup.h"
#include "ioreg_print.h"
#include "mount.h"

#define USAGE "usage: ioreg [-abfijlrtxy] [-c class] [-d depth] [-k key] [-m mount] [-n name]\n" \
	      "             [-p plane] [-w width]\n"

static struct options {
	const char *class, *key, *name;		/* criteria; NULL: none */
	const char *mount, *plane;
	unsigned depth;				/* levels; 0: all */
	bool list, json, search, chain, no_user_classes;
	struct style style;
} options = { .plane = "IOService" };

static int status;		/* what to exit with */
static bool has_output;		/* JSON: an object was printed */

/* Criteria */

static bool has_line(const char *text, const char *wanted)
{
	size_t n = strlen(wanted);

	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, wanted, n) == 0 && (!at[n] || at[n] == '\n'))
			return true;
	return false;
}

static bool has_string(const json_t *array, const char *wanted)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (text && strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

static bool is_of_class(struct entry *entry)
{
	json_t *classes = options.no_user_classes ? NULL : entry_property(entry, "IOUserClasses");
	bool is = json_is_array(classes) ? has_string(classes, options.class) :
					   has_line(entry_classes(entry), options.class);

	json_decref(classes);
	return is;
}

static bool is_named(const struct entry *entry)
{
	size_t n = strlen(entry->name);

	if (!strchr(options.name, '@') || !*entry->location)
		return strcmp(entry->name, options.name) == 0;
	return strncmp(entry->name, options.name, n) == 0 && options.name[n] == '@' &&
	       strcmp(entry->location, options.name + n + 1) == 0;
}

static bool has_key(struct entry *entry)
{
	_cleanup_(freep) char *escaped = options.key[0] == '$' ? text_print("$%s", options.key) : NULL;

	return json_object_get(entry_properties(entry), escaped ? escaped : options.key);
}

static bool is_hit(struct entry *entry)
{
	if (!options.class && !options.key && !options.name)
		return false;
	return (!options.name || is_named(entry)) && (!options.class || is_of_class(entry)) &&
	       (!options.key || has_key(entry));
}

/* Walking */

/* Entries that were entered: one that has several parents is met, but not entered, again. */
struct entered {
	uint64_t *ids;		/* a table of a power of two; 0: free */
	size_t n, room;
};

static bool put_id(struct entered *entered, uint64_t id)
{
	size_t at = (size_t)(id * 0x9e3779b97f4a7c15ull >> 32) & (entered->room - 1);

	while (entered->ids[at] && entered->ids[at] != id)
		at = (at + 1) & (entered->room - 1);
	if (entered->ids[at])
		return false;
	entered->ids[at] = id;
	entered->n++;
	return true;
}

/* Return: whether it is the first time. */
static bool enter(struct entered *entered, uint64_t id)
{
	struct entered larger = { .room = entered->room ? 2 * entered->room : 1024 };

	if (2 * entered->n < entered->room)
		return put_id(entered, id);
	larger.ids = calloc(larger.room, sizeof(*larger.ids));
	if (!larger.ids)
		errx(1, "no memory");
	for (size_t i = 0; i < entered->room; i++)
		if (entered->ids[i])
			put_id(&larger, entered->ids[i]);
	free(entered->ids);
	*entered = larger;
	return put_id(entered, id);
}

static bool may_descend(struct entered *entered, const struct entry *entry, unsigned depth)
{
	if (!enter(entered, entry->id))
		return false;
	if (depth < IOREG_MAX_DEPTH)
		return true;
	warnx("more than %d levels; what is below is left out", IOREG_MAX_DEPTH);
	status = 1;
	return false;
}

/* What a failed step says; the walk goes on with what there is. */
static void check(int r)
{
	if (r == 0)
		return;
	warnx("cannot go on in a directory: %s", strerror(-r));
	status = 1;
}

/* Showing */

/* All but its end. */
static void json_begin(struct entry *entry, bool is_first, bool with_properties)
{
	_cleanup_(freep) char *text = json_node(&options.style, entry, with_properties);

	if (!text)
		errx(1, "no memory");
	printf("%s%s", is_first ? "" : ",\n", text);
	has_output = true;
}

static void json_children(void)
{
	puts(",\"IORegistryEntryChildren\":[");
}

static void show_one(struct entry *entry, const struct bars *bars, bool is_first)
{
	bool with_properties = options.list || is_hit(entry);

	if (options.json) {
		json_begin(entry, is_first, with_properties);
		return;
	}
	print_node(&options.style, entry, bars);
	if (with_properties)
		print_properties(&options.style, entry, bars);
}

/* @from: the depth of the top of what is shown. */
static void show(struct entry *entry, struct bars *bars, unsigned from, bool is_first)
{
	static struct entered entered;
	unsigned depth = bars->depth;
	bool at_limit = options.depth && depth - from + 1 >= options.depth;
	struct children children = { .parent = entry };
	bool has_children, first = true;

	if (!at_limit && may_descend(&entered, entry, depth))
		check(children_open(entry, &children));
	has_children = children_more(&children);
	bars->more[depth + 1] = has_children;
	show_one(entry, bars, is_first);
	if (options.json && has_children)
		json_children();
	while (children_more(&children)) {
		struct entry *child;

		check(children_next(&children, &child));
		bars->depth = depth + 1;
		bars->more[depth + 1] = children_more(&children);
		show(child, bars, from, first);
		entry_close(child);
		first = false;
	}
	bars->depth = depth;
	if (options.json)
		fputs(has_children ? "]}" : "}", stdout);
	children_close(&children);
}

/* Looking */

/* An entry on the way, and those above. */
struct step {
	struct entry *entry;
	const struct step *above;
	unsigned depth;
};

/* The entries above a hit, a line each. Return: how many. */
static unsigned show_chain(const struct step *step, struct bars *bars)
{
	unsigned n = step ? show_chain(step->above, bars) : 0;

	if (!step)
		return 0;
	bars->depth = n;
	bars->more[n] = false;
	bars->more[n + 1] = true;
	if (options.json) {
		json_begin(step->entry, n > 0 || !has_output, false);
		json_children();
	} else {
		print_node(&options.style, step->entry, bars);
	}
	return n + 1;
}

static void show_hit(const struct step *step)
{
	static struct bars bars;
	unsigned n;

	if (options.json && !has_output)
		puts("[");
	n = options.chain ? show_chain(step->above, &bars) : 0;
	bars.depth = n;
	bars.more[n] = false;
	show(step->entry, &bars, n, n > 0 || !has_output);
	for (unsigned i = 0; options.json && i < n; i++)
		fputs("]}", stdout);
	if (!options.json)
		putchar('\n');
}

/* @shown: entries above this depth were printed already. */
static void look(const struct step *step, unsigned shown)
{
	static struct entered entered;
	struct children children;

	if (!may_descend(&entered, step->entry, step->depth))
		return;
	if (step->depth >= shown && is_hit(step->entry)) {
		show_hit(step);
		if (!options.depth)
			return;
		shown = step->depth + options.depth;
	}
	check(children_open(step->entry, &children));
	while (children_more(&children)) {
		struct entry *child;

		check(children_next(&children, &child));
		look(&(struct step){ child, step, step->depth + 1 }, shown);
		entry_close(child);
	}
	children_close(&children);
}

/* The mount */

static int open_mount(void)
{
	_cleanup_(freep) char *found = NULL;
	const char *path = options.mount;
	int fd;

	if (!path && mount_of_port(MACH_PORT_NULL, &found) != kIOReturnSuccess)
		errx(1, "nothing is mounted by fsd; say where with -m or FSD_MOUNT");
	path = path ? path : found;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	if (faccessat(fd, "IOService", F_OK, 0) < 0)
		err(1, "%s is no mount of fsd", path);
	return fd;
}

static struct entry *open_root(void)
{
	_cleanup_(closep) int mount = open_mount();
	struct entry *root = NULL;
	int r = -ENOENT;

	if (*options.plane >= 'A' && *options.plane <= 'Z' && !strchr(options.plane, '/'))
		r = entry_open_root(mount, options.plane, &root);
	if (r < 0)
		errx(1, "plane %s: %s", options.plane, strerror(-r));
	return root;
}

/* Options */

static void usage(void)
{
	fputs(USAGE, stderr);
	exit(1);
}

static unsigned parse_number(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number > 1000000)
		usage();
	return (unsigned)number;
}

static void parse_option(int option)
{
	switch (option) {
	case 'a':
	case 'j': options.json = true; break;
	case 'b': options.style.bold = true; break;
	case 'c': options.class = optarg; break;
	case 'd': options.depth = parse_number(optarg); break;
	case 'f': options.style.decode = true; break;
	case 'i': options.style.lineage = true; break;
	case 'k': options.key = optarg; break;
	case 'l': options.list = true; break;
	case 'm': options.mount = optarg; break;
	case 'n': options.name = optarg; break;
	case 'p': options.plane = optarg; break;
	case 'r': options.search = true; break;
	case 'S':
	case 's': break;
	case 't': options.chain = true; break;
	case 'w': options.style.width = parse_number(optarg); break;
	case 'x': options.style.hex = true; break;
	case 'y': options.no_user_classes = true; break;
	default: usage();
	}
}

static void parse_options(int n_arguments, char **arguments)
{
	struct winsize size = { .ws_col = 0 };
	const char *terminal = getenv("TERM");
	int option;

	options.style.for_terminal = isatty(STDOUT_FILENO);
	if (options.style.for_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		options.style.width = size.ws_col;
	while ((option = getopt(n_arguments, arguments, "abc:d:fijk:lm:n:p:rsStw:xy")) != -1)
		parse_option(option);
	if (optind != n_arguments)
		usage();
	if (!terminal || !*terminal || strcmp(terminal, "dumb") == 0)
		options.style.bold = false;
}

/* Each level of the tree holds descriptors. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int n_arguments, char **arguments)
{
	static struct bars bars;
	struct entry *root;

	parse_options(n_arguments, arguments);
	allow_descriptors();
	root = open_root();
	if (options.search)
		look(&(struct step){ .entry = root }, 0);
	else
		show(root, &bars, 0, true);
	if (options.json && has_output)
		puts(options.search ? "\n]" : "");
	entry_close(root);
	if (fflush(stdout) != 0 || ferror(stdout))
		err(1, "standard output");
	return status;
}
