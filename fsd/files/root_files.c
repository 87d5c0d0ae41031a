/* SPDX-License-Identifier: MIT */
/*
 * The root: what this mount is and holds, and fsd's own settings.
 */
#include <errno.h>
#include <string.h>

#include "control/policy_text.h"
#include "control/status.h"
#include "files/files.h"
#include "util/failure.h"
#include "util/log.h"

static const char readme[] =
	"fsd: queues, streams and services as files. Data go from process to process through\n"
	"shared memory; these files name it, guard it and show it. Try, in this directory:\n"
	"\n"
	"  mkdir queues/q                  # make a queue\n"
	"  echo hello > queues/q/enqueue   # one write is one entry\n"
	"  cat queues/q/entries            # how many there are\n"
	"  cat queues/q/peek               # look at the next\n"
	"  head -n 1 queues/q/dequeue      # one read takes one entry\n"
	"  rmdir queues/q                  # remove the queue\n"
	"\n"
	"In a queue, for programs (the format of the memory: docs/ring.md):\n"
	"\n"
	"  data, consumer                  mmap; open for writing takes the role of\n"
	"                                  producer (data) or consumer\n"
	"  notify, serviced                poll: data, or space, are available\n"
	"\n"
	"and for people:\n"
	"\n"
	"  capacity, max_entry             bytes; write to change, while empty and unused\n"
	"  entries, used, free, stats      what is in it, and what went through\n"
	"  producer_pid, consumer_pid      who holds the roles\n"
	"  reset                           write 1: empty and mend it\n"
	"\n"
	"A stream passes buffers, such as the frames of a camera, from a driver to a client and\n"
	"back. Either end may be a shell:\n"
	"\n"
	"  mkdir streams/t                 # make a stream\n"
	"  mkdir streams/t/buffers/0       # with a buffer\n"
	"  seq 3 > streams/t/driver/io &   # be its driver: one write is one frame\n"
	"  cat streams/t/io                # be its client: open, start, read all\n"
	"  cat streams/t/stats/frames      # how many there were\n"
	"  rmdir streams/t                 # remove the stream\n"
	"\n"
	"In a stream:\n"
	"\n"
	"  io                              the client's: open it, and the stream is open\n"
	"  start, stop, suspend, drain     write 1; state says what came of it\n"
	"  buffers, output, input          memory to mmap, or lines to read and write\n"
	"  stats                           what went through, was lost, was wrong\n"
	"  driver                          the other end\n"
	"\n"
	"Services are directories below IOService; each has its own queues and streams. To be a\n"
	"service's driver is to have its file driver open. In one shell:\n"
	"\n"
	"  S=IOService/S; mkdir $S         # make one\n"
	"  echo 'Mark 2' > $S/prop/Model   # what it says of itself\n"
	"  exec 3<>$S/driver               # be its driver: read requests, write answers\n"
	"  echo register > $S/ctl          # let others find it\n"
	"\n"
	"and, here or in another shell:\n"
	"\n"
	"  exec 6<>match                   # find services\n"
	"  echo '{\"IONameMatch\":\"S\"}' >&6; cat <&6\n"
	"  exec 5<>IOService/S/clone       # open it: a connection\n"
	"  read -r n <&5; ls IOService/S/clients/$n\n"
	"  ls id class name                # all there are, by id, class and name\n"
	"  cat err/$$                      # why this shell was refused something\n"
	"  exec 5<&- 6<&- 3<&-             # the connection ends, and with its driver the service\n"
	"\n"
	"The file status says how this fsd runs. Manual pages: fsd(8), fsd(5), fsd-stream(5),\n"
	"fsd-driver(5); the command ioreg shows all services.\n";

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

char *streams_target(struct node *node)
{
	(void)node;
	return strdup("IOService/IOResources/streams");
}

int root_busy_show(struct node *node, FILE *out)
{
	const struct registry *registry = node->object;

	return entry_busy_show(registry->plane->node, out);
}

int root_busy_time_show(struct node *node, FILE *out)
{
	const struct registry *registry = node->object;

	return entry_busy_time_show(registry->plane->node, out);
}

/* console */

static int console_unit(struct session *session, char *text, size_t size,
			const struct caller *caller)
{
	struct registry *registry = session_node_object(session);
	json_auto_t *users = NULL;
	char problem[200];
	int r = json_text_parse(text, size, &users, problem, sizeof(problem));

	(void)caller;
	if (r == -EINVAL)
		return failure(r, "no JSON: %s", problem);
	return r < 0 ? r : policy_set_console(registry->policy, users);
}

static int show_json(const json_t *value, FILE *out)
{
	_cleanup_(freep) char *text = value ? json_text_print(value, false) : NULL;

	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	return 0;
}

static int console_show(struct session *session, FILE *out)
{
	struct registry *registry = session_node_object(session);
	json_auto_t *users = policy_console(registry->policy);

	return show_json(users, out);
}

const struct session_kind console_document = {
	.units = UNITS_JSON, .unit = console_unit, .show = console_show,
};

/* policy */

static int policy_show(struct session *session, FILE *out)
{
	const struct registry *registry = session_node_object(session);

	return show_json(registry->policy->document, out);
}

const struct session_kind policy_document = { .show = policy_show };

/* ctl */

static int set_log_level(const char *word)
{
	static const struct { const char *word; int level; } levels[] = {
		{ "error", LOG_ERR }, { "warning", LOG_WARNING },
		{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].word, word) == 0) {
			log_set_level(levels[i].level);
			return 0;
		}
	}
	return failure(-EINVAL, "log takes error, warning, info or debug");
}

static int root_control_unit(struct session *session, char *text, size_t size,
			     const struct caller *caller)
{
	struct registry *registry = session_node_object(session);
	int r;

	(void)caller;
	if (strlen(text) != size)
		return failure(-EINVAL, "a NUL in a line");
	if (strcmp(text, "reload") == 0)
		return registry->reload(registry);
	if (strncmp(text, "log ", 4) == 0)
		return set_log_level(text + 4);
	if (strncmp(text, "plane ", 6) == 0) {
		r = registry_add_plane(registry, text + 6);
		return r == -EINVAL ? failure(r, "a plane's name has letters and digits, an upper-case "
					      "letter first, at most %d", PLANE_NAME_MAX) : r;
	}
	return failure(-EINVAL, "unknown; there are reload, plane NAME, log LEVEL");
}

const struct session_kind root_control = { .units = UNITS_LINES, .unit = root_control_unit };
