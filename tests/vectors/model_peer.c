/* SPDX-License-Identifier: MIT */
/*
 * model_peer - a queue's files, with ring_model.py as the other process
 *
 * One implementation in C and one in Python, written from the same text, on the
 * same two files: what one enqueues the other dequeues, and at the end the model
 * checks every invariant of the memory.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>

#define N_ROUNDS	5	/* each starts the model once or more */

static const char *model;
static char queue_path[64];
static unsigned n_tests, n_failed;

/* What the test itself needs, without which it says nothing. */
static void need(bool good)
{
	if (!good)
		abort();
}

static void report(bool good, const char *name)
{
	n_failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++n_tests, name);
}

/*
 * Run the model's @command with @text as its input (or none), and keep what it
 * prints. Return: its exit status.
 */
static int run_model(const char *command, const char *text, char *output, size_t n_output)
{
	int in[2], out[2], status;
	ssize_t n, got = 0;
	pid_t child;

	need(pipe(in) == 0 && pipe(out) == 0);
	fflush(stdout);
	child = fork();
	need(child >= 0);
	if (child == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		for (int i = 0; i < 2; i++) {
			close(in[i]);
			close(out[i]);
		}
		execlp("python3", "python3", model, queue_path, command,
		       strcmp(command, "create") == 0 ? text : NULL, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (text && strcmp(command, "create") != 0)
		need(write(in[1], text, strlen(text)) == (ssize_t)strlen(text));
	close(in[1]);
	while ((n = read(out[0], output + got, n_output - 1 - (size_t)got)) > 0)
		got += n;
	output[got] = '\0';
	close(out[0]);
	need(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The text of the i-th entry, of a length that varies. */
static const char *text_of(unsigned i)
{
	static char text[700];
	unsigned n = i * 97 % 600;

	snprintf(text, sizeof(text), "entry %u %0*u", i, (int)n, i);
	return text;
}

static void c_to_model(void)
{
	IODataQueueMemory *queue = IODataQueueOpen(queue_path, kIODataQueueProducer);
	char output[1024];
	bool good = queue != NULL;

	for (unsigned i = 0; good && i < N_ROUNDS; i++) {
		const char *text = text_of(i);
		char copy[700];

		strcpy(copy, text);
		good = IODataQueueEnqueue(queue, copy, (UInt32)strlen(copy)) == kIOReturnSuccess &&
		       run_model("peek", NULL, output, sizeof(output)) == 0 &&
		       strcmp(output, text) == 0 &&
		       run_model("dequeue", NULL, output, sizeof(output)) == 0 &&
		       strcmp(output, text) == 0;
	}
	report(good, "the model takes every entry that we put, and it is the same");
	report(run_model("dequeue", NULL, output, sizeof(output)) != 0,
	       "the model finds nothing more");
	IODataQueueClose(queue);
}

static bool take_next(IODataQueueMemory *queue, const char *text)
{
	char bytes[1024];
	UInt32 size = sizeof(bytes);

	return IODataQueueDequeue(queue, bytes, &size) == kIOReturnSuccess &&
	       size == strlen(text) && memcmp(bytes, text, size) == 0;
}

static void model_to_c(void)
{
	IODataQueueMemory *queue = IODataQueueOpen(queue_path, kIODataQueueConsumer);
	int port = IODataQueueAllocateNotificationPort();
	struct pollfd told = { .fd = port, .events = POLLIN };
	bool good = queue && IODataQueueSetNotificationPort(queue, port) == kIOReturnSuccess;
	bool rung = true;
	char output[1024];

	for (unsigned i = 0; good && i < N_ROUNDS; i++) {
		good = run_model("enqueue", text_of(i), output, sizeof(output)) == 0;
		rung &= poll(&told, 1, 5000) == 1;
		good = good && take_next(queue, text_of(i)) &&
		       IODataQueueDequeue(queue, NULL, NULL) == kIOReturnUnderrun;
	}
	report(good, "we take every entry that the model puts, and it is the same");
	report(rung, "the model's ring makes the port readable each time");
	IODataQueueClose(queue);
	close(port);
}

/* Several entries at once, with a gap in between, from either side. */
static void rows_of_entries(void)
{
	IODataQueueMemory *queue = IODataQueueOpen(queue_path, kIODataQueueProducer);
	char output[1024], copy[700];
	bool good = queue != NULL;
	unsigned n = 0, i;

	for (; good && n < 100; n++) {
		strcpy(copy, text_of(n));
		if (IODataQueueEnqueue(queue, copy, (UInt32)strlen(copy)) != kIOReturnSuccess)
			break;
	}
	good = good && n > 3 && n < 100;
	for (i = 0; good && i < n; i++)
		good = run_model("dequeue", NULL, output, sizeof(output)) == 0 &&
		       strcmp(output, text_of(i)) == 0;
	report(good, "a queue filled by us is emptied by the model, in order");
	IODataQueueClose(queue);

	for (n = 0; n < 100 && run_model("enqueue", text_of(n), output, sizeof(output)) == 0; n++)
		;
	queue = IODataQueueOpen(queue_path, kIODataQueueConsumer);
	good = queue && n > 3 && n < 100;
	for (i = 0; good && i < n; i++)
		good = take_next(queue, text_of(i));
	report(good, "a queue filled by the model is emptied by us, in order");
	IODataQueueClose(queue);
}

static void check_memory(void)
{
	char output[4096], copy[] = "left behind";
	IODataQueueMemory *queue = IODataQueueOpen(queue_path, kIODataQueueProducer);
	bool good = queue && IODataQueueEnqueue(queue, copy, 11) == kIOReturnSuccess;

	IODataQueueClose(queue);
	good = good && run_model("check", NULL, output, sizeof(output)) == 0 &&
	       strcmp(output, "nothing to report\n") == 0;
	report(good, "the model finds no invariant broken in what we left");
	if (!good)
		printf("# %s\n", output);
}

static void remove_queue(void)
{
	static const char *const names[] = { "data", "consumer", "notify", "serviced" };
	char path[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", queue_path, names[i]);
		unlink(path);
	}
	rmdir(queue_path);
	*strrchr(queue_path, '/') = '\0';
	rmdir(queue_path);
}

int main(int argc, char **argv)
{
	char output[1024];

	if (argc != 2) {
		fprintf(stderr, "usage: %s ring_model.py\n", argv[0]);
		return 2;
	}
	model = argv[1];
	strcpy(queue_path, "/tmp/model-XXXXXX");
	need(mkdtemp(queue_path));
	strcat(queue_path, "/queue");

	printf("1..7\n");
	if (run_model("create", "2048", output, sizeof(output)) != 0) {
		printf("Bail out! the model does not create a queue\n");
		return 1;
	}
	c_to_model();
	model_to_c();
	rows_of_entries();
	check_memory();
	remove_queue();
	return n_failed != 0;
}
