/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/client.h"
#include "util/failure.h"
#include "util/log.h"

/* A question nobody waits for; the driver does not know yet, or does not care. */
struct withdrawn {
	struct list link;
	struct asked by_id;
};

static int add_asked(struct driver *driver, struct asked *asked, uint64_t id, bool is_withdrawn)
{
	asked->id = id;
	asked->is_withdrawn = is_withdrawn;
	return table_insert(&driver->by_id, &asked->item, table_hash(&id, sizeof(id)));
}

static struct asked *find_asked(const struct driver *driver, uint64_t id)
{
	struct table_item *item = table_find(&driver->by_id, table_hash(&id, sizeof(id)));

	while (item && container_of(item, struct asked, item)->id != id)
		item = table_next(item);
	return item ? container_of(item, struct asked, item) : NULL;
}

static void forget_withdrawn(struct driver *driver, struct withdrawn *withdrawn)
{
	table_remove(&driver->by_id, &withdrawn->by_id.item);
	list_remove(&withdrawn->link);
	driver->n_withdrawn--;
	free(withdrawn);
}

int driver_start(struct driver *driver, struct service *service)
{
	struct holder before = service->driven_by;
	bool had_driver = service->had_driver;
	int r;

	if (!service_is_active(service))
		return -ENODEV;
	if (service->driver)
		return failure(-EBUSY, "the service has a driver already");
	list_init(&driver->questions);
	list_init(&driver->withdrawn);
	driver->service = service;
	service->driver = driver;
	service->driven_by = driver->holder;
	service->had_driver = true;
	r = service_save(service);
	if (r < 0) {
		service->driver = NULL;
		service->driven_by = before;
		service->had_driver = had_driver;
		driver->service = NULL;
		return r;
	}
	service->is_orphan = false;
	service_await_no_driver(service);
	return 0;
}

/* Questions: asked, answered, withdrawn */

static void leave_line(struct question *question);

/* The driver is not to answer it. */
static void unsend(struct question *question)
{
	if (!question->is_sent)
		return;
	question->is_sent = false;
	table_remove(&question->driver->by_id, &question->by_id.item);
	question->driver->n_questions--;
	list_remove(&question->of_driver);
}

/* Out of all lists; it may be asked again. */
static void end_question(struct question *question)
{
	timer_stop(&question->timer);
	unsend(question);
	list_remove(&question->of_client);
	question->service = NULL;
	if (question->client)
		leave_line(question);
	question->client = NULL;
}

static void answer(struct question *question, IOReturn code, struct driver_line *line)
{
	end_question(question);
	question->answered(question, code, line);
}

static void tell_to_cancel(struct driver *driver, uint64_t id)
{
	struct withdrawn *withdrawn = calloc(1, sizeof(*withdrawn));
	struct request request = { .op = REQUEST_CANCEL, .other = id };

	if (!withdrawn)
		return;		/* its answer will then be an unknown one */
	if (driver->n_withdrawn >= DRIVER_MAX_QUESTIONS)
		forget_withdrawn(driver, container_of(driver->withdrawn.next, struct withdrawn, link));
	if (add_asked(driver, &withdrawn->by_id, id, true) < 0) {
		free(withdrawn);
		return;
	}
	list_append(&driver->withdrawn, &withdrawn->link);
	driver->n_withdrawn++;
	driver->send(driver, &request);
}

/* The question is over; the driver may answer it still. */
static void withdraw(struct question *question)
{
	bool was_sent = question->is_sent;

	unsend(question);
	if (was_sent && question->driver->service)
		tell_to_cancel(question->driver, question->request.id);
	end_question(question);
}

void question_withdraw(struct question *question)
{
	if (question->service)
		withdraw(question);
}

void question_abort(struct question *question)
{
	question_withdraw(question);
	question->answered(question, kIOReturnAborted, NULL);
}

static void on_timeout(struct timer *timer)
{
	struct question *question = container_of(timer, struct question, timer);

	withdraw(question);
	question->answered(question, kIOReturnTimeout, NULL);
}

/* Return: 0 or why it cannot be asked now. */
static int send_question(struct question *question)
{
	struct driver *driver = question->service->driver;
	int r;

	if (!driver)
		return failure_code((uint32_t)kIOReturnNotReady);
	if (driver->n_questions >= DRIVER_MAX_QUESTIONS) {
		log_limited("the driver of '%s' leaves more than %u questions without an answer, refused",
			    question->service->node->name, DRIVER_MAX_QUESTIONS);
		return failure_code((uint32_t)kIOReturnNoResources);
	}
	question->request.id = ++driver->last_id;
	r = add_asked(driver, &question->by_id, question->request.id, false);
	if (r < 0)
		return r;
	r = driver->send(driver, &question->request);
	if (r < 0) {
		table_remove(&driver->by_id, &question->by_id.item);
		return r;
	}
	question->driver = driver;
	list_append(&driver->questions, &question->of_driver);
	driver->n_questions++;
	question->is_sent = true;
	return 0;
}

/* The lock of a connection (userclient 3.5): readers together, a writer alone, in order. */

static bool may_have_lock(const struct client *client, enum lock lock)
{
	if (lock == LOCKED_NOT)
		return true;
	return !client->has_writer && (lock == LOCKED_READ || client->n_readers == 0);
}

static void take_lock(struct question *question)
{
	struct client *client = question->client;

	if (!client || question->lock == LOCKED_NOT)
		return;
	question->holds_lock = true;
	if (question->lock == LOCKED_WRITE)
		client->has_writer = true;
	else
		client->n_readers++;
}

/* Those next in line that can go. One that cannot be asked is answered, and wakes: that is us. */
static void wake_waiting(struct client *client)
{
	if (client->is_waking)
		return;
	client->is_waking = true;
	while (!list_is_empty(&client->waiting)) {
		struct question *next = container_of(client->waiting.next, struct question, of_client);
		int r;

		if (!may_have_lock(client, next->lock))
			break;
		list_remove(&next->of_client);
		take_lock(next);
		r = send_question(next);
		list_append(&client->questions, &next->of_client);
		if (r < 0)
			answer(next, IOReturnFromErrno(-r), NULL);
	}
	client->is_waking = false;
}

/* With the lock, or without: then it stood before others. */
static void leave_line(struct question *question)
{
	struct client *client = question->client;

	if (question->holds_lock && question->lock == LOCKED_WRITE)
		client->has_writer = false;
	else if (question->holds_lock)
		client->n_readers--;
	question->holds_lock = false;
	if (client->service)
		wake_waiting(client);
}

static bool must_queue(const struct question *question)
{
	const struct client *client = question->client;

	if (!client || question->lock == LOCKED_NOT)
		return false;
	return !list_is_empty(&client->waiting) || !may_have_lock(client, question->lock);
}

int question_ask(struct question *question, struct service *service, struct client *client)
{
	uint64_t timeout = service->methods ? service->methods->timeout_ms : 0;
	int r = 0;

	question->service = service;
	question->client = client;
	if (client)
		question->request.asker = client->opener.uid;
	question->is_sent = question->holds_lock = false;
	question->timer = (struct timer){ 0 };
	list_init(&question->of_driver);
	list_init(&question->of_client);
	if (must_queue(question)) {
		list_append(&client->waiting, &question->of_client);
	} else {
		take_lock(question);
		r = send_question(question);
		if (r == 0 && client)
			list_append(&client->questions, &question->of_client);
	}
	if (r < 0)
		end_question(question);
	else if (timeout && question->request.op == REQUEST_CALL)
		timer_start(&question->timer, timeout, on_timeout);
	return r;
}

void driver_tell(struct service *service, const struct request *request)
{
	if (service->driver && service->driver->service)
		service->driver->send(service->driver, request);
}

/* What a driver writes */

static int do_answer(struct driver *driver, struct driver_line *line)
{
	struct asked *asked = find_asked(driver, line->id);

	if (!asked)
		return failure(-ENOENT, "no question has the id %llu, or it was answered before",
			       (unsigned long long)line->id);
	if (asked->is_withdrawn)
		forget_withdrawn(driver, container_of(asked, struct withdrawn, by_id));
	else
		answer(container_of(asked, struct question, by_id), line->reply.code, line);
	return 0;
}

static int do_completion(struct client *client, struct driver_line *line)
{
	struct completion completion = {
		.reference = line->reference, .code = line->reply.code, .n = line->n_arguments,
	};

	if (line->n_arguments > SCALARS_MAX)
		return failure_code((uint32_t)kIOReturnMessageTooLarge);
	for (uint64_t i = 0; i < line->n_arguments; i++)
		completion.arguments[i] = line->arguments[i];
	return client_complete(client, &completion, line->can_drop);
}

/* It is kept for each who listens, at his cost. */
static int check_data(const json_t *data)
{
	if (!data || json_dumpb(data, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) <= DRIVER_MAX_DATA)
		return 0;
	return failure(-EMSGSIZE, "a message has %u bytes at most; larger ones go through memory",
		       DRIVER_MAX_DATA);
}

int driver_line_do(struct driver *driver, struct driver_line *line)
{
	struct service *service = driver->service;
	struct client *client = NULL;
	int r;

	if (!service)
		return -ENODEV;
	if (line->kind == LINE_COMPLETION || line->kind == LINE_NOTIFY || line->kind == LINE_KILL) {
		client = client_find(service, line->connection);
		if (!client)
			return failure(-ENODEV, "there is no connection %llu",
				       (unsigned long long)line->connection);
	}
	switch (line->kind) {
	case LINE_ANSWER:
		return do_answer(driver, line);
	case LINE_COMPLETION:
		return do_completion(client, line);
	case LINE_NOTIFY:
		r = check_data(line->data);
		return r < 0 ? r : client_notify(client, line->type, line->data);
	case LINE_MESSAGE:
		r = check_data(line->data);
		if (r < 0)
			return r;
		service_message(service, GENERAL_INTEREST, line->message, line->data);
		return 0;
	case LINE_KILL:
		client_end(client, END_KILLED);
		return 0;
	case LINE_FORMAT:
		break;		/* the session's business */
	}
	return 0;
}

/* Of all that was asked, nothing will be answered. */
static struct service *leave(struct driver *driver)
{
	struct service *service = driver->service;
	struct client *client;

	list_for_each(client, &service->clients, of_service)
		client_end(client, END_DRIVER_GONE);
	service->driver = NULL;
	driver->service = NULL;
	while (!list_is_empty(&driver->questions))
		answer(container_of(driver->questions.next, struct question, of_driver),
		       kIOReturnAborted, NULL);
	return service;
}

void driver_end(struct driver *driver)
{
	leave(driver);
	driver->ended(driver);
}

void driver_leave(struct driver *driver)
{
	if (driver->service)
		leave(driver);
	while (!list_is_empty(&driver->withdrawn))
		forget_withdrawn(driver, container_of(driver->withdrawn.next, struct withdrawn, link));
}

void driver_stop(struct driver *driver)
{
	struct service *service = driver->service;

	if (service && service->survives)
		driver_leave(driver);
	if (service)	/* which we leave in its order when it ends */
		service_lost_driver(service);
	driver_leave(driver);
}
