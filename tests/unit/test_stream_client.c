/* SPDX-License-Identifier: MIT */
/*
 * test_stream_client - a client's stream: found, opened, closed, controlled, opened again
 */
#include "plain_stream.h"

#include <stddef.h>

#include <IOKit/IOKitLib.h>

static struct plain_stream stream;

static void make(void)
{
	new_stream(&stream);
}

static void clean(void)
{
	remove_stream(&stream);
}

/* --- the interface */

START_TEST(functions_are_in_the_documented_order)
{
#define AT(n, member) \
	ck_assert_uint_eq(offsetof(IOStreamInterface, member), (4 + 1 + (n)) * sizeof(void *))
	ck_assert_uint_eq(offsetof(IOStreamInterface, QueryInterface), sizeof(void *));
	ck_assert_uint_eq(offsetof(IOStreamInterface, Version), 4 * sizeof(void *));
	AT(0, Open);
	AT(1, Close);
	AT(2, GetBufferCount);
	AT(3, GetBufferInfo);
	AT(4, GetOutputPort);
	AT(5, GetInputPort);
	AT(6, GetOutputQueue);
	AT(7, GetInputQueue);
	AT(8, SetOutputCallback);
	AT(9, GetRunLoopSource);
	AT(10, AddToRunLoop);
	AT(11, RemoveFromRunLoop);
	AT(12, DequeueOutputEntry);
	AT(13, EnqueueInputEntry);
	AT(14, EnqueueInputBuffer);
	AT(15, SendInputNotification);
	AT(16, SendInputSyncNotification);
	AT(17, GetDataBuffer);
	AT(18, GetDataBufferLength);
	AT(19, GetControlBuffer);
	AT(20, GetControlBufferLength);
	AT(21, StartStream);
	AT(22, StopStream);
	AT(23, SuspendStream);
	AT(24, GetMode);
	AT(25, SetMode);
	ck_assert_uint_eq(sizeof(IOStreamInterface), (5 + 26) * sizeof(void *));
#undef AT
}
END_TEST

START_TEST(interfaces_of_one_object_share_its_references)
{
	unsigned n_before = n_open();
	IOCFPlugInInterface **plugin = NULL;
	IOStreamRef ref, same = NULL;
	void *none = &none;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	ck_assert_uint_eq((*ref)->Version, kIOStreamInterfaceVersion);
	ck_assert_uint_eq((*ref)->Revision, kIOStreamInterfaceRevision);
	ck_assert_uint_eq((*ref)->AddRef(ref), 2);
	ck_assert_uint_eq((*ref)->Release(ref), 1);

	ck_assert_int_eq((*ref)->QueryInterface(ref, CFUUIDGetUUIDBytes(kIOCFPlugInInterfaceID),
						(void **)&plugin), S_OK);
	ck_assert_int_eq((*plugin)->QueryInterface(plugin,
						   CFUUIDGetUUIDBytes(kIOStreamInterfaceID_v1),
						   (void **)&same), S_OK);
	ck_assert_ptr_eq(same, ref);
	ck_assert_uint_eq((*plugin)->AddRef(plugin), 4);
	ck_assert_uint_eq((*plugin)->Release(plugin), 3);
	ck_assert_int_eq((*plugin)->QueryInterface(plugin, CFUUIDGetUUIDBytes(kIOStreamLibTypeID),
						   &none), E_NOINTERFACE);
	ck_assert_ptr_null(none);
	ck_assert_int_eq((*ref)->QueryInterface(ref, CFUUIDGetUUIDBytes(IUnknownUUID), NULL),
			 E_POINTER);

	ck_assert_uint_eq((*ref)->Release(same), 2);
	ck_assert_int_eq(IODestroyPlugInInterface(plugin), kIOReturnSuccess);
	ck_assert_uint_eq((*ref)->Release(ref), 0);
	ck_assert_uint_eq(n_open(), n_before);
}
END_TEST

/* --- plug-ins */

struct tree {
	char path[64];
	struct plain_stream cam;
};

static void tree_text(const struct tree *tree, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tree->path, file);
	put_text(path, text);
}

/* The entries Svc and Svc/cam, and the stream of the latter. */
static void make_tree(struct tree *tree)
{
	static const char *const folders[] = {
		"err", "IOService", "IOService/Svc", "IOService/Svc/cam", "IOService/Svc/streams",
	};
	char path[128];

	strcpy(tree->path, "/tmp/tree-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tree->path));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", tree->path, folders[i]);
		ck_assert_int_eq(mkdir(path, 0777), 0);
	}
	tree_text(tree, "version", "fsd 0.1\n");
	tree_text(tree, "IOService/Svc/id", "0x100000101\n");
	tree_text(tree, "IOService/Svc/class", "IOService\n");
	tree_text(tree, "IOService/Svc/classes", "IOService\nIORegistryEntry\n");
	tree_text(tree, "IOService/Svc/cam/id", "0x100000102\n");
	tree_text(tree, "IOService/Svc/cam/class", "IOStream\n");
	tree_text(tree, "IOService/Svc/cam/classes", "IOStream\nIOService\nIORegistryEntry\n");
	snprintf(path, sizeof(path), "%s/IOService/Svc/streams/cam", tree->path);
	new_stream_at(&tree->cam, path);
	setenv("FSD_MOUNT", tree->path, 1);
}

static void remove_tree(struct tree *tree)
{
	remove_stream(&tree->cam);
	remove_all(tree->path);
}

START_TEST(a_plug_in_leads_to_the_stream_of_its_service)
{
	unsigned n_before = n_open();
	IOCFPlugInInterface **plugin = NULL;
	io_service_t service;
	IOStreamRef ref = NULL;
	SInt32 score = 77, order = 77;
	struct tree tree;

	make_tree(&tree);
	n_before = n_open();
	service = IORegistryEntryFromPath(kIOMainPortDefault, "IOService:/Svc/cam");
	ck_assert_int_gt(service, 0);
	ck_assert_int_eq(IOCreatePlugInInterfaceForService(service, kIOStreamLibTypeID,
							   kIOCFPlugInInterfaceID, &plugin, &score),
			 kIOReturnSuccess);
	ck_assert_int_eq(score, 0);
	ck_assert_int_eq((*plugin)->Probe(plugin, NULL, service, &order), kIOReturnSuccess);
	ck_assert_int_eq(order, 0);
	ck_assert_int_eq((*plugin)->Start(plugin, NULL, service), kIOReturnSuccess);
	IOObjectRelease(service);
	ck_assert_int_eq((*plugin)->QueryInterface(plugin,
						   CFUUIDGetUUIDBytes(kIOStreamInterfaceID_v1),
						   (void **)&ref), S_OK);
	ck_assert_int_eq((*plugin)->Stop(plugin), kIOReturnSuccess);
	ck_assert_int_eq(IODestroyPlugInInterface(plugin), kIOReturnSuccess);

	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
	ck_assert_uint_eq((*ref)->GetDataBufferLength(ref, 2), DATA_SIZE);
	ck_assert_int_eq((*ref)->Close(ref), kIOReturnSuccess);
	(*ref)->Release(ref);
	ck_assert_uint_eq(n_open(), n_before);
	remove_tree(&tree);
}
END_TEST

START_TEST(a_plug_in_is_for_streams_alone)
{
	IOCFPlugInInterface **plugin = NULL;
	io_service_t service, other;
	struct tree tree;

	make_tree(&tree);
	service = IORegistryEntryFromPath(kIOMainPortDefault, "IOService:/Svc/cam");
	other = IORegistryEntryFromPath(kIOMainPortDefault, "IOService:/Svc");
#define CREATE(service, type, interface) \
	IOCreatePlugInInterfaceForService(service, type, interface, &plugin, NULL)
	ck_assert_int_eq(CREATE(other, kIOStreamLibTypeID, kIOCFPlugInInterfaceID),
			 kIOReturnUnsupported);
	ck_assert_int_eq(CREATE(service, kIOCFPlugInInterfaceID, kIOCFPlugInInterfaceID),
			 kIOReturnUnsupported);
	ck_assert_int_eq(CREATE(service, kIOStreamLibTypeID, kIOStreamInterfaceID_v1),
			 kIOReturnNoResources);
	ck_assert_int_eq(CREATE(IO_OBJECT_NULL, kIOStreamLibTypeID, kIOCFPlugInInterfaceID),
			 kIOReturnBadArgument);
	ck_assert_int_eq(CREATE(service, NULL, kIOCFPlugInInterfaceID), kIOReturnBadArgument);
	ck_assert_int_eq(CREATE(service, kIOStreamLibTypeID, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOCreatePlugInInterfaceForService(service, kIOStreamLibTypeID,
							   kIOCFPlugInInterfaceID, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODestroyPlugInInterface(NULL), kIOReturnBadArgument);

	/* The entry is there, and its stream is not any more. */
	ck_assert_int_eq(unlink(in_stream(&tree.cam, "board")), 0);
	ck_assert_int_eq(CREATE(service, kIOStreamLibTypeID, kIOCFPlugInInterfaceID),
			 kIOReturnNotFound);
#undef CREATE
	ck_assert_ptr_null(plugin);
	IOObjectRelease(service);
	IOObjectRelease(other);
	remove_tree(&tree);
}
END_TEST

/* --- paths */

START_TEST(what_is_no_stream_is_refused)
{
	unsigned n_before = n_open();
	IOStreamRef ref = NULL;

	ck_assert_int_eq(IOStreamCreateWithPath(NULL, &ref), kIOReturnBadArgument);
	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOStreamCreateWithPath("/tmp/there/is/none", &ref), kIOReturnNotFound);
	ck_assert_int_eq(IOStreamCreateWithPath("/tmp", &ref), kIOReturnNotFound);
	ck_assert_int_eq(IOStreamCreateWithPath("/dev/null", &ref), kIOReturnNotFound);
	stream.rings.board->magic[0] = 'X';
	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnInternalError);
	stream.rings.board->magic[0] = STREAM_BOARD_MAGIC[0];
	ck_assert_int_eq(truncate(in_stream(&stream, "board"), 8), 0);
	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnInternalError);
	ck_assert_ptr_null(ref);
	ck_assert_uint_eq(n_open(), n_before);
}
END_TEST

START_TEST(a_path_may_be_relative_and_have_links)
{
	char link[] = "/tmp/link-XXXXXX", *name = strrchr(stream.path, '/') + 1;
	IOStreamRef ref = NULL;

	ck_assert_ptr_nonnull(mkdtemp(link));
	ck_assert_int_eq(rmdir(link), 0);
	ck_assert_int_eq(symlink(name, link), 0);
	ck_assert_int_eq(chdir("/tmp"), 0);
	ck_assert_int_eq(IOStreamCreateWithPath(strrchr(link, '/') + 1, &ref), kIOReturnSuccess);
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
	(*ref)->Release(ref);
}
END_TEST

/* --- open and close */

START_TEST(an_open_maps_queues_and_all_buffers)
{
	IOStreamRef ref = open_stream(&stream);
	IOByteCount data_size = 0, control_size = 0;
	void *data = NULL, *control = NULL;

	ck_assert_uint_eq((*ref)->GetBufferCount(ref), N_BUFFERS);
	ck_assert_uint_eq((*ref)->GetOutputQueue(ref)->entryCount, 5);
	(*ref)->GetInputQueue(ref)->reserved = 4711;
	ck_assert_uint_eq(stream.rings.input->reserved, 4711);
	for (UInt32 i = 0; i < N_BUFFERS; i++) {
		ck_assert_int_eq((*ref)->GetBufferInfo(ref, i, &data, &data_size, &control,
						       &control_size), kIOReturnSuccess);
		ck_assert_uint_eq(data_size, DATA_SIZE);
		ck_assert_uint_eq(control_size, CONTROL_SIZE);
		ck_assert_ptr_eq((*ref)->GetDataBuffer(ref, i), data);
		ck_assert_ptr_eq((*ref)->GetControlBuffer(ref, i), control);
		ck_assert_uint_eq((*ref)->GetDataBufferLength(ref, i), DATA_SIZE);
		ck_assert_uint_eq((*ref)->GetControlBufferLength(ref, i), CONTROL_SIZE);
		memset(data, 'a' + (int)i, DATA_SIZE);
		memset(control, 'A' + (int)i, CONTROL_SIZE);
	}
	ck_assert_str_eq(taken_from(&stream, "buffers/1/control"),
			 "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB");
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_CLIENT].is_kept, 1);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, 0, NULL, NULL, NULL, NULL), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, N_BUFFERS, &data, NULL, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, kIOStreamBufferIDInvalid, &data, NULL, NULL,
					       NULL), kIOReturnBadArgument);
	ck_assert_ptr_null((*ref)->GetDataBuffer(ref, N_BUFFERS));
	ck_assert_uint_eq((*ref)->GetControlBufferLength(ref, N_BUFFERS), 0);
	(*ref)->Release(ref);
}
END_TEST

START_TEST(a_buffer_may_have_one_area)
{
	void *data = &data, *control = &control;
	IOByteCount data_size = 77, control_size = 77;
	IOStreamRef ref;

	make_area(&stream, 0, "data", 0);
	ck_assert_int_eq(unlink(in_stream(&stream, "buffers/1/control")), 0);
	ref = open_stream(&stream);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, 0, &data, &data_size, NULL, NULL),
			 kIOReturnSuccess);
	ck_assert_ptr_null(data);
	ck_assert_uint_eq(data_size, 0);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, 1, NULL, NULL, &control, &control_size),
			 kIOReturnSuccess);
	ck_assert_ptr_null(control);
	ck_assert_uint_eq(control_size, 0);
	ck_assert_uint_eq((*ref)->GetDataBufferLength(ref, 1), DATA_SIZE);
	(*ref)->Release(ref);
}
END_TEST

START_TEST(a_close_leaves_nothing)
{
	unsigned n_before, n_maps = n_mappings(&stream);
	IOStreamRef ref;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	n_before = n_open();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq((*ref)->Open(ref, kIOStreamOptionOpenExclusive),
				 kIOReturnSuccess);
		ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnExclusiveAccess);
		ck_assert_uint_gt(n_mappings(&stream), n_maps);
		ck_assert_int_eq((*ref)->Close(ref), kIOReturnSuccess);
		ck_assert_int_eq((*ref)->Close(ref), kIOReturnNotOpen);
		ck_assert_uint_eq(n_open(), n_before);
		ck_assert_uint_eq(n_mappings(&stream), n_maps);
	}
	(*ref)->Release(ref);
	ck_assert_uint_eq(n_open(), n_before - 1);

	/* The last reference closes. */
	ref = open_stream(&stream);
	ck_assert_uint_eq((*ref)->Release(ref), 0);
	ck_assert_uint_eq(n_open(), n_before - 1);
	ck_assert_uint_eq(n_mappings(&stream), n_maps);
}
END_TEST

START_TEST(options_are_looked_at_after_the_driver)
{
	IOStreamRef ref;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->Open(ref, kIOStreamOptionOpenShared), kIOReturnUnsupported);
	ck_assert_int_eq((*ref)->Open(ref, kIOStreamOptionOpenShared |
				      kIOStreamOptionOpenExclusive), kIOReturnBadArgument);
	ck_assert_int_eq((*ref)->Open(ref, 1), kIOReturnBadArgument);
	set_state(&stream.rings, STREAM_DEAD);
	ck_assert_int_eq((*ref)->Open(ref, 1), kIOReturnNoDevice);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnNoDevice);
	(*ref)->Release(ref);
}
END_TEST

/* What is not open gives @result. */
static void assert_unusable(IOStreamRef ref, IOReturn result)
{
	IOStreamBufferQueueEntry entry = { 0 };

	ck_assert_int_eq((*ref)->GetBufferInfo(ref, 0, NULL, NULL, NULL, NULL), result);
	ck_assert_int_eq((*ref)->DequeueOutputEntry(ref, &entry), result);
	ck_assert_int_eq((*ref)->EnqueueInputEntry(ref, &entry), result);
	ck_assert_int_eq((*ref)->EnqueueInputBuffer(ref, 0, 0, 0, 0, 0), result);
	ck_assert_int_eq((*ref)->SendInputNotification(ref, 1), result);
	ck_assert_int_eq((*ref)->SendInputSyncNotification(ref, 1), result);
	ck_assert_int_eq((*ref)->StartStream(ref), result);
	ck_assert_int_eq((*ref)->StopStream(ref), result);
	ck_assert_int_eq((*ref)->SuspendStream(ref), result);
	ck_assert_int_eq(IOStreamDrain(ref), result);
}

START_TEST(a_stream_that_is_not_open_says_so)
{
	IOStreamRef ref;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	/* Somebody else has it. */
	set_state(&stream.rings, STREAM_RUNNING);
	assert_unusable(ref, kIOReturnNotOpen);
	ck_assert_int_eq((*ref)->Close(ref), kIOReturnNotOpen);
	ck_assert_ptr_null((*ref)->GetDataBuffer(ref, 0));
	ck_assert_uint_eq((*ref)->GetDataBufferLength(ref, 0), 0);
	ck_assert_ptr_null((*ref)->GetControlBuffer(ref, 0));
	ck_assert_uint_eq((*ref)->GetControlBufferLength(ref, 0), 0);
	ck_assert_ptr_null((*ref)->GetOutputQueue(ref));
	ck_assert_ptr_null((*ref)->GetInputQueue(ref));
	ck_assert_int_eq((*ref)->GetInputPort(ref), MACH_PORT_NULL);
	set_state(&stream.rings, STREAM_DEAD);
	assert_unusable(ref, kIOReturnNoDevice);
	ck_assert_int_eq((*ref)->SetMode(ref, kIOStreamModeInput), kIOReturnNoDevice);
	ck_assert_int_eq((*ref)->Close(ref), kIOReturnNotOpen);
	(*ref)->Release(ref);
}
END_TEST

START_TEST(what_the_board_says_is_known_without_an_open)
{
	IOStreamRef ref;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	stream.rings.board->mode = kIOStreamModeInput;
	for (uint32_t state = STREAM_CLOSED; state <= STREAM_DEAD; state++) {
		set_state(&stream.rings, state);
		ck_assert_uint_eq(IOStreamGetState(ref), state);
	}
	ck_assert_uint_eq(IOStreamGetState(NULL), kIOStreamStateClosed);
	ck_assert_uint_eq((*ref)->GetBufferCount(ref), N_BUFFERS);
	ck_assert_uint_eq((*ref)->GetMode(ref), kIOStreamModeInput);
	stream.rings.board->mode = 77;
	ck_assert_uint_eq((*ref)->GetMode(ref), kIOStreamModeOutput);
	ck_assert_int_eq(unlink(in_stream(&stream, "board")), 0);
	ck_assert_uint_eq(IOStreamGetState(ref), kIOStreamStateClosed);
	ck_assert_uint_eq((*ref)->GetBufferCount(ref), 0);
	ck_assert_uint_eq((*ref)->GetMode(ref), kIOStreamModeOutput);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnNotFound);
	(*ref)->Release(ref);
}
END_TEST

/* --- files that are not right */

static void no_io(void) { unlink(in_stream(&stream, "io")); }
static void no_tally(void) { unlink(in_stream(&stream, "tally")); }
static void short_tally(void) { ck_assert_int_eq(truncate(in_stream(&stream, "tally"), 383), 0); }
static void other_tally(void) { stream.rings.tally->magic[7]++; }
static void large_room(void) { stream.rings.tally->room = UINT32_MAX; }
static void room_beyond_the_file(void) { stream.rings.tally->room = 4096; }
static void no_entries(void) { stream.rings.board->entry_count = 0; }
static void many_entries(void) { stream.rings.board->entry_count = STREAM_MAX_LENGTH + 2; }
static void short_output(void)
{
	stream.rings.board->entry_count = STREAM_MAX_LENGTH + 1;
}
static void short_input(void)
{
	ck_assert_int_eq(truncate(in_stream(&stream, "input/data"), 16 + 5 * 32 - 1), 0);
}
static void no_input(void) { unlink(in_stream(&stream, "input/data")); }
static void strange_area(void)
{
	unlink(in_stream(&stream, "buffers/2/data"));
	ck_assert_int_eq(mkdir(in_stream(&stream, "buffers/2/data"), 0777), 0);
}
static void large_area(void)
{
	ck_assert_int_eq(truncate(in_stream(&stream, "buffers/2/data"), (off_t)UINT32_MAX + 1), 0);
}
static void no_notify(void) { unlink(in_stream(&stream, "output/notify")); }
static void no_tokens(void) { unlink(in_stream(&stream, "input/notify")); }
static void cannot_be_polled(void)
{
	unlink(in_stream(&stream, "output/notify"));
	put_text(in_stream(&stream, "output/notify"), "");
}

static const struct {
	void (*spoil)(void);
	IOReturn result;
} wrong[] = {
	{ no_io, kIOReturnNotFound },
	{ no_tally, kIOReturnNotFound },
	{ short_tally, kIOReturnInternalError },
	{ other_tally, kIOReturnInternalError },
	{ large_room, kIOReturnInternalError },
	{ room_beyond_the_file, kIOReturnInternalError },
	{ no_entries, kIOReturnInternalError },
	{ many_entries, kIOReturnInternalError },
	{ short_output, kIOReturnInternalError },
	{ short_input, kIOReturnInternalError },
	{ no_input, kIOReturnNotFound },
	{ strange_area, kIOReturnError },
	{ large_area, kIOReturnInternalError },
	{ no_notify, kIOReturnNotFound },
	{ no_tokens, kIOReturnNotFound },
	{ cannot_be_polled, kIOReturnNotPermitted },
};
#define N_WRONG	((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(files_that_are_not_right_are_refused)
{
	unsigned n_before, n_maps = n_mappings(&stream);
	IOStreamRef ref;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	n_before = n_open();
	wrong[_i].spoil();
	ck_assert_int_eq((*ref)->Open(ref, 0), wrong[_i].result);
	ck_assert_int_eq((*ref)->Close(ref), kIOReturnNotOpen);
	ck_assert_uint_eq(n_open(), n_before);
	ck_assert_uint_eq(n_mappings(&stream), n_maps);
	(*ref)->Release(ref);
}
END_TEST

/* --- control */

START_TEST(what_is_asked_of_fsd_is_written)
{
	IOStreamRef ref = open_stream(&stream);

	ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "start"), "1\n");
	ck_assert_int_eq((*ref)->SuspendStream(ref), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "suspend"), "1\n");
	ck_assert_int_eq((*ref)->StopStream(ref), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "stop"), "1\n");
	ck_assert_int_eq(IOStreamDrain(ref), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "drain"), "1\n");
	ck_assert_int_eq(IOStreamDrain(NULL), kIOReturnBadArgument);

	ck_assert_int_eq((*ref)->SendInputNotification(ref, 0xaa), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->SendInputNotification(ref, UINT32_MAX), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "input/notify"), "170\n4294967295\n");
	ck_assert_int_eq((*ref)->SendInputSyncNotification(ref, 7), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "input/notify_sync"), "7\n");
	ck_assert_int_gt((*ref)->GetInputPort(ref), 2);
	(*ref)->Release(ref);
}
END_TEST

START_TEST(a_mode_is_written_by_its_name_open_or_not)
{
	IOStreamRef ref;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->SetMode(ref, kIOStreamModeInput), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "mode"), "input\n");
	ck_assert_int_eq((*ref)->SetMode(ref, 3), kIOReturnBadArgument);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->SetMode(ref, kIOStreamModeOutput), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "mode"), "output\n");
	ck_assert_int_eq((*ref)->SetMode(ref, kIOStreamModeInputOutput), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "mode"), "inout\n");
	ck_assert_int_eq((*ref)->SetMode(ref, UINT32_MAX), kIOReturnBadArgument);
	ck_assert_str_eq(taken_from(&stream, "mode"), "");
	(*ref)->Release(ref);
}
END_TEST

START_TEST(a_file_that_is_gone_is_a_result)
{
	IOStreamRef ref = open_stream(&stream);

	ck_assert_int_eq(unlink(in_stream(&stream, "start")), 0);
	ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnNotFound);
	ck_assert_int_eq(mkdir(in_stream(&stream, "start"), 0777), 0);
	ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnError);
	(*ref)->Release(ref);
}
END_TEST

/* --- fsd is started again */

START_TEST(after_a_restart_the_next_start_opens_again)
{
	IOStreamRef ref = open_stream(&stream);
	IOStreamBufferQueueEntry entry = { 0 };
	void *data = (*ref)->GetDataBuffer(ref, 1);
	IOStreamBufferQueue *queue = (*ref)->GetOutputQueue(ref);
	unsigned n_maps = n_mappings(&stream), n_fds = n_open();

	set_state(&stream.rings, STREAM_RUNNING);
	ck_assert_int_eq(send_frame(&stream, 1, 5), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->DequeueOutputEntry(ref, &entry), kIOReturnSuccess);
	strcpy(data, "kept");
	restart(&stream);
	ck_assert_int_eq((*ref)->DequeueOutputEntry(ref, &entry), kIOReturnNotOpen);
	ck_assert_int_eq((*ref)->EnqueueInputEntry(ref, &entry), kIOReturnNotOpen);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, 1, NULL, NULL, NULL, NULL), kIOReturnNotOpen);

	ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnSuccess);
	ck_assert_str_eq(taken_from(&stream, "start"), "1\n");
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_CLIENT].is_kept, 1);
	ck_assert_ptr_eq((*ref)->GetDataBuffer(ref, 1), data);
	ck_assert_ptr_eq((*ref)->GetOutputQueue(ref), queue);
	ck_assert_str_eq(data, "kept");
	ck_assert_uint_eq(n_mappings(&stream), n_maps);
	ck_assert_uint_eq(n_open(), n_fds);

	/* All buffers are the driver's, and entries go both ways. */
	empty_rings(&stream.rings, STREAM_RUNNING);
	ck_assert_int_eq((*ref)->EnqueueInputEntry(ref, &entry), kIOReturnBusy);
	ck_assert_int_eq(send_frame(&stream, 1, 6), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->DequeueOutputEntry(ref, &entry), kIOReturnSuccess);
	ck_assert_uint_eq(entry.dataLength, 6);
	ck_assert_int_eq((*ref)->EnqueueInputBuffer(ref, 1, 0, 0, 0, 0), kIOReturnSuccess);
	ck_assert_int_eq(stream_end_take(&stream.rings.end, &entry), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->Close(ref), kIOReturnSuccess);
	(*ref)->Release(ref);
}
END_TEST

START_TEST(any_call_that_asks_fsd_opens_again)
{
	IOStreamRef ref = open_stream(&stream);
	IOReturn (*const calls[])(IOStreamRef) = {
		(*ref)->StartStream, (*ref)->StopStream, (*ref)->SuspendStream, IOStreamDrain,
	};

	for (unsigned i = 0; i < 7; i++) {
		restart(&stream);
		if (i < 4)
			ck_assert_int_eq(calls[i](ref), kIOReturnSuccess);
		else if (i == 4)
			ck_assert_int_eq((*ref)->SendInputNotification(ref, 1), kIOReturnSuccess);
		else if (i == 5)
			ck_assert_int_eq((*ref)->SendInputSyncNotification(ref, 1),
					 kIOReturnSuccess);
		else
			ck_assert_int_eq((*ref)->SetMode(ref, 1), kIOReturnSuccess);
		ck_assert_int_eq((*ref)->GetBufferInfo(ref, 0, NULL, NULL, NULL, NULL),
				 kIOReturnSuccess);
	}
	(*ref)->Release(ref);
}
END_TEST

START_TEST(what_cannot_be_opened_again_yet_is_tried_again)
{
	IOStreamRef ref = open_stream(&stream);
	char *data = (*ref)->GetDataBuffer(ref, 0);
	unsigned n_maps = n_mappings(&stream), n_fds = n_open();

	restart(&stream);
	ck_assert_int_eq(rename(in_stream(&stream, "input"), in_stream(&stream, "later")), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnNotFound);
	ck_assert_uint_eq(n_mappings(&stream), n_maps);
	ck_assert_uint_eq(n_open(), n_fds);
	*data = 'x';

	ck_assert_int_eq(rename(in_stream(&stream, "later"), in_stream(&stream, "input")), 0);
	ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnSuccess);
	ck_assert_ptr_eq((*ref)->GetDataBuffer(ref, 0), data);
	ck_assert_int_eq(*data, 'x');
	(*ref)->Release(ref);
}
END_TEST

START_TEST(what_has_another_size_is_elsewhere)
{
	IOStreamRef ref = open_stream(&stream);
	IOStreamBufferQueueEntry entry = { 0 };
	void *control = (*ref)->GetControlBuffer(ref, 0);

	make_area(&stream, 0, "data", 3 * DATA_SIZE);
	stream.rings.board->n_buffers = 2;
	stream.rings.board->entry_count = 300;
	restart(&stream);
	ck_assert_int_eq((*ref)->StopStream(ref), kIOReturnSuccess);
	ck_assert_uint_eq((*ref)->GetDataBufferLength(ref, 0), 3 * DATA_SIZE);
	memset((*ref)->GetDataBuffer(ref, 0), 1, 3 * DATA_SIZE);
	ck_assert_ptr_eq((*ref)->GetControlBuffer(ref, 0), control);
	ck_assert_ptr_null((*ref)->GetDataBuffer(ref, 2));
	ck_assert_uint_eq((*ref)->GetOutputQueue(ref)->entryCount, 300);
	set_state(&stream.rings, STREAM_RUNNING);
	for (uint32_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(send_frame(&stream, i % 2, i), kIOReturnSuccess);
		ck_assert_int_eq((*ref)->DequeueOutputEntry(ref, &entry), kIOReturnSuccess);
		ck_assert_uint_eq(entry.dataLength, i);
		ck_assert_int_eq((*ref)->EnqueueInputBuffer(ref, i % 2, 0, 0, 0, 0),
				 kIOReturnSuccess);
		ck_assert_int_eq(stream_end_take(&stream.rings.end, &entry), kIOReturnSuccess);
	}
	(*ref)->Release(ref);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, functions_are_in_the_documented_order);
	tcase_add_test(tests, interfaces_of_one_object_share_its_references);
	tcase_add_test(tests, a_plug_in_leads_to_the_stream_of_its_service);
	tcase_add_test(tests, a_plug_in_is_for_streams_alone);
	tcase_add_test(tests, what_is_no_stream_is_refused);
	tcase_add_test(tests, a_path_may_be_relative_and_have_links);
	tcase_add_test(tests, an_open_maps_queues_and_all_buffers);
	tcase_add_test(tests, a_buffer_may_have_one_area);
	tcase_add_test(tests, a_close_leaves_nothing);
	tcase_add_test(tests, options_are_looked_at_after_the_driver);
	tcase_add_test(tests, a_stream_that_is_not_open_says_so);
	tcase_add_test(tests, what_the_board_says_is_known_without_an_open);
	tcase_add_loop_test(tests, files_that_are_not_right_are_refused, 0, N_WRONG);
	tcase_add_test(tests, what_is_asked_of_fsd_is_written);
	tcase_add_test(tests, a_mode_is_written_by_its_name_open_or_not);
	tcase_add_test(tests, a_file_that_is_gone_is_a_result);
	tcase_add_test(tests, after_a_restart_the_next_start_opens_again);
	tcase_add_test(tests, any_call_that_asks_fsd_opens_again);
	tcase_add_test(tests, what_cannot_be_opened_again_yet_is_tried_again);
	tcase_add_test(tests, what_has_another_size_is_elsewhere);
}
