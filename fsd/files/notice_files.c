/* SPDX-License-Identifier: MIT */
/*
 * Finding services, and being told of them: `match`, `watch`, `events`, `quiet`, of the whole
 * registry and of one service.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "files/files.h"
#include "service/matching.h"
#include "util/failure.h"

#define MAX_WAITING_LINES 1024u
#define MAX_WAITING_BYTES (1u << 20)

/*
 * A dictionary is held against each service there may be, and others wait: its bytes
 * times these are bounded. A small one always passes.
 */
#define SMALL_DICTIONARY	8192u
#define MAX_WORK		(1u << 28)

/* What a byte of its text takes, about, once it is read. */
#define BYTES_READ 8u

static int parse_object(const char *text, size_t size, uint64_t n_services, json_t **ret)
{
	char problem[200];
	int r = json_text_parse(text, size, ret, problem, sizeof(problem));

	if (r == -EINVAL)
		return failure(r, "no JSON: %s", problem);
	if (r == 0 && !json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return failure(-EINVAL, "a dictionary is wanted, as {\"IOProviderClass\":\"IOService\"}");
	}
	if (r == 0 && size > SMALL_DICTIONARY && size * (n_services + 1) > MAX_WORK) {
		json_decref(*ret);
		*ret = NULL;
		return failure(-EMSGSIZE, "with %" PRIu64 " services a dictionary has %" PRIu64 " bytes at most",
			       n_services, MAX_WORK / (n_services + 1));
	}
	return r;
}

/* match */

static int match_nothing(struct session *session)
{
	return session->object ? 0 : -ENODATA;
}

static int match_unit(struct session *session, char *text, size_t size,
		      const struct caller *caller)
{
	static char asked;
	const struct registry *registry = session_node_object(session);
	json_auto_t *dictionary = NULL;
	_cleanup_(freep) struct entry **found = NULL;
	int r = parse_object(text, size, registry->n_services, &dictionary);

	(void)caller;
	if (r < 0)
		return r;
	found = matching_find(dictionary, ENTRY_MATCHED);
	if (!found)
		return -ENOMEM;
	session_clear(session);
	session->object = &asked;
	for (struct entry **entry = found; *entry && r == 0; entry++)
		r = session_give(session, entry_path(*entry, &service_plane));
	return r;
}

const struct session_kind match_session = {
	.units = UNITS_JSON, .unit = match_unit, .nothing = match_nothing,
};

static int service_match_unit(struct session *session, char *text, size_t size,
			      const struct caller *caller)
{
	json_auto_t *dictionary = NULL;
	int r = parse_object(text, size, 1, &dictionary);

	(void)caller;
	if (r < 0)
		return r;
	session_clear(session);
	session->object = session;
	return session_put(session, matching_passes(session_node_object(session), dictionary) ? "1" : "0");
}

const struct session_kind service_match_session = {
	.units = UNITS_JSON, .unit = service_match_unit, .nothing = match_nothing,
};

/* Lines that nobody reads are not kept without end; how many were lost is told when one can be. */

struct losses {
	struct session *session;
	uint64_t n;
};

static void tell_losses(struct losses *losses)
{
	char text[48];

	if (losses->n == 0)
		return;
	snprintf(text, sizeof(text), "{\"lost\":%" PRIu64 "}", losses->n);
	if (session_put(losses->session, text) == 0)
		losses->n = 0;
}

/* @text is freed. */
static void put_or_lose(struct losses *losses, char *text)
{
	bool room = losses->session->n_lines < MAX_WAITING_LINES &&
		    losses->session->n_bytes < MAX_WAITING_BYTES;

	if (room)
		tell_losses(losses);
	if (!room || !text || session_put(losses->session, text) < 0)
		losses->n++;
	free(text);
}

/* watch, events */

struct watch {
	struct watcher watcher;
	struct losses losses;
	enum publication type;		/* N_PUBLICATIONS: all */
	struct matching *matching;	/* owned; NULL: all */
};

static char *publication_line(enum publication what, const struct entry *entry)
{
	_cleanup_(freep) char *path = entry_path(entry, &service_plane);
	json_auto_t *line = NULL;
	char id[24];

	snprintf(id, sizeof(id), "0x%" PRIx64, entry->id);
	line = path ? json_pack("{s:s, s:s, s:s, s:s}", "type", publication_name(what), "id", id,
				"path", path, "class", entry_class(entry)) : NULL;
	return line ? json_text_print(line, true) : NULL;
}

static void on_publication(struct watcher *watcher, enum publication what, struct service *service)
{
	struct watch *watch = container_of(watcher, struct watch, watcher);

	if (watch->type != N_PUBLICATIONS && watch->type != what)
		return;
	if (watch->matching && !matching_accepts(watch->matching, &service->entry))
		return;
	put_or_lose(&watch->losses, publication_line(what, &service->entry));
}

static int start_watch(struct session *session, enum publication type, const json_t *dictionary)
{
	struct registry *registry = session_node_object(session);
	struct watch *watch = calloc(1, sizeof(*watch));
	int r = !watch ? -ENOMEM : dictionary ? matching_new(dictionary, &watch->matching) : 0;

	if (r < 0) {
		free(watch);
		return r;
	}
	watch->watcher.published = on_publication;
	watch->losses.session = session;
	watch->type = type;
	list_append(&registry->watchers, &watch->watcher.link);
	session->object = watch;
	return 0;
}

static void watch_close(struct session *session)
{
	struct watch *watch = session->object;

	if (!watch)
		return;
	list_remove(&watch->watcher.link);
	matching_free(watch->matching);
	free(watch);
}

static int watch_nothing(struct session *session)
{
	struct watch *watch = session->object;

	if (watch)
		tell_losses(&watch->losses);
	return FILE_WAIT;
}

/* Losses are told once there is room for a line. */
static short watch_state(struct session *session)
{
	const struct watch *watch = session->object;

	return watch && watch->losses.n ? POLLIN : 0;
}

/* Which state a service must have to be told of at once; 0: none is. */
static uint32_t initial_state(enum publication type)
{
	static const uint32_t states[N_PUBLICATIONS] = {
		[PUBLISHED] = ENTRY_REGISTERED, [FIRST_PUBLISHED] = ENTRY_FIRST_PUBLISHED,
		[MATCHED] = ENTRY_MATCHED, [FIRST_MATCHED] = ENTRY_FIRST_MATCHED,
	};

	return states[type];
}

static int find_type(const char *name, enum publication *ret)
{
	for (int i = 0; name && i < N_PUBLICATIONS; i++) {
		if (strcmp(publication_name((enum publication)i), name) == 0) {
			*ret = (enum publication)i;
			return 0;
		}
	}
	return failure(-EOPNOTSUPP, "no type of notification; there are IOServicePublish, "
		       "IOServiceFirstPublish, IOServiceMatched, IOServiceFirstMatch, "
		       "IOServiceTerminate, IOServiceWillTerminate");
}

static int put_existing(struct session *session, enum publication type, const json_t *dictionary)
{
	struct watch *watch = session->object;
	_cleanup_(freep) struct entry **found = NULL;

	if (initial_state(type) == 0)
		return 0;
	found = matching_find(dictionary, initial_state(type));
	if (!found)
		return -ENOMEM;
	for (struct entry **entry = found; *entry; entry++)
		put_or_lose(&watch->losses, publication_line(type, *entry));
	return 0;
}

static int watch_unit(struct session *session, char *text, size_t size,
		      const struct caller *caller)
{
	const struct registry *registry = session_node_object(session);
	json_auto_t *request = NULL;
	const char *name = NULL;
	json_t *dictionary = NULL;
	enum publication type = N_PUBLICATIONS;
	int r = parse_object(text, size, registry->n_services, &request);

	(void)caller;
	if (r < 0)
		return r;
	if (session->object)
		return failure(-EBUSY, "one watch an open file; open it again for another");
	if (json_unpack(request, "{s:s, s:o !}", "type", &name, "match", &dictionary) < 0 ||
	    !json_is_object(dictionary))
		return failure(-EINVAL, "wanted is {\"type\":\"IOServiceMatched\",\"match\":{...}}");
	r = find_type(name, &type);
	if (r == 0)
		r = session_hold(session, size * BYTES_READ);
	if (r == 0)
		r = start_watch(session, type, dictionary);
	if (r == 0)
		r = put_existing(session, type, dictionary);
	return r < 0 ? r : session_put(session, "{\"armed\":true}");
}

const struct session_kind watch_session = {
	.units = UNITS_JSON, .unit = watch_unit, .nothing = watch_nothing, .state = watch_state,
	.close = watch_close,
};

static int events_open(struct session *session, const struct caller *caller)
{
	(void)caller;
	return start_watch(session, N_PUBLICATIONS, NULL);
}

const struct session_kind events_session = {
	.open = events_open, .nothing = watch_nothing, .state = watch_state, .close = watch_close,
};

/* One service: events, quiet */

struct hearing {
	struct interest interest;
	struct service *service;	/* quiet: borrowed, until it ended */
	struct losses losses;
	bool ended;
	bool was_told;			/* quiet: that it is */
};

static const struct message_name {
	uint32_t message;
	const char *name;
} message_names[] = {
	{ MESSAGE_IS_TERMINATED,	"kIOMessageServiceIsTerminated" },
	{ 0xe0000020u,			"kIOMessageServiceIsSuspended" },
	{ 0xe0000030u,			"kIOMessageServiceIsResumed" },
	{ MESSAGE_IS_REQUESTING_CLOSE,	"kIOMessageServiceIsRequestingClose" },
	{ MESSAGE_IS_ATTEMPTING_OPEN,	"kIOMessageServiceIsAttemptingOpen" },
	{ MESSAGE_WAS_CLOSED,		"kIOMessageServiceWasClosed" },
	{ MESSAGE_BUSY_STATE_CHANGE,	"kIOMessageServiceBusyStateChange" },
	{ 0xe0000128u,			"kIOMessageConsoleSecurityChange" },
	{ MESSAGE_PROPERTY_CHANGE,	"kIOMessageServicePropertyChange" },
	{ 0xe0000200u,			"kIOMessageCanDevicePowerOff" },
	{ 0xe0000210u,			"kIOMessageDeviceWillPowerOff" },
	{ 0xe0000220u,			"kIOMessageDeviceWillNotPowerOff" },
	{ 0xe0000230u,			"kIOMessageDeviceHasPoweredOn" },
	{ 0xe0000250u,			"kIOMessageSystemWillPowerOff" },
	{ 0xe0000270u,			"kIOMessageCanSystemSleep" },
	{ 0xe0000280u,			"kIOMessageSystemWillSleep" },
	{ 0xe0000290u,			"kIOMessageSystemWillNotSleep" },
	{ 0xe0000300u,			"kIOMessageSystemHasPoweredOn" },
	{ 0xe0000310u,			"kIOMessageSystemWillRestart" },
	{ 0xe0000320u,			"kIOMessageSystemWillPowerOn" },
	{ 0xe0000330u,			"kIOMessageCopyClientID" },
};

static const char *name_of_message(uint32_t message)
{
	for (size_t i = 0; i < ARRAY_SIZE(message_names); i++)
		if (message_names[i].message == message)
			return message_names[i].name;
	return "";
}

static void on_message(struct interest *interest, const char *kind, uint32_t message,
		       json_t *argument)
{
	struct hearing *hearing = container_of(interest, struct hearing, interest);
	json_auto_t *line = NULL;
	char number[16];

	snprintf(number, sizeof(number), "0x%08x", message);
	line = json_pack("{s:s, s:s, s:s, s:O*}", "interest", kind, "message", number,
			 "name", name_of_message(message), "arg", argument);
	put_or_lose(&hearing->losses, line ? json_text_print(line, true) : NULL);
}

static void on_end(struct interest *interest)
{
	struct hearing *hearing = container_of(interest, struct hearing, interest);

	hearing->ended = true;
	session_changed(hearing->losses.session);
}

static int hear(struct session *session,
		void (*message)(struct interest *, const char *, uint32_t, json_t *))
{
	struct service *service = session_node_object(session);
	struct hearing *hearing;

	if (!service_is_active(service))
		return failure_code((uint32_t)kIOReturnNotAttached);
	hearing = calloc(1, sizeof(*hearing));
	if (!hearing)
		return -ENOMEM;
	hearing->interest.message = message;
	hearing->interest.ended = on_end;
	hearing->losses.session = session;
	list_append(&service->interests, &hearing->interest.link);
	session->object = hearing;
	return 0;
}

static int service_events_open(struct session *session, const struct caller *caller)
{
	(void)caller;
	return hear(session, on_message);
}

static int service_events_nothing(struct session *session)
{
	struct hearing *hearing = session->object;

	tell_losses(&hearing->losses);
	return hearing->ended ? 0 : FILE_WAIT;
}

static short hearing_state(struct session *session)
{
	const struct hearing *hearing = session->object;

	return (short)((hearing->ended ? POLLHUP : 0) | (hearing->losses.n ? POLLIN : 0));
}

static void hearing_close(struct session *session)
{
	struct hearing *hearing = session->object;

	if (!hearing)
		return;
	list_remove(&hearing->interest.link);
	free(hearing);
}

const struct session_kind service_events_session = {
	.open = service_events_open, .nothing = service_events_nothing, .state = hearing_state,
	.close = hearing_close,
};

static void on_busy_change(struct interest *interest, const char *kind, uint32_t message,
			   json_t *argument)
{
	struct hearing *hearing = container_of(interest, struct hearing, interest);

	(void)argument;
	if (strcmp(kind, BUSY_INTEREST) == 0 && message == MESSAGE_BUSY_STATE_CHANGE)
		session_changed(hearing->losses.session);
}

static int quiet_open(struct session *session, const struct caller *caller)
{
	struct registry *registry = session_node_object(session);
	/* Of the root: the plane's. */
	struct service *service = session->file->node->parent ? session_node_object(session) :
								registry->plane;
	struct hearing *hearing = calloc(1, sizeof(*hearing));

	(void)caller;
	if (!hearing)
		return -ENOMEM;
	hearing->service = service;
	hearing->interest.message = on_busy_change;
	hearing->interest.ended = on_end;
	hearing->losses.session = session;
	list_append(&service->interests, &hearing->interest.link);
	session->object = hearing;
	return 0;
}

static int quiet_nothing(struct session *session)
{
	struct hearing *hearing = session->object;

	if (hearing->ended || hearing->was_told)
		return 0;
	if (hearing->service->entry.busy > 0)
		return FILE_WAIT;
	hearing->was_told = true;
	return session_put(session, "0");
}

static short quiet_state(struct session *session)
{
	const struct hearing *hearing = session->object;

	return hearing->ended || hearing->service->entry.busy == 0 ? POLLIN : 0;
}

const struct session_kind quiet_session = {
	.open = quiet_open, .nothing = quiet_nothing, .state = quiet_state, .close = hearing_close,
};
