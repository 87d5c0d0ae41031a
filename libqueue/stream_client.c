/* SPDX-License-Identifier: MIT */
/*
 * stream_client - the object behind an IOStreamRef: its references and its two interfaces
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "cleanup.h"
#include "lock.h"
#include "mount.h"
#include "stream_client.h"

const CFUUIDBytes kIOUnknownIDBytes = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46,
};
const CFUUIDBytes kIOCFPlugInInterfaceIDBytes = {
	0xc2, 0x44, 0xe8, 0x58, 0x10, 0x9c, 0x11, 0xd4,
	0x91, 0xd4, 0x00, 0x50, 0xe4, 0xc6, 0x42, 0x6f,
};
const CFUUIDBytes kIOStreamInterfaceID_v1Bytes = {
	0xe2, 0xdf, 0xdf, 0x5f, 0x3f, 0xad, 0x44, 0x87,
	0x9e, 0xea, 0x3f, 0xcf, 0x14, 0x7e, 0xbb, 0x3d,
};

/* --- references */

static HRESULT query(struct stream_client *client, REFIID id, void **ret)
{
	if (!ret)
		return E_POINTER;
	if (memcmp(&id, &kIOStreamInterfaceID_v1Bytes, sizeof(id)) == 0) {
		*ret = &client->interface;
	} else if (memcmp(&id, &kIOCFPlugInInterfaceIDBytes, sizeof(id)) == 0 ||
		   memcmp(&id, &kIOUnknownIDBytes, sizeof(id)) == 0) {
		*ret = &client->plugin;
	} else {
		*ret = NULL;
		return E_NOINTERFACE;
	}
	OSObject_retain(client);
	return S_OK;
}

static ULONG add_reference(struct stream_client *client)
{
	OSObject_retain(client);
	return OSObject_getRetainCount(client);
}

static ULONG release(struct stream_client *client)
{
	ULONG left = OSObject_getRetainCount(client) - 1;

	OSObject_release(client);
	return left;
}

/* --- the interface of streams */

static HRESULT stream_query(void *stream, REFIID id, LPVOID *ret)
{
	return query(stream_client_of(stream), id, ret);
}

static ULONG stream_add_reference(void *stream)
{
	return add_reference(stream_client_of(stream));
}

static ULONG stream_release(void *stream)
{
	return release(stream_client_of(stream));
}

static const IOStreamInterface stream_interface = {
	.QueryInterface = stream_query,
	.AddRef = stream_add_reference,
	.Release = stream_release,
	.Version = kIOStreamInterfaceVersion,
	.Revision = kIOStreamInterfaceRevision,
	.Open = stream_client_open,
	.Close = stream_client_close,
	.GetBufferCount = stream_client_get_buffer_count,
	.GetBufferInfo = stream_client_get_buffer_info,
	.GetOutputPort = stream_client_get_source,
	.GetInputPort = stream_client_get_input_port,
	.GetOutputQueue = stream_client_get_output,
	.GetInputQueue = stream_client_get_input,
	.SetOutputCallback = stream_client_set_callback,
	.GetRunLoopSource = stream_client_get_source,
	.AddToRunLoop = stream_client_add,
	.RemoveFromRunLoop = stream_client_remove,
	.DequeueOutputEntry = stream_client_dequeue,
	.EnqueueInputEntry = stream_client_enqueue,
	.EnqueueInputBuffer = stream_client_enqueue_buffer,
	.SendInputNotification = stream_client_send,
	.SendInputSyncNotification = stream_client_send_sync,
	.GetDataBuffer = stream_client_get_data,
	.GetDataBufferLength = stream_client_get_data_length,
	.GetControlBuffer = stream_client_get_control,
	.GetControlBufferLength = stream_client_get_control_length,
	.StartStream = stream_client_start,
	.StopStream = stream_client_stop,
	.SuspendStream = stream_client_suspend,
	.GetMode = stream_client_get_mode,
	.SetMode = stream_client_set_mode,
};

/* --- the interface of plug-ins */

static struct stream_client *client_of_plugin(void *plugin)
{
	return (struct stream_client *)((char *)plugin - offsetof(struct stream_client, plugin));
}

static HRESULT plugin_query(void *plugin, REFIID id, LPVOID *ret)
{
	return query(client_of_plugin(plugin), id, ret);
}

static ULONG plugin_add_reference(void *plugin)
{
	return add_reference(client_of_plugin(plugin));
}

static ULONG plugin_release(void *plugin)
{
	return release(client_of_plugin(plugin));
}

static IOReturn plugin_probe(void *plugin, json_t *table, io_service_t service, SInt32 *order)
{
	(void)table;
	if (!plugin || service == IO_OBJECT_NULL || !order)
		return kIOReturnBadArgument;
	*order = 0;
	return kIOReturnSuccess;
}

static IOReturn plugin_start(void *plugin, json_t *table, io_service_t service)
{
	(void)plugin;
	(void)table;
	(void)service;
	return kIOReturnSuccess;
}

static IOReturn plugin_stop(void *plugin)
{
	(void)plugin;
	return kIOReturnSuccess;
}

static const IOCFPlugInInterface plugin_interface = {
	.QueryInterface = plugin_query,
	.AddRef = plugin_add_reference,
	.Release = plugin_release,
	.version = 1,
	.Probe = plugin_probe,
	.Start = plugin_start,
	.Stop = plugin_stop,
};

/* --- making one */

static void stream_client_free(void *object)
{
	struct stream_client *client = object;

	stream_client_leave(client);
	stream_client_close(stream_client_ref(client));
	close_fd(client->source);
	pthread_cond_destroy(&client->called);
	pthread_mutex_destroy(&client->lock);
	pthread_mutex_destroy(&client->opening);
	free(client->directory);
	free(client->mount);
}

static const OSMetaClass stream_client_class = {
	.name = "IOStreamInterface",
	.size = sizeof(struct stream_client),
	.free = stream_client_free,
};

/* Return: 0, -ENOMEM, or why there is no source. */
static int fill(struct stream_client *client, const char *directory, const char *mount)
{
	client->interface = (IOStreamInterface *)(uintptr_t)&stream_interface;
	client->plugin = (IOCFPlugInInterface *)(uintptr_t)&plugin_interface;
	client->session = STREAM_CLIENT_SESSION_NULL;
	pthread_mutex_init(&client->opening, NULL);
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->called, NULL);
	client->source = fd_above_standard(epoll_create1(EPOLL_CLOEXEC));
	if (client->source < 0)
		return client->source;
	client->source_pid = getpid();
	client->directory = strdup(directory);
	client->mount = mount ? strdup(mount) : NULL;
	return client->directory && (client->mount || !mount) ? 0 : -ENOMEM;
}

IOReturn stream_client_new(const char *directory, const char *mount, struct stream_client **ret)
{
	struct stream_client *client = object_new(&stream_client_class);
	struct stream_board board;
	IOReturn result;
	int r;

	if (!client)
		return kIOReturnNoMemory;
	r = fill(client, directory, mount);
	/* Nobody else has it yet. */
	if (r == 0)
		r = stream_client_look(client, &board);
	result = stream_client_result(client, r, kIOReturnBusy);
	if (r < 0)
		OSObject_release(client);
	else
		*ret = client;
	return result;
}

IOReturn IOStreamCreateWithPath(const char *directory, IOStreamRef *stream)
{
	_cleanup_(freep) char *path = NULL, *mount = NULL;
	struct stream_client *client;
	IOReturn result;

	if (!directory || !stream)
		return kIOReturnBadArgument;
	path = realpath(directory, NULL);
	if (!path)
		return stream_client_result(NULL, -errno, kIOReturnBusy);
	mount = mount_of_directory(path);
	result = stream_client_new(path, mount, &client);
	if (result == kIOReturnSuccess)
		*stream = stream_client_ref(client);
	return result;
}
