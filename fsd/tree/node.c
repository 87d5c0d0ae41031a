/* SPDX-License-Identifier: MIT */
/*
 * Two indexes over all nodes, balanced trees of the C library: by id, and by
 * (parent, name). So nothing here grows slower with many nodes but by a
 * logarithm.
 */
#include <errno.h>
#include <search.h>
#include <string.h>

#include "tree/node.h"

/*
 * Of an inode number: which row, what tells one number for it from another, and the id. What
 * differs must be low: the kernel finds inodes by a hash that hardly looks at the upper bits.
 */
#define ROW_BITS	6	/* so a kind has 63 rows at most */
#define OTHER_BITS	16

#define MAX_PASSING	4096u

const struct row node_no_rows[] = { { .name = NULL } };

bool tree_memory_is_linked;
void (*tree_on_change)(struct waits *waits);

static struct list passing = LIST_INIT(passing);
static unsigned n_passing;

static void *by_id, *by_name;	/* tsearch(3)'s */
static void *removed_by_id;	/* those that somebody holds open */
static uint64_t last_id;

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_ids(const void *a, const void *b)
{
	return compare_numbers(((const struct node *)a)->id, ((const struct node *)b)->id);
}

static int compare_names(const void *a, const void *b)
{
	const struct node *one = a, *other = b;
	int order = compare_numbers((uintptr_t)one->parent, (uintptr_t)other->parent);

	return order ? order : strcmp(one->name, other->name);
}

static struct node *find(void *const *index, const struct node *key,
			 int (*compare)(const void *, const void *))
{
	void *found = tfind(key, index, compare);

	return found ? *(struct node **)found : NULL;
}

struct node *node_by_id(uint64_t id)
{
	return find(&by_id, &(struct node){ .id = id }, compare_ids);
}

struct node *node_find(const struct node *parent, const char *name)
{
	/* A key is only looked at. */
	union { const char *in; char *out; } text = { .in = name };
	union { const struct node *in; struct node *out; } above = { .in = parent };

	return find(&by_name, &(struct node){ .parent = above.out, .name = text.out },
		    compare_names);
}

unsigned node_n_rows(const struct node *node)
{
	unsigned n = 0;

	while (node->def->rows[n].name)
		n++;
	return n;
}

const struct row *node_row(const struct node *node, const char *name)
{
	for (const struct row *row = node->def->rows; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

int node_name_check(const char *name)
{
	if (strlen(name) > NODE_NAME_MAX)
		return -ENAMETOOLONG;
	if (*name == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	return 0;
}

bool node_name_is_taken(const struct node *node, const char *name)
{
	if (node_row(node, name))
		return true;
	for (const char *const *word = node->def->reserved; word && *word; word++)
		if (strcmp(*word, name) == 0)
			return true;
	return false;
}

/* Into both indexes, or into none. */
static int index_node(struct node *node)
{
	if (!tsearch(node, &by_id, compare_ids))
		return -ENOMEM;
	if (!tsearch(node, &by_name, compare_names)) {
		tdelete(node, &by_id, compare_ids);
		return -ENOMEM;
	}
	return 0;
}

static void unindex_node(struct node *node)
{
	tdelete(node, &by_id, compare_ids);
	tdelete(node, &by_name, compare_names);
}

uint64_t node_last_id(void)
{
	return last_id;
}

void node_ids_above(uint64_t id)
{
	if (id > last_id)
		last_id = id;
}

int node_new(struct node *parent, const char *name, uint64_t id, const struct node_def *def,
	     const struct attributes *own, struct node **ret)
{
	struct node *node;
	int r = parent ? node_name_check(name) : 0;

	if (r < 0)
		return r;
	if (parent && node_find(parent, name))
		return -EEXIST;
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	*node = (struct node){
		.id = parent && id == 0 ? ++last_id : id,
		.n_refs = 1,
		.name = strdup(name),
		.parent = parent,
		.def = def,
		.own = *own,
		.files = { .uid = own->uid, .gid = own->gid },
	};
	clock_gettime(CLOCK_REALTIME, &node->made);
	list_init(&node->children);
	list_init(&node->siblings);
	list_init(&node->passing);
	waits_init(&node->waits);
	r = node->name ? index_node(node) : -ENOMEM;
	if (r < 0) {
		free(node->name);
		free(node);
		return r;
	}
	if (parent) {
		list_append(&parent->children, &node->siblings);
		parent->n_children++;
		parent->n_directories += !def->leaf;
	}
	*ret = node;
	return 0;
}

void node_rename(struct node *node, unsigned number)
{
	char *name = text_print("%u", number);

	if (!name)
		return;
	tdelete(node, &by_name, compare_names);
	free(node->name);
	node->name = name;
	tsearch(node, &by_name, compare_names);	/* in the place that was just freed */
}

static bool is_passing(const struct node *node)
{
	return !list_is_empty(&node->passing);
}

void node_remove(struct node *node)
{
	struct node *child;

	list_for_each(child, &node->children, siblings)
		if (is_passing(child))
			node_remove(child);
	if (is_passing(node)) {
		list_remove(&node->passing);
		n_passing--;
	}
	unindex_node(node);
	node->is_removed = node->n_refs > 1 && tsearch(node, &removed_by_id, compare_ids);
	if (node->parent) {
		list_remove(&node->siblings);
		node->parent->n_children--;
		node->parent->n_directories -= !node->def->leaf;
		node->parent = NULL;
	}
	node_unref(node);
}

void node_remove_all(struct node *node)
{
	struct node *child;

	list_for_each(child, &node->children, siblings)
		node_remove_all(child);
	node_remove(node);
}

static bool is_within(const struct node *node, const struct node *directory)
{
	while (node && node != directory)
		node = node->parent;
	return node;
}

/* The oldest goes; who holds it open keeps it, who has but its number looks it up again. */
static void forget_oldest(const struct node *parent)
{
	struct node *node = container_of(passing.next, struct node, passing);
	struct node *child;

	if (is_within(parent, node))
		return;
	list_for_each(child, &node->children, siblings)
		if (!is_passing(child))
			return;
	node_remove(node);
}

int node_new_passing(struct node *parent, const char *name, const struct node_def *def,
		     const struct attributes *own, struct node **ret)
{
	int r;

	*ret = node_find(parent, name);
	if (*ret)
		return 0;
	/* What it stands in is not the oldest any more. */
	for (struct node *above = parent; above && is_passing(above); above = above->parent) {
		list_remove(&above->passing);
		list_append(&passing, &above->passing);
	}
	if (n_passing >= MAX_PASSING)
		forget_oldest(parent);
	r = node_new(parent, name, 0, def, own, ret);
	if (r < 0)
		return r;
	list_append(&passing, &(*ret)->passing);
	n_passing++;
	return 0;
}

int node_new_leaf(struct node *parent, const char *name, const struct node_def *def,
		  const struct attributes *own, uint64_t number, struct node **ret)
{
	int r = node_new_passing(parent, name, def, own, ret);

	if (r == 0) {
		node_lend(*ret, parent);
		(*ret)->number = number;
	}
	return r;
}

int node_new_part(struct node *parent, const char *name, uint64_t id, const struct node_def *def,
		  const struct attributes *own, struct node **ret)
{
	int r = node_new(parent, name, id, def, own, ret);

	if (r == 0) {
		node_lend(*ret, parent);
		(*ret)->fixed = true;
	}
	return r;
}

int names_add(struct names *names, const char *name, mode_t type)
{
	if (names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 16;
		struct name *longer = reallocarray(names->names, room, sizeof(*longer));

		if (!longer)
			return -ENOMEM;
		names->names = longer;
		names->room = room;
	}
	names->names[names->n] = (struct name){ strdup(name), type };
	if (!names->names[names->n].name)
		return -ENOMEM;
	names->n++;
	return 0;
}

size_t names_size(const struct names *names)
{
	size_t size = names->room * sizeof(*names->names);

	for (size_t i = 0; i < names->n; i++)
		size += strlen(names->names[i].name) + 1;
	return size;
}

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->names[i].name);
	free(names->names);
	*names = (struct names){ 0 };
}

void node_lend(struct node *node, struct node *whole)
{
	if (whole->lender)
		whole = whole->lender;
	if (node->lender)
		return;
	node->lender = node_ref(whole);
	node->object = whole->object;
}

struct node *node_ref(struct node *node)
{
	node->n_refs++;
	return node;
}

struct node *node_unref(struct node *node)
{
	if (node && --node->n_refs == 0) {
		if (node->is_removed)
			tdelete(node, &removed_by_id, compare_ids);
		if (node->def->free && !node->lender)
			node->def->free(node);
		node_unref(node->lender);
		free(node->rows);
		free(node->name);
		free(node);
	}
	return NULL;
}

/* A row's bits less those the node withholds: what mode 0660 of a queue means for `dequeue`. */
static struct attributes default_attributes(const struct node *node, const struct row *row)
{
	mode_t mode = row->mode & 0777;

	if (node->files.mode) {	/* given, with a file type beside it */
		mode_t directions = (mode & 0444 ? 0444 : 0) | (mode & 0222 ? 0222 : 0);

		mode = directions & node->files.mode & 0777;
	}
	return (struct attributes){ node->files.uid, node->files.gid, mode };
}

struct attributes node_attributes(const struct node *node, const struct row *row)
{
	if (!row || node->def->leaf)
		return node->own;
	if (node->rows)
		return node->rows[row - node->def->rows];
	return default_attributes(node, row);
}

mode_t node_directory_mode(mode_t mode)
{
	return mode | (mode & 0444) >> 2;
}

int node_keep_attributes(struct node *node, const struct row *row,
			 const struct attributes *attributes)
{
	if (!row || node->def->leaf) {
		node->own = *attributes;
		return 0;
	}
	if (!node->rows) {
		unsigned n = node_n_rows(node);
		struct attributes *rows = calloc(n, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		for (unsigned i = 0; i < n; i++)
			rows[i] = default_attributes(node, &node->def->rows[i]);
		node->rows = rows;
	}
	node->rows[row - node->def->rows] = *attributes;
	return 0;
}

static mode_t row_type(const struct row *row)
{
	if (row->memory && tree_memory_is_linked)
		return S_IFLNK;
	return row->mode & S_IFMT;
}

void node_stat(struct node *node, const struct row *row, struct stat *ret)
{
	struct attributes attributes = node->def->attributes ? node->def->attributes(node, row)
							      : node_attributes(node, row);
	mode_t type = row ? row_type(row) : S_IFDIR;

	*ret = (struct stat){
		.st_ino = node_inode(node, row),
		.st_mode = type | (type == S_IFLNK ? 0777 : attributes.mode),
		.st_nlink = row ? 1 : 2 + node->n_directories,
		.st_uid = attributes.uid,
		.st_gid = attributes.gid,
		.st_size = row && row->size ? (off_t)row->size(node) : 0,
		.st_blksize = 4096,
		.st_atim = node->made,
		.st_mtim = node->made,
		.st_ctim = node->made,
	};
	ret->st_blocks = ret->st_size / 512 + (ret->st_size % 512 != 0);
}

char *node_path(const struct node *node)
{
	_cleanup_(freep) char *path = strdup(node->name);

	while (path && node->parent && node->parent->parent) {
		_cleanup_(freep) char *below = path;

		node = node->parent;
		path = text_print("%s/%s", node->name, below);
	}
	return node->parent ? steal(path) : NULL;
}

void waits_changed(struct waits *waits)
{
	if (list_is_empty(&waits->parked) && list_is_empty(&waits->pollers))
		return;
	if (tree_on_change)
		tree_on_change(waits);
}

void node_changed(struct node *node)
{
	node_ref(node);
	waits_changed(&node->waits);
	node_unref(node);
}

uint64_t node_inode(const struct node *node, const struct row *row)
{
	uint64_t index = row && row != node->def->leaf ? (uint64_t)(row - node->def->rows) + 1 : 0;

	return (node->id << (OTHER_BITS + ROW_BITS) | index) + 1;
}

uint64_t node_other_inode(const struct node *node, const struct row *row)
{
	static uint16_t n;

	return node_inode(node, row) + ((uint64_t)++n << ROW_BITS);
}

static struct node *find_by_inode(void *const *index_by_id, uint64_t inode,
				  const struct row **ret_row)
{
	uint64_t number = inode - 1;
	uint64_t index = number & ((1u << ROW_BITS) - 1);
	struct node *node = find(index_by_id,
				 &(struct node){ .id = number >> (OTHER_BITS + ROW_BITS) },
				 compare_ids);

	if (!node || index > node_n_rows(node))
		return NULL;
	*ret_row = index ? &node->def->rows[index - 1] : node->def->leaf;
	return node;
}

struct node *node_by_inode(uint64_t inode, const struct row **ret_row)
{
	return find_by_inode(&by_id, inode, ret_row);
}

struct node *node_removed_by_inode(uint64_t inode, const struct row **ret_row)
{
	return find_by_inode(&removed_by_id, inode, ret_row);
}
