/* SPDX-License-Identifier: MIT */
/*
 * What every entry has, service or connection: its id, names, place, classes and state.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "files/files.h"
#include "util/failure.h"

/* What all of these directories have for an object begins with its entry. */
static struct entry *entry_of(const struct node *node)
{
	return node->object;
}

int entry_id_show(struct node *node, FILE *out)
{
	fprintf(out, "0x%" PRIx64 "\n", entry_of(node)->id);
	return 0;
}

int entry_name_show(struct node *node, FILE *out)
{
	fprintf(out, "%s\n", entry_of(node)->name);
	return 0;
}

int entry_location_show(struct node *node, FILE *out)
{
	if (*entry_of(node)->location)
		fprintf(out, "%s\n", entry_of(node)->location);
	return 0;
}

static void show_paths(struct node *node, FILE *out,
		       char *(*path_of)(const struct entry *entry, const struct plane *plane))
{
	struct plane *plane;

	list_for_each(plane, &planes, planes) {
		_cleanup_(freep) char *path = path_of(entry_of(node), plane);

		if (path)
			fprintf(out, "%s\n", path);
	}
}

/* Those that lead to directories, when the colon is taken out, come first. */
int entry_path_show(struct node *node, FILE *out)
{
	show_paths(node, out, entry_path);
	show_paths(node, out, entry_path_by_alias);
	return 0;
}

/* Who holds it: its directory, open files in it, links to and from it. */
int entry_retain_show(struct node *node, FILE *out)
{
	const struct entry_link *link;
	unsigned n = node->n_refs;

	list_for_each(link, &entry_of(node)->parents, of_child)
		n++;
	list_for_each(link, &entry_of(node)->children, of_parent)
		n++;
	fprintf(out, "%u\n", n);
	return 0;
}

int entry_class_show(struct node *node, FILE *out)
{
	fprintf(out, "%s\n", entry_class(entry_of(node)));
	return 0;
}

int entry_class_store(struct node *node, const char *text, size_t size)
{
	_cleanup_(freep) char *classes = strndup(text, size);
	int r;

	if (!classes)
		return -ENOMEM;
	if (strlen(classes) != size)
		return failure(-EINVAL, "a class has no NUL in it");
	if (size && classes[size - 1] == '\n')
		classes[size - 1] = '\0';
	r = service_set_class(node->object, classes);
	return r == -EINVAL || r == -ENAMETOOLONG ?
		failure(-EINVAL, "no lineage: names of letters, digits and \"_.-\", most derived first, "
			"with colons between, as CalcDriver:IOService") : r;
}

int entry_classes_show(struct node *node, FILE *out)
{
	for (char **class = entry_of(node)->lineage; *class; class++)
		fprintf(out, "%s\n", *class);
	return 0;
}

int entry_state_show(struct node *node, FILE *out)
{
	uint32_t state = entry_of(node)->state;

	fprintf(out, "%sregistered %smatched %s\n", state & ENTRY_REGISTERED ? "" : "!",
		state & ENTRY_MATCHED ? "" : "!", state & ENTRY_INACTIVE ? "inactive" : "active");
	return 0;
}

int entry_busy_show(struct node *node, FILE *out)
{
	uint32_t busy = entry_of(node)->busy;

	fprintf(out, "%u\n", busy < ENTRY_MAX_BUSY ? busy : ENTRY_MAX_BUSY);
	return 0;
}

int entry_busy_time_show(struct node *node, FILE *out)
{
	fprintf(out, "%" PRIu64 "\n", entry_busy_time(entry_of(node)));
	return 0;
}
