/* SPDX-License-Identifier: MIT */
/*
 * Requests on names and attributes: look-ups, listings, and what is made and removed.
 */
#include <errno.h>
#include <string.h>

#include <IOKit/IOReturn.h>

#include "fuse/requests.h"
#include "service/refusal.h"
#include "store/store.h"
#include "util/log.h"
#include "util/share.h"

#define NAME_TIMEOUT	3600.0		/* seconds */
#define MAX_LISTED_BYTES (64u << 20)	/* of all directories that a user has open */
#define UNKNOWN_INODE	0xffffffffu	/* as libfuse has it, of a name that is only listed */

static struct store *store;

void requests_init(struct fuse_session *session, struct store *its_store)
{
	store = its_store;
	open_files_init(session);
}

struct caller request_caller(fuse_req_t req)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);

	return (struct caller){ context->uid, context->gid, context->pid };
}

void refuse(fuse_req_t req, int error)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);
	struct failure why;

	failure_take(&why);
	if (why.error != error)		/* it was said of something that did not come to this */
		why = (struct failure){ .error = error };
	if (!why.code && IOReturnFromErrno(-error) == kIOReturnError && !*why.message)
		snprintf(why.message, sizeof(why.message), "%s", strerror(-error));
	/* To try again is no refusal, unless a driver or a service says so. */
	if (why.code || (error != -EAGAIN && error != -EINTR))
		refusal_note(process_of_thread(context->pid), context->uid,
			     why.code ? why.code : (uint32_t)IOReturnFromErrno(-error), why.message);
	fuse_reply_err(req, -error);
}

static struct node *directory_of(fuse_ino_t inode)
{
	const struct row *row = NULL;
	struct node *node = node_by_inode(inode, &row);

	return row ? NULL : node;
}

static struct file *file_of(const struct fuse_file_info *info)
{
	return info ? (struct file *)(uintptr_t)info->fh : NULL;
}

/* An open file's node may be out of the tree, and is still there for it. */
static struct node *node_of(fuse_ino_t inode, const struct fuse_file_info *info,
			    const struct row **ret_row)
{
	struct node *node = node_by_inode(inode, ret_row);
	struct file *file = file_of(info);

	if (node || !file)
		return node;
	*ret_row = file->row;
	return file->node;
}

static void reply_entry(fuse_req_t req, struct node *node, const struct row *row)
{
	struct fuse_entry_param entry = { .ino = node_inode(node, row) };

	/*
	 * Attributes are never cached: what one sees is the moment's truth. A name
	 * may be where it cannot go before its directory does.
	 */
	if ((row && !row->is_there && !node->def->leaf) || node->fixed)
		entry.entry_timeout = NAME_TIMEOUT;
	/*
	 * The kernel lets one write(2) at a time into an inode, and no signal ends
	 * the wait for the next. So each who opens this gets an inode of his own.
	 */
	if (row && row->ops && row->ops->apart) {
		entry.ino = node_other_inode(node, row);
		entry.entry_timeout = 0;
	}
	node_stat(node, row, &entry.attr);
	fuse_reply_entry(req, &entry);
}

/* A new file: what the kernel opens next must be one, also where it will be seen as a link. */
static void reply_made(fuse_req_t req, struct node *node)
{
	const struct row *row = node->def->leaf;

	if (row->memory && tree_memory_is_linked)
		row = &node->def->rows[0];
	reply_entry(req, node, row);
}

static void reply_attributes(fuse_req_t req, struct node *node, const struct row *row,
			     struct file *file)
{
	struct stat status;

	node_stat(node, row, &status);
	if (file && file->row->ops->size)
		status.st_size = (off_t)file->row->ops->size(file);
	fuse_reply_attr(req, &status, 0);
}

/*
 * The kernel keeps back releases beyond the number of requests in the background, and what is
 * asked later overtakes them: then a process that is gone would still have its files open.
 */
static void request_init(void *user, struct fuse_conn_info *connection)
{
	(void)user;
	connection->max_background = UINT16_MAX;
	passthrough_init(connection);
}

/* A child, or a row of the directory's; or what its find() makes. */
static int look_up(struct node *directory, const char *name, struct node **ret,
		   const struct row **ret_row)
{
	struct node *child = node_find(directory, name);
	int r;

	*ret_row = NULL;
	*ret = child;
	if (child && list_is_empty(&child->passing))
		return 0;
	if (child && directory->def->is_stale && directory->def->is_stale(child)) {
		node_remove(child);
		child = NULL;
	}
	if (!child && (*ret_row = node_row(directory, name))) {
		*ret = directory;
		return (*ret_row)->is_there && !(*ret_row)->is_there(directory) ? -ENOENT : 0;
	}
	r = directory->def->find ? directory->def->find(directory, name, ret) : -ENOENT;
	if (r == -ENOENT && child)	/* it was there once */
		node_remove(child);
	return r;
}

static void request_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *directory = directory_of(parent), *child = NULL;
	const struct row *row = NULL;
	int r = 0;

	if (!directory)
		r = -ESTALE;
	else if (strlen(name) > NODE_NAME_MAX)
		r = -ENAMETOOLONG;
	else
		r = look_up(directory, name, &child, &row);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		reply_entry(req, child, row ? row : child->def->leaf);
}

static void request_getattr(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	const struct row *row = NULL;
	struct node *node = node_of(inode, info, &row);

	if (!node)	/* fstat(2) does not always say which file */
		node = node_removed_by_inode(inode, &row);
	if (!node)
		fuse_reply_err(req, ESTALE);
	else
		reply_attributes(req, node, row, file_of(info));
}

static int set_owner_and_mode(struct node *node, const struct row *row, const struct stat *wanted,
			      int which)
{
	struct attributes attributes = node_attributes(node, row);

	if (!(which & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
		return 0;
	if (!node->def->set_attributes)
		return -EPERM;
	if (which & FUSE_SET_ATTR_UID)
		attributes.uid = wanted->st_uid;
	if (which & FUSE_SET_ATTR_GID)
		attributes.gid = wanted->st_gid;
	if (which & FUSE_SET_ATTR_MODE)
		attributes.mode = row ? wanted->st_mode & 0777
				      : node_directory_mode(wanted->st_mode & 07777);
	return node->def->set_attributes(node, row, &attributes);
}

/* A shell's > on an attribute cuts nothing off; memory has the size that was reserved. */
static int set_size(struct node *node, const struct row *row, off_t size)
{
	if (!row)
		return -EISDIR;
	if (row->resize)
		return size < 0 ? -EINVAL : row->resize(node, (uint64_t)size);
	return row->memory ? -EPERM : 0;
}

static void request_setattr(fuse_req_t req, fuse_ino_t inode, struct stat *wanted, int which,
			    struct fuse_file_info *info)
{
	const struct row *row = NULL;
	struct node *node = node_of(inode, info, &row);
	int r = node ? 0 : -ESTALE;

	if (r == 0 && (which & FUSE_SET_ATTR_SIZE))
		r = set_size(node, row, wanted->st_size);
	if (r == 0)
		r = set_owner_and_mode(node, row, wanted, which);
	if (r < 0)
		refuse(req, r);
	else
		reply_attributes(req, node, row, file_of(info));
}

static void request_readlink(fuse_req_t req, fuse_ino_t inode)
{
	const struct row *row = NULL;
	struct node *node = node_by_inode(inode, &row);
	_cleanup_(freep) char *target = NULL;

	if (node && row && row->ops && row->ops->link) {
		open_as_link(req, node, row);
		return;
	}
	if (!node || !row || !row->target) {
		fuse_reply_err(req, node ? EINVAL : ESTALE);
		return;
	}
	target = row->target(node);
	if (target)
		fuse_reply_readlink(req, target);
	else
		fuse_reply_err(req, ENOMEM);
}

static int make_directory(fuse_req_t req, struct node *directory, const char *name, mode_t mode)
{
	struct caller caller = request_caller(req);
	int r = node_name_check(name);

	if (r < 0)
		return r;
	if (!directory->def->make)
		return -EPERM;
	return directory->def->make(directory, name, mode, &caller);
}

static void request_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node *directory = directory_of(parent);
	int r = directory ? make_directory(req, directory, name, mode) : -ESTALE;

	if (r < 0)
		refuse(req, r);
	else
		reply_entry(req, node_find(directory, name), NULL);
}

static int remove_child(fuse_req_t req, struct node *directory, struct node *child)
{
	struct caller caller = request_caller(req);

	if (child->def->leaf)
		return -ENOTDIR;
	return directory->def->remove ? directory->def->remove(directory, child, &caller) : -EPERM;
}

static void request_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *directory = directory_of(parent);
	struct node *child = directory ? node_find(directory, name) : NULL;
	int r;

	if (!directory)
		r = -ESTALE;
	else if (!child)
		r = node_row(directory, name) ? -ENOTDIR : -ENOENT;
	else
		r = remove_child(req, directory, child);
	if (r < 0)
		refuse(req, r);
	else
		fuse_reply_err(req, 0);
}

/* The tree's names are its own: where no operation says otherwise, nobody adds or takes away. */

static void refuse_name(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	refuse(req, strlen(name) > NODE_NAME_MAX ? -ENAMETOOLONG : -EPERM);
}

/* Also open(2) with O_CREAT: without a create operation the kernel makes the file and opens it. */
static void request_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			  dev_t device)
{
	struct node *directory = directory_of(parent), *child = NULL;
	struct caller caller = request_caller(req);
	int r = directory ? node_name_check(name) : -ESTALE;

	(void)device;
	if (r == 0)
		r = S_ISREG(mode) && directory->def->create ?
			directory->def->create(directory, name, mode & 07777, &caller, &child) :
			-EPERM;
	if (r < 0)
		refuse(req, r);
	else
		reply_made(req, child);
}

static void request_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *directory = directory_of(parent);
	struct caller caller = request_caller(req);
	int r = directory ? node_name_check(name) : -ESTALE;

	if (r == 0)
		r = directory->def->unlink ? directory->def->unlink(directory, name, &caller)
					   : -EPERM;
	if (r < 0)
		refuse(req, r);
	else
		fuse_reply_err(req, 0);
}

static void request_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			    const char *name)
{
	(void)target;
	refuse_name(req, parent, name);
}

static void request_link(fuse_req_t req, fuse_ino_t inode, fuse_ino_t parent, const char *name)
{
	(void)inode;
	refuse_name(req, parent, name);
}

static void request_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			   fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	(void)name;
	(void)new_parent;
	(void)flags;
	refuse_name(req, parent, new_name);
}

/* Listing: the children at opendir(3), those that are left when read; then other names */

struct listing {
	struct node *node;		/* counted */
	uid_t payer;			/* whose memory it is */
	size_t size;			/* of it, and taken */
	struct names names;
	size_t n_children;
	uint64_t children[];		/* ids */
};

static struct shares listed = SHARES_INIT(listed);

static void listing_free(struct listing *listing)
{
	share_give_back(&listed, listing->payer, listing->size);
	node_unref(listing->node);
	names_free(&listing->names);
	free(listing);
}

static int listing_charge(struct listing *listing)
{
	size_t size = sizeof(*listing) + listing->n_children * sizeof(listing->children[0]) +
		      names_size(&listing->names);
	int r = share_take(&listed, listing->payer, size, MAX_LISTED_BYTES);

	if (r == -EDQUOT)
		log_limited("directories that uid %u lists keep more than %u bytes, refused",
			    listing->payer, MAX_LISTED_BYTES);
	if (r < 0)
		return -ENOMEM;
	listing->size = size;
	return 0;
}

static int listing_new(struct node *node, uid_t payer, struct listing **ret)
{
	struct listing *listing = malloc(sizeof(*listing) +
					 node->n_children * sizeof(listing->children[0]));
	struct node *child;
	int r;

	if (!listing)
		return -ENOMEM;
	*listing = (struct listing){ .node = node_ref(node), .payer = payer };
	list_for_each(child, &node->children, siblings)
		if (list_is_empty(&child->passing))
			listing->children[listing->n_children++] = child->id;
	r = node->def->list ? node->def->list(node, &listing->names) : 0;
	if (r == 0)
		r = listing_charge(listing);
	if (r < 0) {
		listing_free(listing);
		return r;
	}
	*ret = listing;
	return 0;
}

static void request_opendir(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	struct node *node = directory_of(inode);
	struct listing *listing;
	int r = node ? listing_new(node, request_caller(req).uid, &listing) : -ESTALE;

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	info->fh = (uintptr_t)listing;
	if (fuse_reply_open(req, info) < 0)
		listing_free(listing);
}

static void request_releasedir(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	listing_free((struct listing *)(uintptr_t)info->fh);
	fuse_reply_err(req, 0);
}

static const char *listing_child(const struct listing *listing, size_t at, struct stat *ret)
{
	struct node *child = node_by_id(listing->children[at]);

	if (!child)
		return "";
	node_stat(child, child->def->leaf, ret);
	return child->name;
}

/* Item @at: ".", "..", rows, children, names. Return: its name; "": it is gone; NULL: the end. */
static const char *listing_item(const struct listing *listing, size_t at, struct stat *ret)
{
	struct node *node = listing->node;
	size_t n_rows = node_n_rows(node);

	if (at < 2) {
		node_stat(at == 1 && node->parent ? node->parent : node, NULL, ret);
		return at == 0 ? "." : "..";
	}
	at -= 2;
	if (at < n_rows) {
		const struct row *row = &node->def->rows[at];

		if (row->is_there && !row->is_there(node))
			return "";
		node_stat(node, row, ret);
		return row->name;
	}
	at -= n_rows;
	if (at < listing->n_children)
		return listing_child(listing, at, ret);
	at -= listing->n_children;
	if (at >= listing->names.n)
		return NULL;
	*ret = (struct stat){ .st_ino = UNKNOWN_INODE, .st_mode = listing->names.names[at].type };
	return listing->names.names[at].name;
}

static void request_readdir(fuse_req_t req, fuse_ino_t inode, size_t size, off_t at,
			    struct fuse_file_info *info)
{
	const struct listing *listing = (const struct listing *)(uintptr_t)info->fh;
	static char buffer[1 << 16];
	size_t used = 0;
	const char *name;
	struct stat status;

	(void)inode;
	if (size > sizeof(buffer))
		size = sizeof(buffer);
	for (; (name = listing_item(listing, (size_t)at, &status)); at++) {
		size_t n;

		if (*name == '\0')
			continue;
		n = fuse_add_direntry(req, buffer + used, size - used, name, &status, at + 1);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buffer, used);
}

static void request_statfs(fuse_req_t req, fuse_ino_t inode)
{
	struct statvfs status;
	int r = store_statvfs(store, &status);

	(void)inode;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	status.f_namemax = NODE_NAME_MAX;
	fuse_reply_statfs(req, &status);
}

const struct fuse_lowlevel_ops requests = {
	.init       = request_init,
	.lookup     = request_lookup,
	.getattr    = request_getattr,
	.setattr    = request_setattr,
	.readlink   = request_readlink,
	.mkdir      = request_mkdir,
	.rmdir      = request_rmdir,
	.unlink     = request_unlink,
	.mknod      = request_mknod,
	.symlink    = request_symlink,
	.link       = request_link,
	.rename     = request_rename,
	.opendir    = request_opendir,
	.readdir    = request_readdir,
	.releasedir = request_releasedir,
	.statfs     = request_statfs,
	.open       = request_open,
	.release    = request_release,
	.read       = request_read,
	.write      = request_write,
	.poll       = request_poll,
	.flush      = request_flush,
};
