/* SPDX-License-Identifier: MIT */
/*
 * `driver`: the provider's session. Requests are lines to read, answers and news
 * lines to write; the service lives as long as the file is open.
 */
#include <errno.h>
#include <poll.h>

#include "control/driver_text.h"
#include "files/files.h"
#include "util/failure.h"
#include "util/log.h"
#include "util/process.h"

struct provider {
	struct driver driver;
	struct session *session;
	bool text;			/* lines of words */
	bool ended;
};

static bool is_answered(enum request_op op)
{
	return op != REQUEST_UNPORT && op != REQUEST_CLOSE && op != REQUEST_CANCEL;
}

/* What is told, not asked, is never lost for want of patience. */
static int provider_send(struct driver *driver, const struct request *request)
{
	struct provider *provider = container_of(driver, struct provider, driver);

	if (is_answered(request->op) && provider->session->n_lines >= DRIVER_MAX_UNREAD) {
		log_limited("the driver of '%s' does not read its requests, more are refused",
			    provider->session->file->node->name);
		return failure_code((uint32_t)kIOReturnNoResources);
	}
	return session_give_of(provider->session, request_print(request, provider->text),
			       is_answered(request->op) ? request->asker : provider->session->uid);
}

static unsigned provider_n_unread(struct driver *driver)
{
	return (unsigned)container_of(driver, struct provider, driver)->session->n_lines;
}

static void provider_ended(struct driver *driver)
{
	struct provider *provider = container_of(driver, struct provider, driver);

	provider->ended = true;
	session_changed(provider->session);
}

static int driver_open(struct session *session, const struct caller *caller)
{
	struct provider *provider = calloc(1, sizeof(*provider));
	pid_t pid = process_of_thread(caller->pid);
	int r;

	if (!provider)
		return -ENOMEM;
	provider->session = session;
	provider->driver.holder = (struct holder){ pid, process_start_time(pid) };
	provider->driver.send = provider_send;
	provider->driver.ended = provider_ended;
	provider->driver.n_unread = provider_n_unread;
	r = driver_start(&provider->driver, session_node_object(session));
	if (r < 0)
		free(provider);
	else
		session->object = provider;
	return r;
}

static int driver_unit(struct session *session, char *text, size_t size,
		       const struct caller *caller)
{
	struct provider *provider = session->object;
	struct driver_line line = { 0 };
	int r;

	(void)caller;
	if (provider->ended)
		return -ENODEV;
	r = driver_line_parse(text, size, provider->text, &line);
	if (r < 0)
		return r;
	if (line.kind == LINE_FORMAT)
		provider->text = line.text;
	else
		r = driver_line_do(&provider->driver, &line);
	driver_line_deinit(&line);
	return r;
}

static int driver_nothing(struct session *session)
{
	const struct provider *provider = session->object;

	return provider->ended ? 0 : FILE_WAIT;
}

static short driver_state(struct session *session)
{
	const struct provider *provider = session->object;

	return provider->ended ? POLLHUP : 0;
}

static void driver_close(struct session *session)
{
	struct provider *provider = session->object;

	if (!provider)
		return;
	driver_stop(&provider->driver);
	free(provider);
}

const struct session_kind driver_session = {
	.units = UNITS_LINES, .open = driver_open, .unit = driver_unit, .nothing = driver_nothing,
	.state = driver_state, .close = driver_close,
};
