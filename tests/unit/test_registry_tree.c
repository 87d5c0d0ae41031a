/* SPDX-License-Identifier: MIT */
/* Entries: where they are, what is above and below them, iterators; without fsd. */
#include "plain_tree.h"

#include <sys/resource.h>

static void set_up(void)
{
	new_tree();
	make_entry("IOService/Bus");		/* ...101 */
	make_entry("IOService/Bus/Dev@0");
	make_entry("IOService/Bus/Dev@1f,2");
	make_entry("IOService/Bus/Dev@0/Leaf");
	make_entry("IOService/Other");
}

static void tear_down(void)
{
	remove_tree();
}

static uint64_t id_of(io_registry_entry_t entry)
{
	uint64_t id = 1;

	ck_assert_int_eq(IORegistryEntryGetRegistryEntryID(entry, &id), kIOReturnSuccess);
	return id;
}

static void expect_path(const char *path, const char *found)
{
	io_registry_entry_t entry = IORegistryEntryFromPath(kIOMainPortDefault, path);
	io_string_t text;

	if (!found) {
		ck_assert_msg(entry == IO_OBJECT_NULL, "there is a %s", path);
		return;
	}
	ck_assert_msg(entry > 0, "there is no %s", path);
	ck_assert_int_eq(IORegistryEntryGetPath(entry, kIOServicePlane, text), kIOReturnSuccess);
	ck_assert_str_eq(text, found);
	IOObjectRelease(entry);
}

/* The names of what it gives, with blanks between; it is released. */
static const char *names_of(io_iterator_t iterator)
{
	static char names[1024];
	io_object_t next;
	io_name_t name;
	size_t n = 0;

	names[0] = '\0';
	while ((next = IOIteratorNext(iterator))) {
		ck_assert_int_eq(IORegistryEntryGetName(next, name), kIOReturnSuccess);
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? " " : "", name);
		IOObjectRelease(next);
	}
	IOObjectRelease(iterator);
	return names;
}

static io_iterator_t walk(const char *path, const char *plane, IOOptionBits options)
{
	io_registry_entry_t entry = entry_at(path);
	io_iterator_t iterator = IO_OBJECT_NULL;

	ck_assert_int_eq(IORegistryEntryCreateIterator(entry, plane, options, &iterator),
			 kIOReturnSuccess);
	IOObjectRelease(entry);
	return iterator;
}

START_TEST(the_root_is_of_all_planes)
{
	io_registry_entry_t root = IORegistryGetRootEntry(kIOMainPortDefault);
	io_registry_entry_t parent = 5;
	io_name_t name;
	io_string_t path;

	ck_assert_uint_eq(id_of(root), 0x100000100);
	ck_assert_int_eq(IORegistryEntryGetName(root, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "Root");
	ck_assert_int_eq(IORegistryEntryGetPath(root, kIOServicePlane, path), kIOReturnSuccess);
	ck_assert_str_eq(path, "IOService:/");
	ck_assert(!IORegistryEntryInPlane(root, kIOServicePlane));
	ck_assert_int_eq(IORegistryEntryGetParentEntry(root, kIOServicePlane, &parent),
			 kIOReturnNoDevice);
	ck_assert_int_eq(parent, IO_OBJECT_NULL);
	IOObjectRelease(root);
}
END_TEST

START_TEST(a_path_leads_to_an_entry_by_name_and_location)
{
	expect_path("IOService:/", "IOService:/");
	expect_path("IOService:/Bus", "IOService:/Bus");
	expect_path("IOService:/Bus/Dev@1f,2", "IOService:/Bus/Dev@1f,2");
	expect_path("IOService:/Bus/Dev@1F:02", "IOService:/Bus/Dev@1f,2");
	expect_path("IOService:/Bus/Dev@001f,2,0", "IOService:/Bus/Dev@1f,2");
	expect_path("IOService:/Bus/@1f,2", "IOService:/Bus/Dev@1f,2");
	expect_path("IOService:/Bus/Dev@0/Leaf", "IOService:/Bus/Dev@0/Leaf");
	expect_path("IOService:/Bus/@0/Leaf", "IOService:/Bus/Dev@0/Leaf");
	IOObjectRelease(entry_at("IOService:/Bus/Dev"));
	expect_path("IOService:/Bus/Dev@2", NULL);
	expect_path("IOService:/Bus/Dev@1f,2x", NULL);
	expect_path("IOService:/Bus/", NULL);
	expect_path("IOService:/Bus/Dev@0/", NULL);
	expect_path("IOService://", NULL);
	expect_path("IOService:/Nope", NULL);
	expect_path("IOService:Bus", NULL);
	expect_path("IOService", NULL);
	expect_path("", NULL);
	expect_path("/Bus", NULL);
	expect_path("IOPower:/Bus", NULL);
	expect_path("Nope:/", NULL);
}
END_TEST

/* fsd says by a link what it stands for, and by another line that it is written. */
static void make_alias(const char *alias, const char *place)
{
	char path[1200], line[8400];

	snprintf(path, sizeof(path), "../%s", place);
	ck_assert_int_eq(symlink(path, in_tree("id/IOService:%s", alias)), 0);
	snprintf(line, sizeof(line), "%sIOPower:/Far\nIOService:%s\n",
		 text_in(in_tree("%s/path", place)), alias);
	set_file(place, "path", line);
}

START_TEST(a_path_may_begin_with_an_alias)
{
	io_registry_entry_t other;

	make_alias("dev", "IOService/Bus/Dev@0");
	make_alias("root", "IOService");
	ck_assert_int_eq(symlink("../IOService/Bus/prop", in_tree("id/IOService:prop")), 0);
	expect_path("IOService:dev", "IOService:dev");
	expect_path("IOService:/Bus/Dev@0", "IOService:dev");
	expect_path("IOService:dev/Leaf", "IOService:/Bus/Dev@0/Leaf");
	expect_path("IOService:root", "IOService:root");
	expect_path("IOService:root/Bus", "IOService:/Bus");
	expect_path("IOService:dev/", NULL);
	expect_path("IOService:dev/Nope", NULL);
	expect_path("IOService:de", NULL);
	expect_path("IOService:prop", NULL);
	expect_path("IOService:/dev", NULL);
	expect_path("IOPower:dev", NULL);
	expect_path("dev", NULL);
	other = entry_at("IOService:dev");
	ck_assert_uint_eq(id_of(other), FIRST_ID + 1);
	ck_assert(IORegistryEntryInPlane(other, "IOPower"));
	ck_assert(!IORegistryEntryInPlane(other, "IOService:dev"));
	ck_assert_ptr_null(IORegistryEntryCopyPath(other, "IOService:dev"));
	ck_assert_ptr_null(IORegistryEntryCopyPath(other, "IO"));
	ck_assert_str_eq(names_of(walk("IOService:dev", kIOServicePlane, 0)), "Leaf");
	IOObjectRelease(other);
}
END_TEST

START_TEST(a_path_does_not_leave_the_registry)
{
	expect_path("IOService:/..", NULL);
	expect_path("IOService:/Bus/../Other", NULL);
	expect_path("IOService:/./Bus", NULL);
	expect_path("IOService:/Bus/prop", NULL);
	expect_path("IOService:/Bus/parents/0x100000100/Other", NULL);
	expect_path("id:/0x100000101", NULL);
	expect_path("..:/tmp", NULL);
	expect_path("IOService/..:/IOService", NULL);
	expect_path("IOService:/Bus//Dev@0", NULL);
}
END_TEST

START_TEST(a_path_of_any_length_may_be_copied)
{
	char place[1024] = "IOService/Bus", path[1100];
	io_registry_entry_t entry;
	io_string_t text;
	char *copy;

	for (int i = 0; i < 3; i++) {
		size_t n = strlen(place);

		place[n++] = '/';
		memset(place + n, 'a' + i, 120);
		place[n + 120] = '\0';
		make_entry(place);
	}
	for (int i = 0; i < 2; i++) {
		strcat(place, "/");
		for (int j = 0; j < 15; j++)
			strcat(place, "deep-");
		make_entry(place);
	}
	snprintf(path, sizeof(path), "IOService:%s", place + strlen("IOService"));
	ck_assert_uint_ge(strlen(path), 512);
	ck_assert_int_eq(IORegistryEntryFromPath(kIOMainPortDefault, path), IO_OBJECT_NULL);
	entry = IORegistryEntryCopyFromPath(kIOMainPortDefault, path);
	ck_assert_int_gt(entry, 0);
	ck_assert_int_eq(IORegistryEntryGetPath(entry, kIOServicePlane, text),
			 kIOReturnBadArgument);
	copy = IORegistryEntryCopyPath(entry, kIOServicePlane);
	ck_assert_str_eq(copy, path);
	free(copy);
	IOObjectRelease(entry);
}
END_TEST

/* "IOService:/xxx", @length bytes of it, for the entry at IOService:/Bus. */
static const char *path_of_length(size_t length)
{
	static char path[20000];

	memset(path, 'x', length);
	memcpy(path, "IOService:/", strlen("IOService:/"));
	path[length] = '\0';
	set_file("IOService/Bus", "path", path);
	return path;
}

START_TEST(a_path_is_cut_by_nobody)
{
	io_registry_entry_t bus = entry_at("IOService:/Bus");
	io_string_t text;
	char *copy;

	path_of_length(511);
	ck_assert_int_eq(IORegistryEntryGetPath(bus, kIOServicePlane, text), kIOReturnSuccess);
	ck_assert_uint_eq(strlen(text), 511);
	path_of_length(512);
	ck_assert_int_eq(IORegistryEntryGetPath(bus, kIOServicePlane, text),
			 kIOReturnBadArgument);
	copy = IORegistryEntryCopyPath(bus, kIOServicePlane);
	ck_assert_uint_eq(strlen(copy), 512);
	free(copy);
	path_of_length(16383);
	copy = IORegistryEntryCopyPath(bus, kIOServicePlane);
	ck_assert_str_eq(copy, path_of_length(16383));
	free(copy);
	path_of_length(16384);
	ck_assert_ptr_null(IORegistryEntryCopyPath(bus, kIOServicePlane));
	IOObjectRelease(bus);
}
END_TEST

START_TEST(a_name_is_cut_to_127_bytes)
{
	io_registry_entry_t bus = entry_at("IOService:/Bus");
	char longer[130];
	io_name_t text;

	memset(longer, 'x', 128);
	strcpy(longer + 128, "\n");
	set_file("IOService/Bus", "name", longer);
	set_file("IOService/Bus", "location", longer);
	set_file("IOService/Bus", "class", longer);
	ck_assert_int_eq(IORegistryEntryGetName(bus, text), kIOReturnSuccess);
	ck_assert_uint_eq(strlen(text), 127);
	ck_assert_int_eq(IORegistryEntryGetLocationInPlane(bus, NULL, text), kIOReturnSuccess);
	ck_assert_uint_eq(strlen(text), 127);
	ck_assert_int_eq(IOObjectGetClass(bus, text), kIOReturnSuccess);
	ck_assert_uint_eq(strlen(text), 127);
	IOObjectRelease(bus);
}
END_TEST

START_TEST(names_and_locations_are_what_the_files_say)
{
	io_registry_entry_t entry = entry_at("IOService:/Bus/Dev@1f,2");
	io_registry_entry_t bus = entry_at("IOService:/Bus"), odd;
	io_name_t text;

	ck_assert_int_eq(IORegistryEntryGetNameInPlane(entry, NULL, text), kIOReturnSuccess);
	ck_assert_str_eq(text, "Dev");
	ck_assert_int_eq(IORegistryEntryGetLocationInPlane(entry, kIOServicePlane, text),
			 kIOReturnSuccess);
	ck_assert_str_eq(text, "1f,2");
	ck_assert_int_eq(IORegistryEntryGetLocationInPlane(bus, kIOServicePlane, text),
			 kIOReturnNotFound);
	ck_assert(IORegistryEntryInPlane(entry, kIOServicePlane));
	ck_assert(!IORegistryEntryInPlane(entry, "IOUSB"));
	ck_assert(!IORegistryEntryInPlane(entry, NULL));
	make_entry("IOService/a%2Fb");
	set_file("IOService/a%2Fb", "name", "a/b\n");
	odd = entry_at("IOService:/a%2Fb");
	ck_assert_int_eq(IORegistryEntryGetName(odd, text), kIOReturnSuccess);
	ck_assert_str_eq(text, "a/b");
	IOObjectRelease(odd);
	IOObjectRelease(bus);
	IOObjectRelease(entry);
}
END_TEST

START_TEST(children_are_entries_and_nothing_else)
{
	io_registry_entry_t bus = entry_at("IOService:/Bus"), child = 5, leaf;
	io_iterator_t iterator;

	make_directory(in_tree("IOService/Bus/queues"));
	make_directory(in_tree("IOService/Bus/streams"));
	make_directory(in_tree("IOService/Bus/buf"));
	make_directory(in_tree("IOService/Bus/something"));
	ck_assert_int_eq(IORegistryEntryGetChildIterator(bus, kIOServicePlane, &iterator),
			 kIOReturnSuccess);
	ck_assert_str_eq(names_of(iterator), "Dev Dev");
	ck_assert_int_eq(IORegistryEntryGetChildEntry(bus, kIOServicePlane, &child),
			 kIOReturnSuccess);
	ck_assert_int_gt(child, 0);
	leaf = entry_at("IOService:/Bus/Dev@0/Leaf");
	ck_assert_int_eq(IORegistryEntryGetChildIterator(bus, "IOUSB", &iterator),
			 kIOReturnSuccess);
	ck_assert_str_eq(names_of(iterator), "");
	IOObjectRelease(child);
	child = 5;
	ck_assert_int_eq(IORegistryEntryGetChildEntry(leaf, kIOServicePlane, &child),
			 kIOReturnNoDevice);
	ck_assert_int_eq(child, IO_OBJECT_NULL);
	IOObjectRelease(leaf);
	IOObjectRelease(bus);
}
END_TEST

/* It is never busy, and the rest is asked of what it was opened on. */
static void expect_no_service_of_its_own(io_service_t client)
{
	json_t *dictionary = json_object();
	mach_timespec_t soon = { .tv_nsec = 1000 };
	io_connect_t connect = 77;
	boolean_t matches = 77;

	ck_assert_int_eq(IOServiceWaitQuiet(client, &soon), kIOReturnSuccess);
	ck_assert_int_eq(IOServiceMatchPropertyTable(client, dictionary, &matches),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOServiceRequestProbe(client, 0), kIOReturnUnsupported);
	ck_assert_int_eq(IOServiceOpen(client, mach_task_self(), 0, &connect),
			 kIOReturnUnsupported);
	ck_assert_int_eq(connect, 77);
	json_decref(dictionary);
	IOObjectRelease(client);
}

START_TEST(open_clients_are_children)
{
	make_directory(in_tree("IOService/Other/clients"));
	make_directory(in_tree("IOService/Other/clients/3"));
	make_directory(in_tree("IOService/Other/clients/3/mem"));
	number_entry("IOService/Other/clients/3", 0x1000001ff);
	set_file("IOService/Other/clients/3", "name", "Client\n");
	set_file("IOService/Other/clients/3", "location", "\n");
	set_file("IOService/Other/clients/3", "busy", "0\n");
	set_file("IOService/Other/clients/3", "path", "IOService:/Other/Client\n");
	ck_assert_str_eq(names_of(walk("IOService:/Other", kIOServicePlane,
				       kIORegistryIterateRecursively)), "Client");
	expect_path("IOService:/Other/Client", "IOService:/Other/Client");
	expect_path("IOService:/Other/3", NULL);
	ck_assert_str_eq(names_of(walk("IOService:/Other/Client", kIOServicePlane,
				       kIORegistryIterateParents)), "Other");
	expect_no_service_of_its_own(entry_at("IOService:/Other/Client"));
}
END_TEST

START_TEST(parents_are_found_by_their_links)
{
	io_registry_entry_t leaf = entry_at("IOService:/Bus/Dev@0/Leaf"), parent = 0;
	io_string_t path;

	ck_assert_int_eq(IORegistryEntryGetParentEntry(leaf, kIOServicePlane, &parent),
			 kIOReturnSuccess);
	ck_assert_int_eq(IORegistryEntryGetPath(parent, kIOServicePlane, path), kIOReturnSuccess);
	ck_assert_str_eq(path, "IOService:/Bus/Dev@0");
	IOObjectRelease(parent);
	IOObjectRelease(leaf);
	ck_assert_str_eq(names_of(walk("IOService:/Bus/Dev@0/Leaf", kIOServicePlane,
				       kIORegistryIterateParents | kIORegistryIterateRecursively)),
			 "Dev Bus Root");
}
END_TEST

START_TEST(parents_of_a_plane_are_given_once_each)
{
	/* Leaf is below Other, too, and in another plane below the root and Dev@0. */
	ck_assert_int_eq(symlink("../Bus/Dev@0/Leaf", in_tree("IOService/Other/Leaf")), 0);
	ck_assert_int_eq(symlink("../../../../../id/0x100000105",
				 in_tree("IOService/Bus/Dev@0/Leaf/parents/0x100000105")), 0);
	ck_assert_int_eq(symlink("../../../../../id/0x100000100",
				 in_tree("IOService/Bus/Dev@0/Leaf/parents/0x100000100")), 0);
	const char *names = names_of(walk("IOService:/Bus/Dev@0/Leaf", kIOServicePlane,
					  kIORegistryIterateParents));

	ck_assert(strcmp(names, "Dev Other") == 0 || strcmp(names, "Other Dev") == 0);
	ck_assert_str_eq(names_of(walk("IOService:/Other", kIOServicePlane, 0)), "Leaf");
	expect_path("IOService:/Other/Leaf", "IOService:/Bus/Dev@0/Leaf");
}
END_TEST

START_TEST(a_recursive_iterator_gives_each_before_what_is_below_it)
{
	io_iterator_t iterator;
	char names[256];

	ck_assert_int_eq(IORegistryCreateIterator(kIOMainPortDefault, kIOServicePlane,
						  kIORegistryIterateRecursively, &iterator),
			 kIOReturnSuccess);
	ck_assert(IOIteratorIsValid(iterator));
	IOObjectRetain(iterator);
	strcpy(names, names_of(iterator));
	/* The order of a directory of /tmp is any. */
	ck_assert_ptr_nonnull(strstr(names, "Dev Leaf"));
	ck_assert_ptr_nonnull(strstr(names, "Bus Dev"));
	ck_assert_uint_eq(strlen(names), strlen("Bus Dev Leaf Dev Other"));
	ck_assert_int_eq(IOIteratorNext(iterator), IO_OBJECT_NULL);
	IOIteratorReset(iterator);
	ck_assert_str_eq(names_of(iterator), names);
}
END_TEST

START_TEST(what_is_in_two_places_is_entered_once)
{
	make_entry("IOService/Other/Shared");
	make_entry("IOService/Other/Shared/Inside");
	/* The same entry, elsewhere. */
	make_directory(in_tree("IOService/Bus/Dev@1f,2/Shared"));
	ck_assert_int_eq(link(in_tree("IOService/Other/Shared/id"),
			      in_tree("IOService/Bus/Dev@1f,2/Shared/id")), 0);
	ck_assert_int_eq(link(in_tree("IOService/Other/Shared/name"),
			      in_tree("IOService/Bus/Dev@1f,2/Shared/name")), 0);
	make_directory(in_tree("IOService/Bus/Dev@1f,2/Shared/Inside"));
	ck_assert_int_eq(link(in_tree("IOService/Other/Shared/Inside/id"),
			      in_tree("IOService/Bus/Dev@1f,2/Shared/Inside/id")), 0);
	ck_assert_int_eq(link(in_tree("IOService/Other/Shared/Inside/name"),
			      in_tree("IOService/Bus/Dev@1f,2/Shared/Inside/name")), 0);
	const char *names = names_of(walk("IOService:/", kIOServicePlane,
					  kIORegistryIterateRecursively));
	const char *first = strstr(names, "Shared");

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(strstr(first + 1, "Shared"));
	first = strstr(names, "Inside");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "Inside"));
}
END_TEST

START_TEST(a_program_enters_and_leaves_by_itself)
{
	io_iterator_t iterator = walk("IOService:/", kIOServicePlane, 0);
	io_registry_entry_t entry;
	io_name_t name = "";

	ck_assert_int_eq(IORegistryIteratorEnterEntry(iterator), kIOReturnNoDevice);
	ck_assert_int_eq(IORegistryIteratorExitEntry(iterator), kIOReturnNoDevice);
	while (strcmp(name, "Bus") != 0) {
		entry = IOIteratorNext(iterator);
		ck_assert_int_gt(entry, 0);
		IORegistryEntryGetName(entry, name);
		IOObjectRelease(entry);
	}
	ck_assert_int_eq(IORegistryIteratorEnterEntry(iterator), kIOReturnSuccess);
	for (int i = 0; i < 2; i++) {
		entry = IOIteratorNext(iterator);
		IORegistryEntryGetName(entry, name);
		ck_assert_str_eq(name, "Dev");
		IOObjectRelease(entry);
	}
	ck_assert_int_eq(IOIteratorNext(iterator), IO_OBJECT_NULL);
	ck_assert_int_eq(IORegistryIteratorExitEntry(iterator), kIOReturnSuccess);
	ck_assert_int_eq(IORegistryIteratorExitEntry(iterator), kIOReturnNoDevice);
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(a_plane_that_is_not_there_is_refused)
{
	static const char *const wrong[] = { "IOUSB", "", "..", "id", "IOService/Bus", "/tmp" };
	io_registry_entry_t bus = entry_at("IOService:/Bus");
	io_iterator_t iterator;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(IORegistryEntryCreateIterator(bus, wrong[i], 0, &iterator),
				 kIOReturnBadArgument);
		ck_assert_int_eq(IORegistryCreateIterator(0, wrong[i], 0, &iterator),
				 kIOReturnBadArgument);
	}
	ck_assert_int_eq(IORegistryEntryCreateIterator(bus, kIOServicePlane, 4, &iterator),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryCreateIterator(bus, kIOServicePlane, 0, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryCreateIterator(bus, NULL, 0, &iterator),
			 kIOReturnBadArgument);
	IOObjectRelease(bus);
}
END_TEST

START_TEST(another_plane_has_links_to_entries)
{
	io_registry_entry_t entry;
	io_iterator_t iterator;
	char *path;

	make_directory(in_tree("IOPower"));
	make_directory(in_tree("IOPower/Supply"));
	make_directory(in_tree("IOPower/Supply/Dev@0"));
	ck_assert_int_eq(symlink("../../id/0x100000105", in_tree("IOPower/Supply/entry")), 0);
	ck_assert_int_eq(symlink("../../../id/0x100000102",
				 in_tree("IOPower/Supply/Dev@0/entry")), 0);
	set_file("IOService/Other", "path", "IOService:/Other\nIOPower:/Supply\n");
	set_file("IOService/Bus/Dev@0", "path", "IOService:/Bus/Dev@0\nIOPower:/Supply/Dev@0\n");
	ck_assert_int_eq(IORegistryCreateIterator(kIOMainPortDefault, "IOPower",
						  kIORegistryIterateRecursively, &iterator),
			 kIOReturnSuccess);
	ck_assert_str_eq(names_of(iterator), "Other Dev");
	entry = entry_at("IOPower:/Supply/Dev@0");
	ck_assert_uint_eq(id_of(entry), 0x100000102);
	path = IORegistryEntryCopyPath(entry, "IOPower");
	ck_assert_str_eq(path, "IOPower:/Supply/Dev@0");
	free(path);
	IOObjectRelease(entry);
	ck_assert_str_eq(names_of(walk("IOService:/Bus/Dev@0", "IOPower",
				       kIORegistryIterateParents | kIORegistryIterateRecursively)),
			 "Other Root");
}
END_TEST

START_TEST(what_goes_meanwhile_is_left_out)
{
	io_iterator_t iterator = walk("IOService:/Bus", kIOServicePlane, 0);

	ck_assert_int_eq(rename(in_tree("IOService/Bus/Dev@1f,2"), in_tree("gone")), 0);
	ck_assert_str_eq(names_of(iterator), "Dev");
}
END_TEST

START_TEST(a_long_list_holds_no_descriptors)
{
	char place[64];
	io_iterator_t iterator;
	io_object_t next;
	unsigned n = 0, before;

	for (int i = 0; i < 3000; i++) {
		snprintf(place, sizeof(place), "IOService/Other/%d", i);
		make_directory(in_tree("%s", place));
		number_entry(place, 0x100001000ull + (unsigned)i);
	}
	iterator = walk("IOService:/Other", kIOServicePlane, kIORegistryIterateRecursively);
	before = n_open();
	while ((next = IOIteratorNext(iterator))) {
		ck_assert_uint_eq(n_open(), before + 1);
		IOObjectRelease(next);
		n++;
	}
	ck_assert_uint_eq(n, 3000);
	IOObjectRelease(iterator);
}
END_TEST

/* All are there: "Dev" twice and "Leaf", in some order. */
static void expect_rest(io_iterator_t iterator)
{
	ck_assert_uint_eq(strlen(names_of(iterator)), strlen("Dev Leaf Dev"));
}

START_TEST(what_found_no_descriptor_is_given_later)
{
	io_iterator_t iterator = walk("IOService:/Bus", kIOServicePlane,
				      kIORegistryIterateRecursively);
	struct rlimit few, before;

	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &few);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(IOIteratorNext(iterator), IO_OBJECT_NULL);
	setrlimit(RLIMIT_NOFILE, &before);
	expect_rest(iterator);
}
END_TEST

START_TEST(a_handle_is_of_one_entry_whatever_has_its_path)
{
	io_registry_entry_t old = entry_at("IOService:/Other"), fresh;
	io_name_t name;

	ck_assert_int_eq(rename(in_tree("IOService/Other"), in_tree("gone")), 0);
	make_entry("IOService/Other");
	set_file("IOService/Other", "name", "Fresh\n");
	fresh = entry_at("IOService:/Other");
	ck_assert(!IOObjectIsEqualTo(old, fresh));
	ck_assert_int_eq(IORegistryEntryGetName(old, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "Other");
	IOObjectRelease(old);
	IOObjectRelease(fresh);
}
END_TEST

START_TEST(functions_of_the_registry_take_nothing_else)
{
	io_registry_entry_t bus = entry_at("IOService:/Bus");
	io_iterator_t iterator = walk("IOService:/", kIOServicePlane, 0), other = 0;
	io_object_t out = 0;
	io_string_t text;
	uint64_t id = 5;

	ck_assert_int_eq(IORegistryEntryGetName(iterator, text), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetPath(0, kIOServicePlane, text), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetPath(bus, "IOUSB", text), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetPath(bus, NULL, text), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetRegistryEntryID(iterator, &id), kIOReturnBadArgument);
	ck_assert_uint_eq(id, 0);
	ck_assert_int_eq(IORegistryEntryGetRegistryEntryID(bus, NULL), kIOReturnBadArgument);
	ck_assert_ptr_null(IORegistryEntryCopyPath(iterator, kIOServicePlane));
	ck_assert_int_eq(IORegistryIteratorEnterEntry(bus), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryIteratorExitEntry(0), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetChildIterator(iterator, kIOServicePlane, &other),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetParentIterator(0, kIOServicePlane, &other),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetChildEntry(iterator, kIOServicePlane, &out),
			 kIOReturnBadArgument);
	IOObjectRelease(iterator);
	IOObjectRelease(bus);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_root_is_of_all_planes);
	tcase_add_test(tests, a_path_leads_to_an_entry_by_name_and_location);
	tcase_add_test(tests, a_path_may_begin_with_an_alias);
	tcase_add_test(tests, a_path_does_not_leave_the_registry);
	tcase_add_test(tests, a_path_of_any_length_may_be_copied);
	tcase_add_test(tests, a_path_is_cut_by_nobody);
	tcase_add_test(tests, a_name_is_cut_to_127_bytes);
	tcase_add_test(tests, names_and_locations_are_what_the_files_say);
	tcase_add_test(tests, children_are_entries_and_nothing_else);
	tcase_add_test(tests, open_clients_are_children);
	tcase_add_test(tests, parents_are_found_by_their_links);
	tcase_add_test(tests, parents_of_a_plane_are_given_once_each);
	tcase_add_test(tests, a_recursive_iterator_gives_each_before_what_is_below_it);
	tcase_add_test(tests, what_is_in_two_places_is_entered_once);
	tcase_add_test(tests, a_program_enters_and_leaves_by_itself);
	tcase_add_test(tests, a_plane_that_is_not_there_is_refused);
	tcase_add_test(tests, another_plane_has_links_to_entries);
	tcase_add_test(tests, what_goes_meanwhile_is_left_out);
	tcase_add_test(tests, a_long_list_holds_no_descriptors);
	tcase_add_test(tests, what_found_no_descriptor_is_given_later);
	tcase_add_test(tests, a_handle_is_of_one_entry_whatever_has_its_path);
	tcase_add_test(tests, functions_of_the_registry_take_nothing_else);
}
