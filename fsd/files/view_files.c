/* SPDX-License-Identifier: MIT */
/*
 * Views: links to entries by id, class, name and plane; and what each process was last
 * refused with. Nothing here is kept: a name is looked up when somebody asks for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "files/files.h"
#include "service/refusal.h"
#include "util/escape.h"
#include "util/failure.h"
#include "util/number.h"

/* "../../": from @node's children up to the root of the mount. */
static char *way_up(const struct node *node)
{
	size_t depth = 0;
	char *way;

	for (; node->parent; node = node->parent)
		depth++;
	way = malloc(3 * depth + 1);
	for (size_t i = 0; way && i < depth; i++)
		memcpy(way + 3 * i, "../", 3);
	if (way)
		way[3 * depth] = '\0';
	return way;
}

/* Links to id/0xID, from anywhere */

static char *link_target(struct node *node)
{
	_cleanup_(freep) char *way = node->parent ? way_up(node->parent) : NULL;

	return way ? text_print("%sid/0x%" PRIx64, way, node->number) : NULL;
}

static const struct row link_row = { "", S_IFLNK | 0777, .target = link_target };
static const struct node_def link_leaf = { .rows = node_no_rows, .leaf = &link_row };

static int make_leaf(struct node *directory, const char *name, uint64_t number,
		     const struct node_def *def, struct node **ret)
{
	struct attributes own = directory->own;
	int r = node_new_passing(directory, name, def, &own, ret);

	if (r == 0)
		(*ret)->number = number;
	return r;
}

int view_make_link(struct node *directory, const char *name, uint64_t id, struct node **ret)
{
	return make_leaf(directory, name, id, &link_leaf, ret);
}

static int parse_id(const char *name, uint64_t *ret)
{
	return strncmp(name, "0x", 2) == 0 ? number_parse_hex(name + 2, ret) : -EINVAL;
}

static int add_id(struct names *names, const struct entry *entry)
{
	char name[24];

	snprintf(name, sizeof(name), "0x%" PRIx64, entry->id);
	return names_add(names, name, S_IFLNK);
}

static int add_ids(struct names *names, struct entry **found)
{
	int r = found ? 0 : -ENOMEM;

	for (struct entry **entry = found; r == 0 && *entry; entry++)
		r = add_id(names, *entry);
	free(found);
	return r;
}

/* id/0xID, or id/PLANE:ALIAS, which is not listed: to where the entry stands */

static char *place_target(struct node *node)
{
	const struct entry *entry = entry_by_id(node->number);
	_cleanup_(freep) char *path = entry && entry->node ? node_path(entry->node) : NULL;

	return path ? text_print("../%s", path) : NULL;
}

static const struct row place_row = { "", S_IFLNK | 0777, .target = place_target };
static const struct node_def place_leaf = { .rows = node_no_rows, .leaf = &place_row };

static int ids_find(struct node *node, const char *name, struct node **ret)
{
	const struct entry *entry = NULL;
	uint64_t id;

	if (strchr(name, ':'))
		entry = entry_from_path(name);
	else if (parse_id(name, &id) == 0)
		entry = entry_by_id(id);
	return entry ? make_leaf(node, name, entry->id, &place_leaf, ret) : -ENOENT;
}

static int ids_list(struct node *node, struct names *names)
{
	struct entry *entry;
	int r = 0;

	(void)node;
	list_for_each(entry, &entries, all)
		if (r == 0)
			r = add_id(names, entry);
	return r;
}

static const struct node_def ids_dir = { .rows = node_no_rows, .find = ids_find, .list = ids_list };

/* class/C/0xID */

static int class_find(struct node *node, const char *name, struct node **ret)
{
	const struct entry *entry;
	uint64_t id;

	if (parse_id(name, &id) < 0 || !(entry = entry_by_id(id)) ||
	    !entry_is_a(entry, node->name))
		return -ENOENT;
	return view_make_link(node, name, id, ret);
}

static int class_list(struct node *node, struct names *names)
{
	return add_ids(names, entries_with_class(node->name));
}

static const struct node_def class_dir = { .rows = node_no_rows, .find = class_find,
					   .list = class_list };

/* What index walks find, as names to list. */
struct collection {
	struct names *names;
	int r;
};

static void collect(void *user, const char *name)
{
	struct collection *collection = user;
	_cleanup_(freep) char *escaped = escape_name(name);

	if (collection->r == 0)
		collection->r = escaped ? names_add(collection->names, escaped, S_IFDIR) : -ENOMEM;
}

static int classes_find(struct node *node, const char *name, struct node **ret)
{
	return entries_count_class(name) ? make_leaf(node, name, 0, &class_dir, ret) : -ENOENT;
}

static int classes_list(struct node *node, struct names *names)
{
	struct collection collection = { names, 0 };

	(void)node;
	entries_each_class(collect, &collection);
	return collection.r;
}

static const struct node_def classes_dir = { .rows = node_no_rows, .find = classes_find,
					     .list = classes_list };

/* name/N/0xID */

static int name_find(struct node *node, const char *name, struct node **ret)
{
	_cleanup_(freep) char *plain = unescape_name(node->name);
	const struct entry *entry;
	uint64_t id;

	if (!plain)
		return -ENOMEM;
	if (parse_id(name, &id) < 0 || !(entry = entry_by_id(id)) || strcmp(entry->name, plain) != 0)
		return -ENOENT;
	return view_make_link(node, name, id, ret);
}

static int name_list(struct node *node, struct names *names)
{
	_cleanup_(freep) char *plain = unescape_name(node->name);

	return plain ? add_ids(names, entries_with_name(plain)) : -ENOMEM;
}

static const struct node_def name_dir = { .rows = node_no_rows, .find = name_find,
					  .list = name_list };

static int names_find(struct node *node, const char *name, struct node **ret)
{
	_cleanup_(freep) char *plain = unescape_name(name);

	if (!plain)
		return -ENOMEM;
	return entries_count_name(plain) ? make_leaf(node, name, 0, &name_dir, ret) : -ENOENT;
}

static int names_list(struct node *node, struct names *names)
{
	struct collection collection = { names, 0 };

	(void)node;
	entries_each_name(collect, &collection);
	return collection.r;
}

static const struct node_def names_dir = { .rows = node_no_rows, .find = names_find,
					   .list = names_list };

/* err/PID: who was refused may read why; not who had the same pid before, nor who has it later */

static uint64_t number_of(const struct refusal *refusal)
{
	return (uint64_t)refusal->uid << 32 | (uint32_t)refusal->pid;
}

static const struct refusal *find_refusal(const struct node *node)
{
	const struct refusal *refusal = refusal_find((pid_t)(uint32_t)node->number);

	return refusal && number_of(refusal) == node->number ? refusal : NULL;
}

static bool is_of_another(const struct node *node)
{
	return !find_refusal(node);
}

static int refusal_show(struct node *node, FILE *out)
{
	const struct refusal *refusal = find_refusal(node);
	const char *name = refusal ? IOReturnName((IOReturn)refusal->code) : NULL;

	if (!refusal)
		return 0;
	fprintf(out, "0x%08x%s%s\n", refusal->code, name ? " " : "", name ? name : "");
	if (*refusal->message)
		fprintf(out, "%s\n", refusal->message);
	return 0;
}

static const struct row refusal_row = ATTRIBUTE("", 0400, refusal_show, NULL);
static const struct node_def refusal_leaf = { .rows = node_no_rows, .leaf = &refusal_row };

static int refusals_find(struct node *node, const char *name, struct node **ret)
{
	const struct refusal *refusal;
	struct attributes own;
	uint64_t pid;
	int r;

	if (number_parse(name, strlen(name), &pid) < 0 || pid > INT32_MAX ||
	    !(refusal = refusal_find((pid_t)pid)))
		return -ENOENT;
	own = (struct attributes){ refusal->uid, node->own.gid, 0400 };
	r = node_new_passing(node, name, &refusal_leaf, &own, ret);
	if (r == 0)
		(*ret)->number = number_of(refusal);
	return r;
}

static void add_refusal(void *user, const struct refusal *refusal)
{
	struct collection *collection = user;
	char name[16];

	snprintf(name, sizeof(name), "%d", refusal->pid);
	if (collection->r == 0)
		collection->r = names_add(collection->names, name, S_IFREG);
}

static int refusals_list(struct node *node, struct names *names)
{
	struct collection collection = { names, 0 };

	(void)node;
	refusals_each(add_refusal, &collection);
	return collection.r;
}

static const struct node_def refusals_dir = { .rows = node_no_rows, .find = refusals_find,
					      .is_stale = is_of_another, .list = refusals_list };

/* The root's directories */

static const struct root_view {
	const char *name;
	const struct node_def *def;
} views[] = {
	{ "id", &ids_dir },
	{ "class", &classes_dir },
	{ "name", &names_dir },
	{ "err", &refusals_dir },
};

int root_find(struct node *node, const char *name, struct node **ret)
{
	struct attributes own = node->own;

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		int r;

		if (strcmp(views[i].name, name) != 0)
			continue;
		r = node_new(node, name, 0, views[i].def, &own, ret);
		if (r == 0)
			(*ret)->fixed = true;
		return r;
	}
	return -ENOENT;
}

int root_list(struct node *node, struct names *names)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(views) && r == 0; i++)
		if (!node_find(node, views[i].name))
			r = names_add(names, views[i].name, S_IFDIR);
	return r;
}

/* mkdir in the root: another plane, by who may administrate fsd. */
int root_make(struct node *node, const char *name, mode_t mode, const struct caller *caller)
{
	int r;

	(void)mode;
	if (caller->uid != 0 && caller->uid != geteuid())
		return -EPERM;
	r = registry_add_plane(node->object, name);
	return r == -EINVAL ? failure(-EPERM, "a plane's name has letters and digits, an upper-case "
				     "letter first, at most %d", PLANE_NAME_MAX) : r;
}

/* Another plane: directories named like its entries */

static struct plane *plane_of(const struct node *node)
{
	while (node->parent && node->parent->parent)
		node = node->parent;
	return node->parent ? plane_find(node->name, strlen(node->name)) : NULL;
}

static const struct row plane_rows[] = {
	{ "entry", S_IFLNK | 0777, .target = plane_entry_target },
	{ .name = NULL },
};
static const struct node_def plane_entry_dir = {
	.rows = plane_rows, .find = plane_find_child, .list = plane_list,
};

char *plane_entry_target(struct node *node)
{
	const struct entry *entry = node->object;
	_cleanup_(freep) char *way = way_up(node);

	return way ? text_print("%sid/0x%" PRIx64, way, entry->id) : NULL;
}

int plane_find_child(struct node *node, const char *name, struct node **ret)
{
	const struct entry_link *link = entry_find_link(node->object, plane_of(node), name);
	struct node *child = node_find(node, name);
	struct attributes own = node->own;
	int r;

	if (!link)
		return -ENOENT;
	if (child && child->lender != link->child->node)
		node_remove(child);
	r = node_new_passing(node, name, &plane_entry_dir, &own, ret);
	if (r == 0)
		node_lend(*ret, link->child->node);
	return r;
}

int plane_list(struct node *node, struct names *names)
{
	const struct entry *entry = node->object;
	const struct plane *plane = plane_of(node);
	const struct entry_link *link;
	int r = 0;

	list_for_each(link, &entry->children, of_parent)
		if (r == 0 && link->plane == plane)
			r = names_add(names, link->name, S_IFDIR);
	return r;
}
