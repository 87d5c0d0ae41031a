/* SPDX-License-Identifier: MIT */
/*
 * main - what a unit test program has besides its cases
 *
 * Include it first, and define add_tests(). The cases run in processes of their
 * own (libcheck's fork mode), and the results come out as TAP.
 */
#pragma once

#include <check.h>
#include <stdlib.h>

static void add_tests(TCase *tests);

int main(void)
{
	Suite *suite = suite_create("unit");
	TCase *tests = tcase_create("tests");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tests, 60);
	add_tests(tests);
	suite_add_tcase(suite, tests);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
