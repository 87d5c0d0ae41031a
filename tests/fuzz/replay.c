/* SPDX-License-Identifier: MIT */
/*
 * replay - run a fuzz target on the files of a folder, a test each
 *
 *	TARGET FOLDER
 *
 * Linked in place of libFuzzer. A file that fails ends it.
 */
#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define N_INPUT		65536	/* bytes; libFuzzer's inputs are much shorter */

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The bytes in memory of just that length: a step past them is seen. */
static void run_file(const char *folder, const char *name)
{
	static uint8_t bytes[N_INPUT];
	char path[4096];
	uint8_t *copy;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		err(1, "%s", path);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);

	copy = malloc(n ? n : 1);
	if (!copy)
		err(1, "malloc");
	memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n;

	if (argc != 2)
		errx(2, "usage: %s FOLDER", argv[0]);
	n = scandir(argv[1], &entries, is_input, alphasort);
	if (n < 0)
		err(1, "%s", argv[1]);

	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		fflush(stdout);
		alarm(60);
		run_file(argv[1], entries[i]->d_name);
		printf("ok %d - %s\n", i + 1, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}
