/* SPDX-License-Identifier: MIT */
/*
 * fuzz_client - any text in the files of an entry: what the library says of it, and what ioreg
 * shows
 *
 * The first byte is how ioreg is to show it. Then come the files in the order of `files`, with a
 * byte 0xff between; the first is what the entry's directory is called. What is shown on a
 * terminal must not steer it; what is shown as JSON must be JSON.
 */
#include <errno.h>

#include <IOKit/IOKitLib.h>

#include "libqueue/ioreg_print.h"
#include "libqueue/json_text.h"
#include "mount.h"

#define BETWEEN		0xff
#define N_FILES		(sizeof(files) / sizeof(files[0]))
#define N_NAME		200	/* bytes of a directory's */

static const char *const files[] = {
	"id", "name", "location", "class", "classes", "state", "busy", "retain", "path", "props",
	"prop/key", ("prop/" kIOClassNameOverrideKey), "match", "busy_time",
};

static char service[N_NAME + sizeof("IOService/")];	/* its directory, in the mount */

static const char *in_service(const char *file)
{
	static char path[sizeof(service) + 64];

	snprintf(path, sizeof(path), "%s/%s", service, file);
	return path;
}

/* --- making it */

/* The next part of the input; false when there is none. */
static bool take_part(struct input *input, const char **bytes, size_t *n)
{
	const void *end = memchr(input->bytes, BETWEEN, input->n);

	if (input->n == 0)
		return false;
	*bytes = (const char *)input->bytes;
	*n = end ? (size_t)((const uint8_t *)end - input->bytes) : input->n;
	input->bytes += *n + (end ? 1 : 0);
	input->n -= *n + (end ? 1 : 0);
	return true;
}

/* Whatever may be the name of a directory. */
static bool make_folder(struct input *input)
{
	const char *bytes;
	size_t n;

	if (!take_part(input, &bytes, &n) || n == 0 || n > N_NAME || *bytes == '.' ||
	    memchr(bytes, '/', n) || memchr(bytes, '\0', n))
		return false;
	snprintf(service, sizeof(service), "IOService/%.*s", (int)n, bytes);
	if (mkdir(in_mount(service), 0700) < 0)
		return false;	/* a file of the root is called that */
	put_folder(in_service("prop"));
	return true;
}

static void make_files(struct input *input)
{
	const char *bytes;
	size_t n;

	for (size_t i = 0; i < N_FILES && take_part(input, &bytes, &n); i++)
		put_file(in_service(files[i]), bytes, n);
	/* The rest is what fsd says of a refusal. */
	if (input->n > 0) {
		char name[32];

		snprintf(name, sizeof(name), "err/%d", (int)getpid());
		put_file(name, input->bytes, input->n);
	}
}

static void remove_service(void)
{
	char name[32];

	remove_folder(in_mount(service));
	snprintf(name, sizeof(name), "err/%d", (int)getpid());
	unlink(in_mount(name));
}

/* --- ioreg */

static bool steers(const char *c)
{
	unsigned char first = (unsigned char)c[0];

	return first < 0x20 || first == 0x7f || (first == 0xc2 && (c[1] & 0xe0) == 0x80);
}

/* Lines, none of them longer than the terminal is wide; and how many there are. */
static size_t check_lines(const struct style *style, const char *text)
{
	size_t n_lines = 0;
	unsigned columns = 0;

	for (const char *c = text; *c; c++) {
		if (*c == '\n') {
			n_lines++;
			columns = 0;
			continue;
		}
		CHECK(!style->for_terminal || !steers(c));
		columns += (*c & 0xc0) != 0x80;
		CHECK(style->width == 0 || columns <= style->width);
	}
	return n_lines;
}

static void check_shown(const struct style *style, struct entry *entry, const struct bars *bars)
{
	FILE *real = stdout;
	char *text = NULL;
	size_t size, n_lines;

	stdout = open_memstream(&text, &size);
	CHECK(stdout);
	print_node(style, entry, bars);
	print_properties(style, entry, bars);
	CHECK(fclose(stdout) == 0);
	stdout = real;
	CHECK(strlen(text) == size || !style->for_terminal);
	n_lines = check_lines(style, text);
	/* A line of its own, three around the properties, and one for each. */
	CHECK(style->width == 0 || style->decode ||
	      n_lines == 4 + json_object_size(entry_properties(entry)));
	free(text);
}

static void check_json(const struct style *style, struct entry *entry)
{
	char *text = json_node(style, entry, true);
	size_t size = text ? strlen(text) : 0;
	json_auto_t *object = NULL;

	CHECK(text && (text = realloc(text, size + 2)));
	text[size] = '}';
	text[size + 1] = '\0';
	CHECK(json_text_parse(text, size + 1, &object, NULL, 0) == 0 && json_is_object(object));
	for (const char *c = text; *c; c++)
		CHECK(!steers(c));
	free(text);
}

static void check_ioreg(uint8_t how)
{
	static struct bars bars = { .depth = 1 };
	struct style style = {
		.lineage = how & 1, .hex = how & 2, .decode = how & 4, .for_terminal = how & 8,
		.width = how & 16 ? 20 + how : 0,
	};
	int mount = open(mount_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct children children;
	struct entry *root, *entry;

	CHECK(mount >= 0 && entry_open_root(mount, "IOService", &root) == 0);
	CHECK(children_open(root, &children) == 0);
	while (children_more(&children)) {
		CHECK(children_next(&children, &entry) == 0);
		check_shown(&style, entry, &bars);
		check_json(&style, entry);
		entry_close(entry);
	}
	children_close(&children);
	entry_close(root);
	close(mount);
}

/* --- the library */

static void check_properties(io_service_t object, uint8_t how)
{
	static const char *const keys[] = {
		"key", "$key", "a/b", kIOClassNameOverrideKey, "IORegistryEntryPropertyKeys",
	};
	uint32_t room = how % 24;
	char *bytes = malloc(room + 1);
	json_t *table = NULL;

	CHECK(bytes);
	if (IORegistryEntryCreateCFProperties(object, &table, NULL, 0) == kIOReturnSuccess)
		CHECK(json_is_object(table));
	json_decref(table);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint32_t size = room;

		if (IORegistryEntryGetProperty(object, keys[i], bytes, &size) == kIOReturnSuccess)
			CHECK(size <= room);
		json_decref(IORegistryEntryCreateCFProperty(object, keys[i], NULL, 0));
	}
	free(bytes);
}

static void check_names(io_service_t object)
{
	io_name_t name;
	io_string_t place;
	char *path = IORegistryEntryCopyPath(object, kIOServicePlane);
	char *class = IOObjectCopyClass(object), *base = IOObjectCopySuperclassForClass(class);

	if (IORegistryEntryGetName(object, name) == kIOReturnSuccess)
		CHECK(strlen(name) < sizeof(name));
	if (IORegistryEntryGetLocationInPlane(object, kIOServicePlane, name) == kIOReturnSuccess)
		CHECK(*name && strlen(name) < sizeof(name));
	if (IOObjectGetClass(object, name) == kIOReturnSuccess)
		CHECK(class && strncmp(class, name, sizeof(name) - 1) == 0);
	if (IORegistryEntryGetPath(object, kIOServicePlane, place) == kIOReturnSuccess)
		CHECK(path && strcmp(path, place) == 0);
	CHECK(!path || strncmp(path, "IOService:", 10) == 0);	/* an alias, or a slash */
	IOObjectRelease(IORegistryEntryFromPath(MACH_PORT_NULL, path));
	IORegistryEntryInPlane(object, kIOServicePlane);
	IORegistryEntryInPlane(object, "IOPower");
	IOObjectConformsTo(object, "IOService");
	free(base);
	free(class);
	free(path);
}

static void check_state(io_service_t object)
{
	json_t *dictionary = IOServiceMatching("IOService");
	uint64_t state;
	uint32_t busy;
	boolean_t matches;

	IOObjectGetKernelRetainCount(object);
	if (IOServiceGetState(object, &state) == kIOReturnSuccess)
		CHECK(!(state & kIOServiceInactiveState) || state == kIOServiceInactiveState);
	IOServiceGetBusyState(object, &busy);
	IOServiceGetBusyStateAndTime(object, &state, &busy, NULL);
	IOServiceMatchPropertyTable(object, dictionary, &matches);
	json_decref(dictionary);
}

/* By its path, as the input calls it, and as one who lists. */
static void check_library(uint8_t how)
{
	io_registry_entry_t root = IORegistryGetRootEntry(MACH_PORT_NULL), object;
	char path[sizeof(service) + sizeof(kIOServicePlane)];
	io_iterator_t children;

	CHECK(root);
	snprintf(path, sizeof(path), kIOServicePlane ":%s", strchr(service, '/'));
	IOObjectRelease(IORegistryEntryFromPath(MACH_PORT_NULL, path));
	CHECK(IORegistryEntryGetChildIterator(root, kIOServicePlane, &children) ==
	      kIOReturnSuccess);
	while ((object = IOIteratorNext(children))) {
		check_names(object);
		check_state(object);
		check_properties(object, how);
		IOObjectRelease(object);
	}
	IOObjectRelease(children);
	IOObjectRelease(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	uint8_t how = take_byte(&input);

	make_mount();
	if (!make_folder(&input))
		return 0;
	make_files(&input);
	check_ioreg(how);
	check_library(how);
	remove_service();
	return 0;
}
