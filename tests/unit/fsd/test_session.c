/* SPDX-License-Identifier: MIT */
/* test_session - units in, lines out, of an open file that nobody opened through a mount */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "files/session.h"
#include "main.h"
#include "util/failure.h"

static char units[1 << 16];		/* what was executed: each in brackets */
static int answer;			/* of the next unit */
static bool is_done;			/* a unit that waits */
static int n_abandoned, n_closed;

static int keep_unit(struct session *session, char *text, size_t size, const struct caller *caller)
{
	(void)session;
	(void)caller;
	if (!text)
		return is_done ? answer : FILE_WAIT_ALWAYS;
	ck_assert_int_eq(text[size], 0);
	if (answer == 0 || answer == FILE_WAIT_ALWAYS)
		snprintf(units + strlen(units), sizeof(units) - strlen(units), "[%s]", text);
	return answer;
}

static void count_abandoned(struct session *session)
{
	(void)session;
	n_abandoned++;
}

static void count_closed(struct session *session)
{
	(void)session;
	n_closed++;
}

static int wait_for_lines(struct session *session)
{
	(void)session;
	return FILE_WAIT;
}

static int show_text(struct session *session, FILE *out)
{
	(void)session;
	fputs("the document\n", out);
	return 0;
}

static const struct session_kind lines_kind = {
	.units = UNITS_LINES, .unit = keep_unit, .nothing = wait_for_lines,
	.abandon = count_abandoned, .close = count_closed,
};
static const struct session_kind json_kind = { .units = UNITS_JSON, .unit = keep_unit };
static const struct session_kind value_kind = { .units = UNITS_VALUE, .unit = keep_unit };
static const struct session_kind document_kind = {
	.units = UNITS_JSON, .unit = keep_unit, .show = show_text,
};

static const struct row rows[] = {
	SESSION("lines", 0666, lines_kind),
	SESSION("json", 0666, json_kind),
	DOCUMENT("value", 0666, value_kind),
	DOCUMENT("document", 0666, document_kind),
	{ .name = NULL },
};
static const struct node_def def = { .rows = rows };
static const struct caller caller = { 1000, 1000, 1 };
static struct node *root;

static void make_root(void)
{
	static const struct attributes own = { 0, 0, 0755 };

	ck_assert_int_eq(node_new(NULL, "", 0, &def, &own, &root), 0);
}

static void open_row(struct file *file, const char *name)
{
	*file = (struct file){ .row = node_row(root, name), .node = root };
	waits_init(&file->own);
	list_init(&file->pollers);
	ck_assert_int_eq(file->row->ops->open(file, &caller), 0);
}

static void close_file(struct file *file)
{
	file->row->ops->release(file);
}

static ssize_t put(struct file *file, const char *text)
{
	return file->row->ops->write(file, text, strlen(text), 0, &caller);
}

static void got(const char *wanted)
{
	ck_assert_str_eq(units, wanted);
	*units = '\0';
}

START_TEST(a_line_ends_at_its_newline_however_it_is_cut)
{
	struct file file;

	open_row(&file, "lines");
	ck_assert_int_eq(put(&file, "one\ntwo\nthr"), 11);
	got("[one][two]");
	ck_assert_int_eq(file.row->ops->flush(&file), -EINVAL);
	ck_assert_int_eq(put(&file, "e"), 1);
	ck_assert_int_eq(put(&file, "e\n\n \n"), 5);
	got("[three]");
	ck_assert_int_eq(file.row->ops->flush(&file), 0);
	close_file(&file);
	ck_assert_int_eq(n_closed, 1);
}
END_TEST

START_TEST(a_value_ends_where_it_is_complete)
{
	static const char text[] = " {\"a\":[1,\"}\\\"\"]}\n[2] \"x\"7 ";
	struct file file;

	open_row(&file, "json");
	ck_assert_int_eq(put(&file, text), (int)strlen(text));
	got("[ {\"a\":[1,\"}\\\"\"]}][\n[2]][ \"x\"][7 ]");
	for (const char *c = text; *c; c++) {
		char piece[2] = { *c, '\0' };

		ck_assert_int_eq(put(&file, piece), 1);
	}
	ck_assert_str_ne(units, "");
	close_file(&file);
}
END_TEST

START_TEST(a_unit_that_is_refused_ends_the_write_before_it)
{
	struct file file;

	open_row(&file, "lines");
	answer = -EPERM;
	ck_assert_int_eq(put(&file, "no\nand no\n"), -EPERM);
	answer = 0;
	ck_assert_int_eq(put(&file, "fine\n"), 5);
	got("[fine]");
	close_file(&file);
}
END_TEST

START_TEST(more_than_a_document_is_refused_and_forgotten)
{
	size_t size = JSON_TEXT_MAX / 4;
	char *piece = malloc(size);
	struct file file;

	ck_assert_ptr_nonnull(piece);
	memset(piece, 'x', size);
	open_row(&file, "lines");
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(file.row->ops->write(&file, piece, size, 0, &caller), (int)size);
	ck_assert_int_eq(file.row->ops->write(&file, piece, 1, 0, &caller), -EMSGSIZE);
	ck_assert_int_eq(put(&file, "short\n"), 6);
	got("[short]");
	close_file(&file);
	free(piece);
}
END_TEST

START_TEST(what_a_user_keeps_in_sessions_has_a_limit)
{
	struct file files[32];
	size_t size = JSON_TEXT_MAX - 1;
	char *text = malloc(size);
	int n_refused = 0;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', size);
	for (int i = 0; i < 32; i++) {
		open_row(&files[i], "lines");
		n_refused += files[i].row->ops->write(&files[i], text, size, 0, &caller) == -ENOMEM;
	}
	ck_assert_int_gt(n_refused, 8);
	for (int i = 0; i < 32; i++)
		close_file(&files[i]);
	open_row(&files[0], "lines");		/* all is given back */
	ck_assert_int_eq(files[0].row->ops->write(&files[0], text, size, 0, &caller), (int)size);
	close_file(&files[0]);
	free(text);
}
END_TEST

START_TEST(a_value_of_plain_words_is_one_write)
{
	struct file file;

	open_row(&file, "value");
	ck_assert_int_eq(put(&file, "plain words"), 11);
	got("[plain words]");
	ck_assert_int_eq(put(&file, "{\"a\":"), 5);
	got("");
	ck_assert_int_eq(put(&file, "1}"), 2);
	got("[{\"a\":1}]");
	close_file(&file);
}
END_TEST

START_TEST(a_write_waits_for_its_unit_and_goes_on_behind_it)
{
	struct file file;

	open_row(&file, "lines");
	answer = FILE_WAIT_ALWAYS;
	is_done = false;
	ck_assert_int_eq(put(&file, "slow\nquick\n"), FILE_WAIT_ALWAYS);
	ck_assert_int_eq(put(&file, "slow\nquick\n"),
			 FILE_WAIT_ALWAYS);	/* as fuse/ repeats it */
	got("[slow]");
	answer = 0;
	is_done = true;
	ck_assert_int_eq(put(&file, "slow\nquick\n"), 11);
	got("[quick]");
	answer = FILE_WAIT_ALWAYS;
	is_done = false;
	ck_assert_int_eq(put(&file, "gone\n"), FILE_WAIT_ALWAYS);
	file.row->ops->interrupted(&file);
	ck_assert_int_eq(n_abandoned, 1);
	answer = 0;
	ck_assert_int_eq(put(&file, "next\n"), 5);
	got("[gone][next]");
	close_file(&file);
}
END_TEST

START_TEST(lines_are_read_in_pieces_of_any_size)
{
	char text[16] = "";
	struct file file;

	open_row(&file, "lines");
	ck_assert_int_eq(file.row->ops->read(&file, text, 8, 0), FILE_WAIT);
	ck_assert_int_eq(file.row->ops->poll(&file), POLLOUT);
	ck_assert_int_eq(session_put(file.state, "ab"), 0);
	ck_assert_int_eq(session_put(file.state, "cd"), 0);
	ck_assert_int_eq(file.row->ops->poll(&file), POLLIN | POLLOUT);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(file.row->ops->read(&file, text + i, 1, 0), 1);
	ck_assert_str_eq(text, "ab\nc");
	ck_assert_int_eq(file.row->ops->read(&file, text, 16, 0), 2);
	ck_assert_int_eq(file.row->ops->read(&file, text, 16, 0), FILE_WAIT);
	close_file(&file);
}
END_TEST

START_TEST(a_document_is_shown_whole_and_again_from_its_start)
{
	char text[32] = "";
	struct file file;

	open_row(&file, "document");
	ck_assert_int_eq(file.row->ops->read(&file, text, 4, 0), 4);
	ck_assert_int_eq(file.row->ops->read(&file, text + 4, 28, 4), 9);
	ck_assert_str_eq(text, "the document\n");
	ck_assert_int_eq(file.row->ops->read(&file, text, 32, 13), 0);
	ck_assert_int_eq(file.row->ops->read(&file, text, 32, 0), 13);
	close_file(&file);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, make_root, NULL);
	tcase_add_test(tests, a_line_ends_at_its_newline_however_it_is_cut);
	tcase_add_test(tests, a_value_ends_where_it_is_complete);
	tcase_add_test(tests, a_unit_that_is_refused_ends_the_write_before_it);
	tcase_add_test(tests, more_than_a_document_is_refused_and_forgotten);
	tcase_add_test(tests, what_a_user_keeps_in_sessions_has_a_limit);
	tcase_add_test(tests, a_value_of_plain_words_is_one_write);
	tcase_add_test(tests, a_write_waits_for_its_unit_and_goes_on_behind_it);
	tcase_add_test(tests, lines_are_read_in_pieces_of_any_size);
	tcase_add_test(tests, a_document_is_shown_whole_and_again_from_its_start);
}
