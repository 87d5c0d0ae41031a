/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "control/status.h"
#include "files/files.h"

static const char readme[] =
	"fsd: queues as files. Data go from process to process through shared memory;\n"
	"these files name it, guard it and show it. Try, in this directory:\n"
	"\n"
	"  mkdir queues/q                 make a queue\n"
	"  echo hello > queues/q/enqueue  one write is one entry\n"
	"  cat queues/q/entries           how many there are\n"
	"  cat queues/q/peek              look at the next\n"
	"  head -n 1 queues/q/dequeue     one read takes one entry\n"
	"  rmdir queues/q                 remove the queue\n"
	"\n"
	"In a queue, for programs (the format of the memory: docs/ring.md):\n"
	"\n"
	"  data, consumer                 mmap; open for writing takes the role of\n"
	"                                 producer (data) or consumer\n"
	"  notify, serviced               poll: data, or space, are available\n"
	"\n"
	"and for people:\n"
	"\n"
	"  capacity, max_entry            bytes; write to change, while empty and unused\n"
	"  entries, used, free, stats     what is in it, and what went through\n"
	"  producer_pid, consumer_pid     who holds the roles\n"
	"  reset                          write 1: empty and mend it\n"
	"\n"
	"Services are directories below IOService; each has its own queues. The file\n"
	"status says how this fsd runs. Manual pages: fsd(8), fsd(5).\n";

int readme_show(struct node *node, FILE *out)
{
	(void)node;
	fputs(readme, out);
	return 0;
}

int version_show(struct node *node, FILE *out)
{
	(void)node;
	fprintf(out, "fsd %s\n", FSD_VERSION);
	return 0;
}

int status_show(struct node *node, FILE *out)
{
	return status_write(node->object, out);
}

char *queues_target(struct node *node)
{
	(void)node;
	return strdup("IOService/IOResources/queues");
}
