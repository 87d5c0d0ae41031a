/* SPDX-License-Identifier: MIT */
/*
 * Method calls: documents in `call`, words in `m/SEL`, bytes in `struct/SEL`. One
 * transaction at a time an open file; another file's runs beside it.
 */
#include <errno.h>
#include <string.h>

#include "control/call_text.h"
#include "files/files.h"
#include "util/failure.h"
#include "util/process.h"

enum progress { NOT_ASKED, RUNNING, ANSWERED };

struct transaction {
	struct question question;
	struct session *session;
	struct call call;
	struct identity who;		/* who calls, where it is not the connection's opener */
	struct identity opener;		/* of m/SEL and struct/SEL, or who wrote: a read may be what calls */
	enum progress progress;
	IOReturn code;			/* what the read is told where there is no line; 0: nothing */
	struct failure why;		/* ...and what was said of it */
	void (*finish)(struct transaction *transaction, struct reply *reply);
};

static struct client *client_of(const struct session *session)
{
	return session_node_object(session);
}

/* An answer must fit what was asked for. */
static void check_reply(const struct call *call, struct reply *reply)
{
	if (reply->code != kIOReturnSuccess)
		return;
	if (reply->n_so > call->n_so || reply->n_so > SCALARS_MAX ||
	    (!call->variable && reply->output_size > call->output_size))
		reply->code = kIOReturnBadArgument;
	else if (call->variable && !reply->has_output)
		reply->code = kIOReturnUnderrun;
	for (uint64_t i = 0; call->is_legacy && i < reply->n_so && i < SCALARS_MAX; i++)
		reply->so[i] = (uint32_t)reply->so[i];
}

static void end_call(struct transaction *transaction, struct reply *reply)
{
	check_reply(&transaction->call, reply);
	transaction->progress = ANSWERED;
	transaction->finish(transaction, reply);
	call_deinit(&transaction->call);
	identity_deinit(&transaction->who);
	transaction->who = (struct identity){ 0 };
	session_changed(transaction->session);
}

static void on_answer(struct question *question, IOReturn code, struct driver_line *line)
{
	struct transaction *transaction = container_of(question, struct transaction, question);
	struct reply none = { .code = code };

	end_call(transaction, line ? &line->reply : &none);
}

/* @caller NULL: who opened the file. */
static void start_call(struct transaction *transaction, const struct caller *caller)
{
	struct client *client = client_of(transaction->session);
	struct reply refused = { 0 };

	transaction->progress = RUNNING;
	transaction->question = (struct question){ .answered = on_answer };
	refused.code = client_call(client, &transaction->question, &transaction->call, caller,
				   caller ? &transaction->who : &transaction->opener);
	failure_take(&transaction->why);
	if (refused.code != kIOReturnSuccess)
		end_call(transaction, &refused);
}

/* What a read gets where there is no line. */
static int told(struct transaction *transaction)
{
	IOReturn code = transaction->code;

	transaction->code = kIOReturnSuccess;
	if (code == kIOReturnSuccess)
		return 0;
	transaction->why.error = -IOReturnToErrno(code);
	transaction->why.code = (uint32_t)code;
	failure_repeat(&transaction->why);
	return transaction->why.error;
}

static int open_transaction(struct session *session,
			    void (*finish)(struct transaction *, struct reply *))
{
	int r = client_check(client_of(session));
	struct transaction *transaction;

	if (r < 0)
		return r;
	transaction = calloc(1, sizeof(*transaction));
	if (!transaction)
		return -ENOMEM;
	transaction->session = session;
	transaction->finish = finish;
	session->object = transaction;
	return 0;
}

static void close_transaction(struct session *session)
{
	struct transaction *transaction = session->object;

	if (!transaction)
		return;
	question_withdraw(&transaction->question);
	call_deinit(&transaction->call);
	identity_deinit(&transaction->who);
	identity_deinit(&transaction->opener);
	free(transaction);
}

/* A new request may be written. */
static int begin(struct transaction *transaction)
{
	if (!client_of(transaction->session)->service)
		return -ENODEV;
	if (transaction->progress == RUNNING)
		return failure(-EBUSY, "a call is running on this open file; open it again for another");
	return 0;
}

/* Who reads is told at once, in session_give(): beforehand, that there was no memory for it. */
static void give(struct transaction *transaction, char *text)
{
	transaction->code = kIOReturnNoMemory;
	if (session_give(transaction->session, text) == 0)
		transaction->code = kIOReturnSuccess;
}

/* call */

static void put_reply(struct transaction *transaction, struct reply *reply)
{
	give(transaction, reply_print(reply, transaction->call.hex));
}

static int call_open(struct session *session, const struct caller *caller)
{
	(void)caller;
	return open_transaction(session, put_reply);
}

static int call_unit(struct session *session, char *text, size_t size, const struct caller *caller)
{
	struct transaction *transaction = session->object;
	int r = begin(transaction);

	if (r == 0)
		r = call_parse(text, size, &transaction->call);
	if (r < 0)
		return r;
	session_clear(session);
	start_call(transaction, caller);
	return 0;
}

static int call_nothing(struct session *session)
{
	struct transaction *transaction = session->object;

	if (transaction->progress != ANSWERED)
		return transaction->progress == RUNNING ? FILE_WAIT : -ENODATA;
	return told(transaction);
}

const struct session_kind call_session = {
	.units = UNITS_JSON, .open = call_open, .unit = call_unit, .nothing = call_nothing,
	.close = close_transaction,
};

/* m/SEL, struct/SEL: the selector and the sizes are those of the name and of the table */

static const struct method *method_of(const struct client *client, uint32_t selector)
{
	const struct methods *methods = client->service->methods;

	return methods && selector < methods->n_table ? &methods->table[selector] : NULL;
}

/* What may be any is asked for where the file shows it: else none. */
static void ask_for(struct call *call, const struct method *method, bool scalars)
{
	bool any_scalars = !method || method->so == ANY_COUNT;
	bool any_bytes = !method || method->sos == ANY_COUNT;

	call->n_so = !any_scalars ? method->so : scalars ? SCALARS_MAX : 0;
	call->output_size = !any_bytes ? method->sos : 0;
	call->variable = any_bytes && !scalars;
}

/* Who reads first calls without input. */
static int start_named(struct transaction *transaction, bool scalars, const struct caller *caller)
{
	struct session *session = transaction->session;
	const struct client *client = client_of(session);

	transaction->call.selector = (uint32_t)session->file->node->number;
	ask_for(&transaction->call, method_of(client, transaction->call.selector), scalars);
	session_clear(session);
	transaction->code = kIOReturnSuccess;
	start_call(transaction, caller);
	return 0;
}

static int named_nothing(struct session *session, bool scalars)
{
	struct transaction *transaction = session->object;

	if (transaction->progress == NOT_ASKED) {
		int r = begin(transaction);

		if (r < 0)
			return r;
		if (!scalars && session->n_input) {
			transaction->call.input = malloc(session->n_input);
			if (!transaction->call.input)
				return -ENOMEM;
			memcpy(transaction->call.input, session->input, session->n_input);
			transaction->call.input_size = session->n_input;
			session_clear_input(session);
		}
		start_named(transaction, scalars, NULL);
	}
	return transaction->progress == RUNNING ? FILE_WAIT : told(transaction);
}

static int open_named(struct session *session, const struct caller *caller,
		      void (*finish)(struct transaction *, struct reply *))
{
	struct transaction *transaction;
	int r = open_transaction(session, finish);

	if (r < 0)
		return r;
	transaction = session->object;
	return identity_read(caller->pid, caller->uid, caller->gid, &transaction->opener);
}

static void put_scalars(struct transaction *transaction, struct reply *reply)
{
	transaction->code = reply->code;
	if (reply->code == kIOReturnSuccess && reply->n_so)
		give(transaction, scalars_print(reply));
}

static int scalars_open(struct session *session, const struct caller *caller)
{
	return open_named(session, caller, put_scalars);
}

static int scalars_unit(struct session *session, char *text, size_t size,
			const struct caller *caller)
{
	struct transaction *transaction = session->object;
	int r = begin(transaction);

	if (r == 0)
		r = scalars_parse(text, size, &transaction->call);
	return r < 0 ? r : start_named(transaction, true, caller);
}

static int scalars_nothing(struct session *session)
{
	return named_nothing(session, true);
}

static const struct session_kind scalars_session = {
	.units = UNITS_LINES, .takes_empty = true, .open = scalars_open, .unit = scalars_unit,
	.nothing = scalars_nothing, .close = close_transaction,
};

static void put_bytes(struct transaction *transaction, struct reply *reply)
{
	transaction->code = reply->code;
	if (reply->code != kIOReturnSuccess || !reply->output_size)
		return;
	transaction->code = kIOReturnNoMemory;
	if (session_put_bytes(transaction->session, reply->output, reply->output_size) == 0)
		transaction->code = kIOReturnSuccess;
}

static int bytes_open(struct session *session, const struct caller *caller)
{
	return open_named(session, caller, put_bytes);
}

/* Who writes the input is who calls. */
static int know_writer(struct transaction *transaction, const struct caller *caller)
{
	struct identity *who = &transaction->opener;

	if (who->pid != 0 && caller->uid == who->uid &&
	    (caller->pid == who->pid || process_of_thread(caller->pid) == who->pid))
		return 0;
	identity_deinit(who);
	return identity_read(caller->pid, caller->uid, caller->gid, who);
}

/* Before bytes are kept: a new input begins after an answer. */
static int bytes_unit(struct session *session, char *text, size_t size, const struct caller *caller)
{
	struct transaction *transaction = session->object;
	int r = begin(transaction);

	(void)text;
	(void)size;
	if (r == 0 && transaction->progress == ANSWERED) {
		session_clear(session);
		transaction->progress = NOT_ASKED;
	}
	return r < 0 ? r : know_writer(transaction, caller);
}

static int bytes_nothing(struct session *session)
{
	return named_nothing(session, false);
}

static const struct session_kind bytes_session = {
	.units = UNITS_BYTES, .open = bytes_open, .unit = bytes_unit,
	.nothing = bytes_nothing, .close = close_transaction,
};

/* The directories: by name, or by number */

static const struct row scalars_row = SESSION("", 0600, scalars_session);
static const struct row bytes_row = SESSION("", 0600, bytes_session);
static const struct node_def scalars_leaf = { .rows = node_no_rows, .leaf = &scalars_row };
static const struct node_def bytes_leaf = { .rows = node_no_rows, .leaf = &bytes_row };

static int find(struct node *node, const char *name, const struct node_def *leaf,
		struct node **ret)
{
	const struct client *client = node->object;
	struct attributes own = { client->opener.uid, client->opener.gid, 0600 };
	uint32_t selector;

	if (!client->service || !methods_find(client->service->methods, name, &selector))
		return -ENOENT;
	return node_new_leaf(node, name, leaf, &own, selector, ret);
}

static int scalars_find(struct node *node, const char *name, struct node **ret)
{
	return find(node, name, &scalars_leaf, ret);
}

static int bytes_find(struct node *node, const char *name, struct node **ret)
{
	return find(node, name, &bytes_leaf, ret);
}

static int methods_list(struct node *node, struct names *names)
{
	const struct client *client = node->object;
	const struct methods *methods = client->service ? client->service->methods : NULL;
	int r = 0;

	for (size_t i = 0; methods && i < methods->n_table && r == 0; i++) {
		char number[24];

		snprintf(number, sizeof(number), "%zu", i);
		r = names_add(names, methods->table[i].name ? methods->table[i].name : number, S_IFREG);
	}
	return r;
}

/* A shell's > or <> would make it. */
static int no_such_method(struct node *node, const char *name, mode_t mode,
			  const struct caller *caller, struct node **ret)
{
	(void)node;
	(void)mode;
	(void)caller;
	(void)ret;
	return failure(-ENOENT, "there is no method '%.100s'", name);
}

const struct node_def scalar_methods_dir = { .rows = node_no_rows, .find = scalars_find,
					     .list = methods_list, .create = no_such_method };
const struct node_def struct_methods_dir = { .rows = node_no_rows, .find = bytes_find,
					     .list = methods_list, .create = no_such_method };
