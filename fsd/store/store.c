/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>

#include "store/objects.h"
#include "util/failure.h"
#include "util/log.h"
#include "util/number.h"

#define STORE_FORMAT	1
#define IDS_AT_ONCE	1024		/* entries made before fsd.json is written again */
#define LOCK_TRIES	60		/* of 50 ms */
#define MAX_DOCUMENT	(32 << 20)	/* bytes of a record */

struct store {
	char *path;		/* owned */
	int fd;
	int lock_fd;
	bool made;		/* by us, so that we may remove it */
	uint32_t generation;
	uint64_t ids;		/* what store_ids() gives */
	char *mountpoint;	/* owned: as last saved */
};

static const char *const memory_names[N_SIDES] = {
	[SIDE_PRODUCER] = "data",
	[SIDE_CONSUMER] = "consumer",
};

/* Small documents */

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

static void next_name(const char *name, char next[static 64])
{
	snprintf(next, 64, "%s.new", name);
}

/* Write folder/@name.new, whole or not at all. */
static int write_next(int folder, const char *name, const char *text)
{
	_cleanup_(closep) int fd = -1;
	char next[64];
	int r;

	if (!text)
		return -ENOMEM;
	next_name(name, next);
	/* Ours and new: the owner of a queue may write its folder, and what a crash left is no use. */
	unlinkat(folder, next, 0);
	fd = openat(folder, next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r < 0)
		unlinkat(folder, next, 0);
	return r;
}

/* @name.new becomes @name, or is gone. */
static int put_in_place(int folder, const char *name)
{
	char next[64];
	int r;

	next_name(name, next);
	r = renameat(folder, next, folder, name) < 0 ? -errno : 0;
	if (r < 0)
		unlinkat(folder, next, 0);
	return r;
}

/* Write folder/@name, whole or not at all. */
static int write_document(int folder, const char *name, const char *text)
{
	int r = write_next(folder, name, text);

	return r < 0 ? r : put_in_place(folder, name);
}

static int read_document(int folder, const char *name, char **ret)
{
	_cleanup_(closep) int fd = openat(folder, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_(freep) char *text = NULL;
	struct stat status;
	ssize_t n;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > MAX_DOCUMENT ||
	    status.st_uid != geteuid())
		return -EBADMSG;
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, (size_t)status.st_size);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	*ret = steal(text);
	return 0;
}

static void object_name(uint64_t id, const char *suffix, char name[static 32])
{
	snprintf(name, 32, "%" PRIu64 "%s", id, suffix);
}

int store_open_object(struct store *store, uint64_t id)
{
	char name[32];
	int fd;

	object_name(id, "", name);
	fd = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A folder of ours holds files alone, so this is all it takes. */
static int remove_folder(int parent, const char *name)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *item;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((item = readdir(dir)))
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			unlinkat(fd, item->d_name, 0);
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

static int list_ids(struct store *store, uint64_t **ret_ids, size_t *ret_n)
{
	_cleanup_(closedirp) DIR *dir = opendir(store->path);
	_cleanup_(freep) uint64_t *ids = NULL;
	size_t n = 0, room = 0;
	struct dirent *item;

	if (!dir)
		return -errno;
	while ((item = readdir(dir))) {
		uint64_t id;

		if (number_parse(item->d_name, strlen(item->d_name), &id) < 0)
			continue;
		if (n == room) {
			uint64_t *more = reallocarray(ids, room = room ? 2 * room : 64, sizeof(*ids));

			if (!more)
				return -ENOMEM;
			ids = more;
		}
		ids[n++] = id;
	}
	if (n > 0)
		qsort(ids, n, sizeof(*ids), compare_ids);
	*ret_ids = steal(ids);
	*ret_n = n;
	return 0;
}

/* Opening */

/* Make @path and the folders above it; *@ret_made: the last was not there. */
static int make_folders(const char *path, bool *ret_made)
{
	_cleanup_(freep) char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	if (*part == '\0')
		return -ENOENT;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0711) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	*ret_made = mkdir(path, 0700) == 0;
	return *ret_made || errno == EEXIST ? 0 : -errno;
}

static int check_owner(const struct store *store)
{
	struct stat status;

	if (fstat(store->fd, &status) < 0)
		return log_errno(-errno, "cannot look at state directory '%s'", store->path);
	if (status.st_uid != geteuid()) {
		log_error("state directory '%s' belongs to uid %u, not to us; choose another with -s",
			  store->path, status.st_uid);
		return -EPERM;
	}
	if (status.st_mode & 022) {
		log_error("state directory '%s' may be written by others; chmod go-w it, or choose "
			  "another with -s",
			  store->path);
		return -EPERM;
	}
	return 0;
}

static bool is_object_name(const char *name)
{
	uint64_t id;

	return number_parse(name, strcspn(name, "."), &id) == 0;
}

/* Without a description of ours in it, it must be empty. */
static int check_empty(const struct store *store)
{
	_cleanup_(closedirp) DIR *dir = opendir(store->path);
	struct dirent *item;

	while (dir && (item = readdir(dir))) {
		const char *name = item->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, "lock") == 0 || strcmp(name, "fsd.json.new") == 0)
			continue;
		log_error("'%s' is no state directory of fsd: it holds '%s'; choose another with -s",
			  store->path, name);
		return -EPERM;
	}
	return dir ? 0 : log_errno(-errno, "cannot look into '%s'", store->path);
}

static int load_daemon(struct store *store)
{
	_cleanup_(freep) char *text = NULL;
	json_auto_t *object = NULL;
	json_int_t generation, ids = 0;
	int r = read_document(store->fd, "fsd.json", &text);
	int format, made;

	if (r == -ENOENT)
		return check_empty(store);
	if (r < 0)
		return log_errno(r, "cannot read '%s/fsd.json'", store->path);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!object || json_unpack(object, "{s:i, s:I, s:b, s?I}", "format", &format,
				   "generation", &generation, "made", &made, "ids", &ids) < 0 ||
	    format != STORE_FORMAT) {
		log_error("'%s/fsd.json' is damaged or of another version; remove '%s' to start afresh",
			  store->path, store->path);
		return -EBADMSG;
	}
	store->generation = (uint32_t)generation;
	store->made = made;
	store->ids = (uint64_t)ids;
	return 0;
}

/* Return: -ESTALE, who had the lock took it away, or the directory. */
static int lock_store(struct store *store)
{
	struct stat status;

	store->lock_fd = openat(store->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store->lock_fd < 0)
		return errno == ENOENT ? -ESTALE :
		       log_errno(-errno, "cannot make '%s/lock'", store->path);
	/* A predecessor that was unmounted or killed just now may take a moment to be gone. */
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return fstat(store->lock_fd, &status) == 0 && status.st_nlink > 0 ?
			       0 : -ESTALE;
		if (errno != EWOULDBLOCK)
			return log_errno(-errno, "cannot lock '%s/lock'", store->path);
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	log_error("state directory '%s' is in use by another fsd; unmount that, or choose another with -s",
		  store->path);
	return -EBUSY;
}

static bool is_record(int folder, const char *name)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	_cleanup_(freep) char *text = NULL;

	return read_document(folder, name, &text) == 0 && record_from_text(text, &record) == 0;
}

/*
 * Memory and the record that describes it change together: both are made, then
 * the memory is put in place, then the record. So as long as there is new memory
 * nothing was put in place yet; and a new record without it goes where it belongs.
 */
static void finish_change(struct store *store, const char *name)
{
	_cleanup_(closep) int folder = openat(store->fd, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return;
	if (faccessat(folder, "data.new", F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    is_record(folder, "record.json.new"))
		put_in_place(folder, "record.json");
	unlinkat(folder, "record.json.new", 0);
	unlinkat(folder, "data.new", 0);
}

/* What a crash left half done. */
static void sweep(struct store *store)
{
	_cleanup_(closedirp) DIR *dir = opendir(store->path);
	struct dirent *item;

	while (dir && (item = readdir(dir))) {
		if (!is_object_name(item->d_name))
			continue;
		if (strchr(item->d_name, '.'))
			remove_folder(store->fd, item->d_name);
		else
			finish_change(store, item->d_name);
	}
}

static void store_closep(struct store **store)
{
	*store = store_close(*store);
}

/* The directory @path, ours and locked. Return: -ESTALE as lock_store(). */
static int enter(const char *path, struct store **ret)
{
	_cleanup_(store_closep) struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->fd = store->lock_fd = -1;
	r = make_folders(path, &store->made);
	if (r == -ENOENT)	/* another fsd took an empty folder away while we were in it */
		r = make_folders(path, &store->made);
	if (r < 0)
		return log_errno(r, "cannot make state directory '%s'", path);
	store->path = realpath(path, NULL);
	store->fd = store->path ? open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (store->fd < 0)
		return log_errno(-errno, "cannot open state directory '%s'", path);
	r = check_owner(store);
	if (r == 0)
		r = lock_store(store);
	if (r < 0)
		return r;
	*ret = steal(store);
	return 0;
}

int store_open(const char *path, struct store **ret)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r;

	do
		r = enter(path, &store);
	while (r == -ESTALE);
	if (r == 0)
		r = load_daemon(store);
	if (r < 0)
		return r;
	store->generation++;
	sweep(store);
	*ret = steal(store);
	return 0;
}

struct store *store_close(struct store *store)
{
	if (store) {
		close_fd(store->fd);
		close_fd(store->lock_fd);
		free(store->mountpoint);
		free(store->path);
		free(store);
	}
	return NULL;
}

bool store_is_empty(struct store *store)
{
	_cleanup_(freep) uint64_t *ids = NULL;
	size_t n = 0;

	return list_ids(store, &ids, &n) == 0 && n == 0;
}

/* What default_state() of main.c puts them into: "fsd", or "fsd-UID". */
static bool is_folder_of_states(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (strcmp(name, "/fsd") == 0 || strncmp(name, "/fsd-", 5) == 0);
}

void store_destroy(struct store *store)
{
	unlinkat(store->fd, "fsd.json", 0);
	unlinkat(store->fd, "lock", 0);
	if (!store->made)
		return;
	rmdir(store->path);
	/* The folder of state directories, when ours was the last and it is no other's. */
	*strrchr(store->path, '/') = '\0';
	if (is_folder_of_states(store->path))
		rmdir(store->path);
}

const char *store_path(const struct store *store)
{
	return store->path;
}

bool store_is_on_tmpfs(const struct store *store)
{
	struct statfs status;

	return fstatfs(store->fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

int store_statvfs(const struct store *store, struct statvfs *ret)
{
	return fstatvfs(store->fd, ret) < 0 ? -errno : 0;
}

int store_let_others_in(struct store *store, bool may_enter)
{
	return fchmod(store->fd, may_enter ? 0711 : 0700) < 0 ? -errno : 0;
}

uint32_t store_generation(const struct store *store)
{
	return store->generation;
}

/*
 * Where there is no room for another file a text of a page may take the place of what is
 * there: one write, which nothing cuts short, and no block more.
 */
static int write_over(int folder, const char *name, const char *text)
{
	_cleanup_(closep) int fd = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char page[QUEUE_PAGE];
	size_t size = strlen(text);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > (off_t)sizeof(page) || size > sizeof(page))
		return -ENOSPC;
	memset(page, '\n', sizeof(page));
	memcpy(page, text, size);
	if ((off_t)size < status.st_size)
		size = (size_t)status.st_size;
	return pwrite(fd, page, size, 0) == (ssize_t)size ? 0 : -ENOSPC;
}

static int save_daemon(struct store *store)
{
	json_auto_t *object = json_pack("{s:i, s:I, s:b, s:I, s:s*}", "format", STORE_FORMAT,
		"generation", (json_int_t)store->generation, "made", (int)store->made,
		"ids", (json_int_t)store->ids, "mountpoint", store->mountpoint);
	_cleanup_(freep) char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
	int r = write_document(store->fd, "fsd.json", text);

	return r == -ENOSPC ? write_over(store->fd, "fsd.json", text) : r;
}

int store_save_daemon(struct store *store, const char *mountpoint)
{
	char *copy = strdup(mountpoint);

	if (!copy)
		return -ENOMEM;
	free(store->mountpoint);
	store->mountpoint = copy;
	return save_daemon(store);
}

uint64_t store_ids(const struct store *store)
{
	return store->ids;
}

int store_use_id(struct store *store, uint64_t id)
{
	uint64_t before = store->ids;
	int r;

	if (id <= before)
		return 0;
	store->ids = id + IDS_AT_ONCE;
	r = save_daemon(store);
	if (r < 0)
		store->ids = before;
	return r;
}

/* Adoption */

static int load_record(struct store *store, uint64_t id, struct record *ret)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	_cleanup_(freep) char *text = NULL;
	int r = folder < 0 ? folder : read_document(folder, "record.json", &text);

	return r < 0 ? r : record_from_text(text, ret);
}

uint64_t store_last_id(struct store *store)
{
	_cleanup_(freep) uint64_t *ids = NULL;
	size_t n = 0;

	return list_ids(store, &ids, &n) == 0 && n > 0 ? ids[n - 1] : 0;
}

int store_each(struct store *store, store_adopt *adopt, void *user)
{
	_cleanup_(freep) uint64_t *ids = NULL;
	size_t n = 0;
	int r = list_ids(store, &ids, &n);

	if (r < 0)
		return r;
	for (enum record_kind kind = RECORD_SERVICE; kind <= RECORD_STREAM; kind++) {
		for (size_t i = 0; i < n; i++) {
			_cleanup_(record_deinit) struct record record = { 0 };

			r = load_record(store, ids[i], &record);
			if (failure_is_want(r))
				return r;
			if (r < 0 && kind == RECORD_SERVICE) {
				log_warning("'%s/%" PRIu64 "/record.json' cannot be read (%s), ignoring",
					    store->path, ids[i], strerror(-r));
				adopt(user, ids[i], NULL);
			}
			if (r == 0 && record.kind == kind)
				adopt(user, ids[i], &record);
		}
	}
	return 0;
}

/* Objects */

int store_set_file_attributes(int folder, const char *name, const struct attributes *attributes,
			  mode_t least)
{
	_cleanup_(closep) int fd = openat(folder, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISDIR(status.st_mode) && (!S_ISREG(status.st_mode) || status.st_nlink != 1))
		return -EIO;
	return store_set_open_file_attributes(fd, attributes, least);
}

int store_set_open_file_attributes(int fd, const struct attributes *attributes, mode_t least)
{
	mode_t mode = (attributes->mode & 0777) | (geteuid() == 0 ? 0 : least);
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		mode &= ~(mode_t)022;	/* as in the mount, nobody makes or removes files in it */
	if (fchown(fd, attributes->uid, attributes->gid) < 0 && errno != EPERM)
		return -errno;	/* EPERM: not root, and then all is ours anyway */
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* A file of @size reserved bytes that starts with @page. */
static int make_memory(int folder, const char *name, const union page *page, uint64_t size)
{
	_cleanup_(closep) int fd = openat(folder, name,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = posix_fallocate(fd, 0, (off_t)size);
	if (r > 0)
		return -r;
	if (pwrite(fd, page, sizeof(*page), 0) != (ssize_t)sizeof(*page))
		return -EIO;
	return 0;
}

static int make_queue(struct store *store, int folder, const struct geometry *geometry)
{
	union page data = { 0 }, consumer = { 0 };
	int r;

	layout_format((struct queue_data *)data.bytes, &consumer.consumer, geometry);
	((struct queue_data *)data.bytes)->generation = store->generation;
	r = make_memory(folder, "data", &data, geometry_file_size(geometry));
	return r < 0 ? r : make_memory(folder, "consumer", &consumer, QUEUE_PAGE);
}

static int fill_object(struct store *store, int folder, const struct record *record,
		       const struct geometry *geometry, const struct attributes memory[N_SIDES])
{
	_cleanup_(freep) char *text = record_to_text(record);
	int r = write_document(folder, "record.json", text);

	if (r < 0 || !geometry)
		return r;
	r = make_queue(store, folder, geometry);
	for (int i = 0; i < N_SIDES && r == 0; i++)
		r = store_set_file_attributes(folder, memory_names[i], &memory[i], 0600);
	return r;
}

int store_add(struct store *store, uint64_t id, const struct record *record,
	      const struct geometry *geometry, const struct attributes memory[N_SIDES])
{
	_cleanup_(closep) int folder = -1;
	char next[32], name[32];
	int r;

	object_name(id, ".new", next);
	object_name(id, "", name);
	if (mkdirat(store->fd, next, 0700) < 0)
		return -errno;
	folder = openat(store->fd, next, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = folder < 0 ? -errno : fill_object(store, folder, record, geometry, memory);
	if (r == 0 && geometry)
		r = store_set_file_attributes(store->fd, next, &record->own, 0700);
	if (r == 0 && renameat(store->fd, next, store->fd, name) < 0)
		r = -errno;
	if (r < 0)
		remove_folder(store->fd, next);
	return r;
}

int store_save(struct store *store, uint64_t id, const struct record *record)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	_cleanup_(freep) char *text = record_to_text(record);

	return folder < 0 ? folder : write_document(folder, "record.json", text);
}

void store_remove(struct store *store, uint64_t id)
{
	char name[32], old[32];

	object_name(id, "", name);
	object_name(id, ".old", old);
	if (renameat(store->fd, name, store->fd, old) == 0)
		remove_folder(store->fd, old);
}

const char *store_memory_name(enum side side)
{
	return memory_names[side];
}

int store_open_memory(struct store *store, uint64_t id, enum side side, int flags)
{
	_cleanup_(closep) int fd = -1;
	struct stat status;
	char name[64];

	snprintf(name, sizeof(name), "%" PRIu64 "/%s", id, memory_names[side]);
	fd = openat(store->fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EISDIR ?
			-EIO : -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1)
		return -EIO;
	return steal_fd(&fd);
}

void store_announce(struct store *store)
{
	_cleanup_(freep) uint64_t *ids = NULL;
	size_t n = 0;

	if (list_ids(store, &ids, &n) < 0)
		return;		/* adoption will tell */
	for (size_t i = 0; i < n; i++) {
		/* A service has no memory; damaged memory has nobody to tell. */
		_cleanup_(closep) int fd = store_open_memory(store, ids[i], SIDE_PRODUCER, O_WRONLY);

		if (fd >= 0 && pwrite(fd, &store->generation, sizeof(store->generation),
				      offsetof(struct queue_data, generation)) < 0)
			continue;
	}
}

int store_remake_memory(struct store *store, uint64_t id, enum side side, uint64_t size,
			const struct attributes *attributes)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	const union page page = { 0 };
	int r;

	if (folder < 0)
		return folder;
	if (unlinkat(folder, memory_names[side], 0) < 0 && errno != ENOENT)
		return -errno;
	r = make_memory(folder, memory_names[side], &page, size);
	return r < 0 ? r : store_set_file_attributes(folder, memory_names[side], attributes, 0600);
}

char *store_memory_path(struct store *store, uint64_t id, enum side side)
{
	return text_print("%s/%" PRIu64 "/%s", store->path, id, memory_names[side]);
}

static int make_next(int folder, const struct record *record, const union page *page,
		     const struct geometry *geometry, const struct attributes *attributes)
{
	_cleanup_(freep) char *text = record_to_text(record);
	int r = make_memory(folder, "data.new", page, geometry_file_size(geometry));

	if (r == 0)
		r = store_set_file_attributes(folder, "data.new", attributes, 0600);
	return r < 0 ? r : write_next(folder, "record.json", text);
}

int store_replace_data(struct store *store, uint64_t id, const struct record *record,
		       const union page *page, const struct geometry *geometry,
		       const struct attributes *attributes)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	int r;

	if (folder < 0)
		return folder;
	unlinkat(folder, "data.new", 0);	/* the owner's: he may write the folder */
	r = make_next(folder, record, page, geometry, attributes);
	if (r == 0)
		r = put_in_place(folder, "data");
	if (r == 0)
		r = put_in_place(folder, "record.json");
	if (r < 0) {
		unlinkat(folder, "record.json.new", 0);
		unlinkat(folder, "data.new", 0);
	}
	return r;
}

int store_set_attributes(struct store *store, uint64_t id, const char *name,
			 const struct attributes *attributes)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	char own[32];

	if (folder < 0)
		return folder;
	object_name(id, "", own);
	return name ? store_set_file_attributes(folder, name, attributes, 0600)
		    : store_set_file_attributes(store->fd, own, attributes, 0700);
}
