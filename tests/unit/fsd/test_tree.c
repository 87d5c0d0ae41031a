/* SPDX-License-Identifier: MIT */
/* test_tree - nodes, rows and attribute files, without a mount */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "tree/attribute.h"

static int n_freed;
static char stored[64];

static void count_free(struct node *node)
{
	(void)node;
	n_freed++;
}

static int show(struct node *node, FILE *out)
{
	fprintf(out, "%s\n", node->name);
	return 0;
}

static int store(struct node *node, const char *text, size_t size)
{
	(void)node;
	if (size >= sizeof(stored))
		return -EINVAL;
	memcpy(stored, text, size);
	stored[size] = '\0';
	return 0;
}

static const struct row rows[] = {
	ATTRIBUTE("value", 0644, show, store),
	{ .name = "fifo", .mode = S_IFIFO | 0666 },
	{ .name = "write_only", .mode = S_IFREG | 0222 },
	{ .name = NULL },
};

static const char *const words[] = { "reserved", NULL };
static const struct node_def def = { .rows = rows, .reserved = words, .free = count_free };
static const struct attributes own = { 10, 20, 0755 };
static struct node *root;

static struct node *make(struct node *parent, const char *name)
{
	struct node *node = NULL;

	ck_assert_int_eq(node_new(parent, name, 0, &def, &own, &node), 0);
	return node;
}

static void make_root(void)
{
	root = make(NULL, "");
}

START_TEST(a_node_is_found_by_name_and_inode_until_it_is_removed)
{
	struct node *a = make(root, "a");
	uint64_t inode = node_inode(a, &rows[1]);
	const struct row *row = NULL;

	ck_assert_ptr_eq(node_find(root, "a"), a);
	ck_assert_ptr_eq(node_by_inode(inode, &row), a);
	ck_assert_ptr_eq(row, &rows[1]);
	node_remove(a);
	ck_assert_int_eq(n_freed, 1);
	ck_assert_ptr_null(node_find(root, "a"));
	ck_assert_ptr_null(node_by_inode(inode, &row));
}
END_TEST

START_TEST(an_inode_number_is_never_used_again)
{
	struct node *a = make(root, "a");
	uint64_t inode = node_inode(a, NULL);

	node_remove(a);
	for (int i = 0; i < 1000; i++) {
		a = make(root, "a");
		ck_assert_uint_gt(node_inode(a, NULL), inode);
		inode = node_inode(a, NULL);
		node_remove(a);
	}
}
END_TEST

START_TEST(the_root_is_inode_one)
{
	ck_assert_uint_eq(node_inode(root, NULL), 1);
}
END_TEST

START_TEST(a_row_past_the_last_is_no_inode)
{
	struct node *a = make(root, "a");
	const struct row *row;

	ck_assert_ptr_null(node_by_inode(node_inode(a, NULL) + ARRAY_SIZE(rows), &row));
}
END_TEST

START_TEST(a_removed_node_lives_as_long_as_its_references)
{
	struct node *a = node_ref(make(root, "a"));

	node_remove(a);
	ck_assert_int_eq(n_freed, 0);
	ck_assert_ptr_null(node_path(a));
	node_unref(a);
	ck_assert_int_eq(n_freed, 1);
}
END_TEST

START_TEST(two_children_have_two_names)
{
	struct node *other = NULL;

	make(root, "a");
	ck_assert_int_eq(node_new(root, "a", 0, &def, &own, &other), -EEXIST);
	ck_assert_uint_eq(root->n_children, 1);
}
END_TEST

START_TEST(rows_and_reserved_words_are_taken)
{
	ck_assert(node_name_is_taken(root, "value"));
	ck_assert(node_name_is_taken(root, "reserved"));
	ck_assert(!node_name_is_taken(root, "Value"));
}
END_TEST

START_TEST(a_name_is_up_to_255_bytes_without_a_slash)
{
	char name[258];

	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	ck_assert_int_eq(node_name_check(name), 0);
	name[255] = 'x';
	name[256] = '\0';
	ck_assert_int_eq(node_name_check(name), -ENAMETOOLONG);
	ck_assert_int_eq(node_name_check(""), -EINVAL);
	ck_assert_int_eq(node_name_check("."), -EINVAL);
	ck_assert_int_eq(node_name_check(".."), -EINVAL);
	ck_assert_int_eq(node_name_check("a/b"), -EINVAL);
	ck_assert_int_eq(node_name_check("..."), 0);
}
END_TEST

START_TEST(a_path_begins_below_the_root)
{
	struct node *a = make(root, "a"), *b = make(a, "b");
	char *path = node_path(b);

	ck_assert_str_eq(path, "a/b");
	free(path);
	path = node_path(a);
	ck_assert_str_eq(path, "a");
	free(path);
}
END_TEST

START_TEST(attributes_of_one_row_leave_the_others)
{
	struct node *a = make(root, "a");
	struct attributes changed = { 1, 2, 0600 };
	struct stat status;

	ck_assert_int_eq(node_keep_attributes(a, &rows[0], &changed), 0);
	node_stat(a, &rows[0], &status);
	ck_assert_uint_eq(status.st_mode, S_IFREG | 0600);
	ck_assert_uint_eq(status.st_uid, 1);
	node_stat(a, &rows[1], &status);
	ck_assert_uint_eq(status.st_mode, S_IFIFO | 0666);
	ck_assert_uint_eq(status.st_uid, 10);
	node_stat(a, NULL, &status);
	ck_assert_uint_eq(status.st_mode, S_IFDIR | 0755);
}
END_TEST

START_TEST(a_mode_of_all_files_keeps_their_directions)
{
	struct node *a = make(root, "a");

	a->files.mode = S_IFREG | 0640;
	ck_assert_uint_eq(node_attributes(a, &rows[0]).mode, 0640);
	ck_assert_uint_eq(node_attributes(a, &rows[1]).mode, 0640);
	ck_assert_uint_eq(node_attributes(a, &rows[2]).mode, 0200);
	a->files.mode = S_IFREG;
	ck_assert_uint_eq(node_attributes(a, &rows[0]).mode, 0);
}
END_TEST

START_TEST(a_directory_that_may_be_read_may_be_searched)
{
	ck_assert_uint_eq(node_directory_mode(0600), 0700);
	ck_assert_uint_eq(node_directory_mode(0640), 0750);
	ck_assert_uint_eq(node_directory_mode(01777), 01777);
	ck_assert_uint_eq(node_directory_mode(0), 0);
}
END_TEST

START_TEST(an_attribute_is_one_text_at_any_size_of_read)
{
	struct node *a = make(root, "name");
	struct file file = { .row = &rows[0], .node = a };
	char text[8] = "", c;

	for (off_t at = 0; at < 5; at++) {
		ck_assert_int_eq(attribute_ops.read(&file, &c, 1, at), 1);
		text[at] = c;
		free(a->name);		/* what changes meanwhile is not seen */
		a->name = strdup("other");
	}
	ck_assert_str_eq(text, "name\n");
	ck_assert_int_eq(attribute_ops.read(&file, &c, 1, 5), 0);
	ck_assert_int_eq(attribute_ops.read(&file, text, 8, 0), 6);
	attribute_ops.release(&file);
}
END_TEST

START_TEST(a_written_value_is_whole_or_refused)
{
	struct file file = { .row = &rows[0], .node = root };
	char large[ATTRIBUTE_MAX_VALUE + 1] = "";

	ck_assert_int_eq(attribute_ops.write(&file, "5\n", 2, 0, NULL), 2);
	ck_assert_str_eq(stored, "5\n");
	ck_assert_int_eq(attribute_ops.write(&file, large, sizeof(large), 0, NULL), -EMSGSIZE);
	ck_assert_int_eq(attribute_ops.write(&file, large, 100, 0, NULL), -EINVAL);
	ck_assert_str_eq(stored, "5\n");
}
END_TEST

START_TEST(a_passing_node_is_forgotten_when_there_are_many)
{
	struct node *folder = make(root, "folder"), *first, *again, *node;
	char name[16];

	ck_assert_int_eq(node_new_passing(folder, "first", &def, &own, &first), 0);
	ck_assert_int_eq(node_new_passing(folder, "first", &def, &own, &again), 0);
	ck_assert_ptr_eq(first, again);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(node_new_passing(folder, name, &def, &own, &node), 0);
	}
	ck_assert_ptr_null(node_find(folder, "first"));
	ck_assert_ptr_nonnull(node_find(folder, "4999"));
	node_remove(folder);			/* they go with it */
	ck_assert_int_eq(n_freed, 5002);
}
END_TEST

/* Each directory stands in one that may be forgotten, too. */
START_TEST(what_a_passing_node_stands_in_is_not_forgotten_for_it)
{
	struct node *folder = make(root, "folder"), *at = make(root, "chain"), *top, *node;
	char name[16];

	for (int depth = 0; depth < 5; depth++) {
		ck_assert_int_eq(node_new_passing(at, "d", &def, &own, &at), 0);
		top = depth == 0 ? at : top;
	}
	for (int i = 0; i < 4096 - 5; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(node_new_passing(folder, name, &def, &own, &node), 0);
	}
	ck_assert_int_eq(node_new_passing(at, "new", &def, &own, &node), 0);
	ck_assert_ptr_eq(node->parent, at);
	ck_assert_ptr_eq(node_find(top->parent, "d"), top);
	ck_assert_ptr_null(node_find(folder, "0"));
	for (int i = 0; i < 5000; i++)		/* more in a line than may be there */
		ck_assert_int_eq(node_new_passing(node, "d", &def, &own, &node), 0);
	ck_assert_ptr_nonnull(node_find(node->parent, "d"));
}
END_TEST

START_TEST(a_part_keeps_the_whole_whose_object_it_has)
{
	struct node *whole = make(root, "whole"), *part = make(whole, "part");
	const struct row *row;
	int object;

	whole->object = &object;
	node_lend(part, whole);
	ck_assert_ptr_eq(part->object, &object);
	node_ref(part);
	node_remove_all(whole);
	ck_assert_ptr_eq(node_removed_by_inode(node_inode(part, NULL), &row), part);
	ck_assert_int_eq(n_freed, 0);
	node_unref(part);
	ck_assert_int_eq(n_freed, 1);		/* the whole; a part's object is not its own */
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, make_root, NULL);
	tcase_add_test(tests, a_node_is_found_by_name_and_inode_until_it_is_removed);
	tcase_add_test(tests, an_inode_number_is_never_used_again);
	tcase_add_test(tests, the_root_is_inode_one);
	tcase_add_test(tests, a_row_past_the_last_is_no_inode);
	tcase_add_test(tests, a_removed_node_lives_as_long_as_its_references);
	tcase_add_test(tests, two_children_have_two_names);
	tcase_add_test(tests, rows_and_reserved_words_are_taken);
	tcase_add_test(tests, a_name_is_up_to_255_bytes_without_a_slash);
	tcase_add_test(tests, a_path_begins_below_the_root);
	tcase_add_test(tests, attributes_of_one_row_leave_the_others);
	tcase_add_test(tests, a_mode_of_all_files_keeps_their_directions);
	tcase_add_test(tests, a_directory_that_may_be_read_may_be_searched);
	tcase_add_test(tests, an_attribute_is_one_text_at_any_size_of_read);
	tcase_add_test(tests, a_written_value_is_whole_or_refused);
	tcase_add_test(tests, a_passing_node_is_forgotten_when_there_are_many);
	tcase_add_test(tests, what_a_passing_node_stands_in_is_not_forgotten_for_it);
	tcase_add_test(tests, a_part_keeps_the_whole_whose_object_it_has);
}
