/* SPDX-License-Identifier: MIT */
/*
 * A service: what is made and removed in it, its other directories, `methods` and `ctl`.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "control/methods_text.h"
#include "files/asking.h"
#include "files/files.h"
#include "layout.h"
#include "service/buffer.h"
#include "util/failure.h"
#include "util/number.h"

/* Making and removing */

/* What a caller's mkdir(2) means. */
static struct making making_of(mode_t mode, const struct caller *caller)
{
	struct making making = {
		.own = { caller->uid, caller->gid, node_directory_mode(mode & 0777) },
		.files = { .uid = caller->uid, .gid = caller->gid },
		.asker = caller->uid,
		.capacity = QUEUE_DEFAULT_CAPACITY,
	};

	return making;
}

/* Who made a service may make others in it; else the policy says. */
static int check_publisher(const struct service *parent, const struct caller *caller)
{
	const struct registry *registry = parent->registry;
	_cleanup_(freep) char *path = NULL;
	struct identity who = { 0 };
	IOReturn code;
	int r;

	if (parent != registry->plane && caller->uid == parent->node->own.uid)
		return 0;
	path = entry_path(&parent->entry, &service_plane);
	r = path ? identity_read(caller->pid, caller->uid, caller->gid, &who) : -ENOMEM;
	if (r < 0)
		return r;
	code = policy_may_publish(registry->policy, &who, path, geteuid());
	identity_deinit(&who);
	return code == kIOReturnSuccess ? 0 :
	       failure(-IOReturnToErrno(code), "\"publish\" of the policy says who makes services here");
}

int service_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller)
{
	struct making making = making_of(mode, caller);
	int r = check_publisher(node->object, caller);

	making.files.mode = 0755;	/* of its `queues` */
	return r < 0 ? r : service_make(node->object, name, &making, NULL);
}

int service_dir_remove(struct node *node, struct node *child, const struct caller *caller)
{
	const struct service *service = node->object;

	if (child->def != service->registry->layout->service)
		return -EPERM;		/* other directories go with their service */
	if (caller->uid != 0 && caller->uid != child->own.uid && caller->uid != node->own.uid)
		return -EPERM;
	return service_remove(child->object);
}

/* A service has the files it has. */
int service_dir_create(struct node *node, const char *name, mode_t mode,
		       const struct caller *caller, struct node **ret)
{
	(void)node;
	(void)name;
	(void)mode;
	(void)caller;
	(void)ret;
	return -EACCES;
}

int service_dir_set_attributes(struct node *node, const struct row *row,
			       const struct attributes *attributes)
{
	int r = service_set_attributes(node->object, false, row, attributes);

	if (r == 0)
		clones_follow(node);
	return r;
}

void clones_follow(struct node *node)
{
	const struct attributes attributes = node_attributes(node, node_row(node, "clone"));
	struct node *child;

	list_for_each(child, &node->children, siblings)
		if (child->def == &clone_leaf)
			child->own = attributes;
}

int queues_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller)
{
	struct making making = making_of(mode, caller);

	return service_make_queue(node->object, name, &making);
}

int queues_dir_remove(struct node *node, struct node *child, const struct caller *caller)
{
	(void)node;
	(void)caller;
	return queue_remove(child->object);
}

int queues_dir_set_attributes(struct node *node, const struct row *row,
			      const struct attributes *attributes)
{
	return row ? -EPERM : service_set_attributes(node->object, true, NULL, attributes);
}

/* The directories in it that are made when they are first looked for */

static int parents_find(struct node *node, const char *name, struct node **ret)
{
	const struct service *service = node->object;
	const struct entry_link *link;
	uint64_t id;

	if (strncmp(name, "0x", 2) != 0 || number_parse_hex(name + 2, &id) < 0)
		return -ENOENT;
	list_for_each(link, &service->entry.parents, of_child)
		if (link->parent->id == id)
			return view_make_link(node, name, id, ret);
	return -ENOENT;
}

static bool has_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->names[i].name, name) == 0)
			return true;
	return false;
}

/* A parent in two planes is one. */
static int parents_list(struct node *node, struct names *names)
{
	const struct service *service = node->object;
	const struct entry_link *link;
	int r = 0;

	list_for_each(link, &service->entry.parents, of_child) {
		char name[24];

		snprintf(name, sizeof(name), "0x%" PRIx64, link->parent->id);
		if (r == 0 && !has_name(names, name))
			r = names_add(names, name, S_IFLNK);
	}
	return r;
}

static const struct node_def parents_dir = { .rows = node_no_rows, .find = parents_find,
					     .list = parents_list };

static const struct folder {
	const char *name;
	const struct node_def *def;	/* NULL: of the layout */
} folders[] = {
	{ "prop", &props_dir },
	{ "parents", &parents_dir },
	{ "buf", &buffers_dir },
	{ "clients", NULL },
	{ "streams", NULL },
};

static const struct folder *find_folder(const char *name, bool of_plane)
{
	for (size_t i = 0; i < (of_plane ? 2 : ARRAY_SIZE(folders)); i++)
		if (strcmp(folders[i].name, name) == 0)
			return &folders[i];
	return NULL;
}

static int make_folder(struct service *service, const struct folder *folder, struct node **ret)
{
	const struct node_def *def = folder->def ? folder->def : service->registry->layout->clients;

	return strcmp(folder->name, "streams") == 0 ? service_streams(service, ret) :
		service_folder(service, folder->name, def, ret);
}

/* A child that stands in the directory of another parent of its is a link here. */
static bool is_elsewhere(const struct entry_link *link, const struct node *node)
{
	return link->plane == &service_plane && link->child->kind == ENTRY_SERVICE &&
	       link->child->node->parent != node;
}

static int find_foreign_child(struct node *node, const char *name, struct node **ret)
{
	const struct entry_link *link = entry_find_link(node->object, &service_plane, name);

	return link && is_elsewhere(link, node) ?
		view_make_link(node, name, link->child->id, ret) : -ENOENT;
}

/* "clone.7" */
static int find_clone(struct node *node, const char *name, struct node **ret)
{
	struct attributes own = node_attributes(node, node_row(node, "clone"));
	uint32_t type;

	if (strncmp(name, "clone.", 6) != 0 || !methods_number(name + 6, &type))
		return -ENOENT;
	return node_new_leaf(node, name, &clone_leaf, &own, type, ret);
}

static int find(struct node *node, const char *name, bool of_plane, struct node **ret)
{
	const struct folder *folder = find_folder(name, of_plane);
	int r;

	if (folder)
		return make_folder(node->object, folder, ret);
	r = of_plane ? -ENOENT : find_clone(node, name, ret);
	return r == -ENOENT ? find_foreign_child(node, name, ret) : r;
}

static int list(struct node *node, bool of_plane, struct names *names)
{
	const struct service *service = node->object;
	const struct entry_link *link;
	int r = 0;

	for (size_t i = 0; i < (of_plane ? 2 : ARRAY_SIZE(folders)) && r == 0; i++)
		if (!node_find(node, folders[i].name))
			r = names_add(names, folders[i].name, S_IFDIR);
	list_for_each(link, &service->entry.guests, of_host)
		if (r == 0 && is_elsewhere(link, node))
			r = names_add(names, link->name, S_IFLNK);
	return r;
}

int service_dir_find(struct node *node, const char *name, struct node **ret)
{
	return find(node, name, false, ret);
}

int service_dir_list(struct node *node, struct names *names)
{
	return list(node, false, names);
}

int plane_dir_find(struct node *node, const char *name, struct node **ret)
{
	return find(node, name, true, ret);
}

int plane_dir_list(struct node *node, struct names *names)
{
	return list(node, true, names);
}

/* owner, methods */

int service_owner_show(struct node *node, FILE *out)
{
	const struct service *service = node->object;

	if (service->owner)
		fprintf(out, "%" PRIu64 "\n", service->owner->number);
	return 0;
}

static int methods_unit(struct session *session, char *text, size_t size,
			const struct caller *caller)
{
	(void)caller;
	return service_set_methods(session_node_object(session), text, size);
}

static int methods_show(struct session *session, FILE *out)
{
	const struct service *service = session_node_object(session);
	const char *text = service->methods_text ? service->methods_text : "";
	size_t size = strlen(text);

	fprintf(out, "%s%s", text, size && text[size - 1] != '\n' ? "\n" : "");
	return 0;
}

const struct session_kind methods_document = {
	.units = UNITS_JSON, .unit = methods_unit, .show = methods_show,
};

/* ctl */

/* Who opened the file, whose words they are, and one that waits for the driver. */
struct speaker {
	struct credentials who;
	struct asking probing;
};

static int control_open(struct session *session, const struct caller *caller)
{
	struct speaker *speaker = calloc(1, sizeof(*speaker));

	if (!speaker)
		return -ENOMEM;
	speaker->who = credentials_read(caller->pid, caller->uid, caller->gid);
	session->object = speaker;
	return 0;
}

static void control_abandon(struct session *session)
{
	struct speaker *speaker = session->object;

	asking_stop(&speaker->probing);
}

static void control_close(struct session *session)
{
	if (session->object)
		control_abandon(session);
	free(session->object);
}

static int do_probe(struct session *session, struct service *service, const char *text)
{
	struct speaker *speaker = session->object;
	uint32_t options;

	if (!methods_number(*text ? text : "0", &options))
		return failure(-EINVAL, "probe takes its options as a number");
	if (!service->driver)
		return failure_code((uint32_t)kIOReturnUnsupported);
	speaker->probing = (struct asking){ 0 };
	speaker->probing.question.request = (struct request){ .op = REQUEST_PROBE,
		.options = options, .asker = session->uid, .asks = speaker->who };
	return asking_start(&speaker->probing, service, NULL, &session->file->own);
}

static int do_register(struct session *session, struct service *service, const char *text)
{
	(void)session;
	(void)text;
	return service_register(service);
}

static int do_terminate(struct session *session, struct service *service, const char *text)
{
	(void)session;
	(void)text;
	return service_terminate(service);
}

static int do_persist(struct session *session, struct service *service, const char *text)
{
	bool before = service->survives;
	int r;

	(void)session;
	(void)text;
	service->survives = true;
	r = service_save(service);
	if (r < 0)
		service->survives = before;
	return r;
}

/* "message 0xHEX [JSON]" */
static int do_message(struct session *session, struct service *service, const char *text)
{
	size_t length = strcspn(text, " ");
	_cleanup_(freep) char *number = strndup(text, length);
	json_auto_t *argument = NULL;
	uint32_t message;
	char problem[200];
	int r = 0;

	(void)session;
	if (!number)
		return -ENOMEM;
	if (strlen(text + length) > DRIVER_MAX_DATA)
		return failure(-EMSGSIZE, "a message has %u bytes at most", DRIVER_MAX_DATA);
	if (!methods_number(number, &message))
		return failure(-EINVAL, "message takes a number such as 0xe3ff8001, then JSON or nothing");
	if (text[length])
		r = json_text_parse(text + length, strlen(text + length), &argument, problem,
				    sizeof(problem));
	if (r == -EINVAL)
		return failure(r, "no JSON: %s", problem);
	if (r < 0)
		return r;
	service_message(service, GENERAL_INTEREST, message, argument);
	return 0;
}

static int do_busy(struct session *session, struct service *service, const char *text)
{
	bool less = *text == '-';
	uint32_t by;

	(void)session;
	if ((*text != '+' && *text != '-') || !methods_number(text + 1, &by) || by > 1023)
		return failure(-EINVAL, "busy takes +N or -N");
	return service_adjust_busy(service, less ? -(int)by : (int)by);
}

/* "IOService:/Bus", or "IOPower:/Bus": the plane, and who is the parent there. */
static int find_parent(const char *path, struct plane **ret_plane, struct entry **ret)
{
	const char *colon = strchr(path, ':');

	*ret_plane = colon ? plane_find(path, (size_t)(colon - path)) : NULL;
	*ret = *ret_plane ? entry_from_path(path) : NULL;
	return *ret ? 0 : failure(-ENOENT, "'%.100s' is no path of an entry, as IOService:/Bus", path);
}

static int do_attach(struct session *session, struct service *service, const char *text)
{
	struct plane *plane;
	struct entry *parent;
	int r = find_parent(text, &plane, &parent);

	(void)session;
	return r < 0 ? r : service_attach(service, parent, plane);
}

static int do_detach(struct session *session, struct service *service, const char *text)
{
	struct plane *plane;
	struct entry *parent;
	int r = find_parent(text, &plane, &parent);

	(void)session;
	return r < 0 ? r : service_detach(service, parent, plane);
}

static const struct command {
	const char *word;
	int (*run)(struct session *session, struct service *service, const char *text);
	bool for_all;			/* not only for the owner */
	bool takes_text;
} commands[] = {
	{ "register",	do_register,	false, false },
	{ "terminate",	do_terminate,	false, false },
	{ "message",	do_message,	false, true },
	{ "busy",	do_busy,	false, true },
	{ "persist",	do_persist,	false, false },
	{ "attach",	do_attach,	false, true },
	{ "detach",	do_detach,	false, true },
	{ "probe",	do_probe,	true,  true },
};

static const struct command *find_command(const char *text, const char **ret_rest)
{
	size_t length = strcspn(text, " ");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strlen(commands[i].word) != length || memcmp(commands[i].word, text, length) != 0)
			continue;
		*ret_rest = text + length + strspn(text + length, " ");
		return **ret_rest && !commands[i].takes_text ? NULL : &commands[i];
	}
	return NULL;
}

static int control_unit(struct session *session, char *text, size_t size,
			const struct caller *caller)
{
	struct service *service = session_node_object(session);
	const struct speaker *speaker = session->object;
	const struct command *command;
	const char *rest;

	(void)caller;
	if (!text)
		return asking_result(&speaker->probing);
	command = strlen(text) == size ? find_command(text, &rest) : NULL;
	if (!command)
		return failure(-EINVAL, "unknown; there are register, terminate, message 0xHEX [JSON], "
			       "busy +1, busy -1, persist, attach PATH, detach PATH, probe N");
	if (!service_is_active(service))
		return -ENODEV;
	if (!command->for_all && session->uid != 0 && session->uid != service->node->own.uid)
		return -EPERM;
	return command->run(session, service, rest);
}

const struct session_kind service_control = {
	.units = UNITS_LINES, .open = control_open, .unit = control_unit,
	.abandon = control_abandon, .close = control_close,
};
