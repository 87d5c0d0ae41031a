/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "service/stream_nub.h"
#include "service/stream_user_client.h"
#include "util/failure.h"

#define MODE_PROPERTY "IOStreamMode"

int stream_nub_check(const struct service *service, const char *name)
{
	int r = service_check_new(service, name);

	return r != -EEXIST ? r :
		failure(-EEXIST, "the service has a %.100s; a stream of that name has its entry there",
			name);
}

static int add(struct stream *stream, uint64_t entry_id)
{
	const struct attributes *own = &stream->node->own;
	struct making making = { .own = *own, .files = { own->uid, own->gid, 0755 } };
	int r = service_add(stream->registry, stream->service->node, stream->node->name, 0, entry_id,
			    &making, &stream->nub);

	if (r == 0)
		stream->nub->is_nub = true;
	return r;
}

int stream_nub_make(struct stream *stream)
{
	int r = add(stream, 0);

	if (r == 0)
		r = store_use_id(stream->registry->store, stream->nub->entry.id);
	if (r == 0)
		r = service_set_class(stream->nub, "IOStream");
	if (r == 0)
		r = service_set_methods(stream->nub, stream_user_client_methods,
					strlen(stream_user_client_methods));
	if (r == 0)
		stream_nub_follow(stream);
	return r;
}

int stream_nub_adopt(struct stream *stream, json_t *details)
{
	json_int_t entry = json_integer_value(json_object_get(details, "entry"));
	int r = entry > 0 ? add(stream, (uint64_t)entry) : -EBADMSG;

	return r < 0 ? r : service_adopt_details(stream->nub, details);
}

int stream_nub_start(struct stream *stream)
{
	int r = stream_user_client_start(stream);

	if (r < 0)
		return r;
	stream->nub->stream = stream;
	/* After a restart it is, unless the fsd before did not get that far. */
	return stream->nub->entry.state & ENTRY_REGISTERED ? 0 : service_register(stream->nub);
}

void stream_nub_drop(struct stream *stream)
{
	struct service *nub = stream->nub;

	stream->user_client = stream_user_client_free(stream->user_client);
	stream->nub = NULL;
	if (!nub)
		return;
	nub->stream = NULL;
	service_drop(nub);
}

void stream_nub_gone(struct stream *stream)
{
	stream->nub->stream = NULL;
	stream->nub = NULL;
}

void stream_nub_free(struct stream *stream)
{
	stream->user_client = stream_user_client_free(stream->user_client);
	if (stream->nub)
		stream_nub_gone(stream);
}

int stream_nub_keep_attributes(struct stream *stream, const struct row *row,
			       const struct attributes *attributes)
{
	struct service *nub = stream->nub;
	int r;

	if (!nub || (row && strcmp(row->name, "io") != 0))
		return 0;
	r = node_keep_attributes(nub->node, row ? node_row(nub->node, "clone") : NULL, attributes);
	if (r == 0 && !row)
		service_give_files(nub);
	return r;
}

void stream_nub_follow(struct stream *stream)
{
	struct entry *entry = stream->nub ? &stream->nub->entry : NULL;
	json_auto_t *mode = json_integer(stream->mode);

	if (!entry || !mode || json_equal(json_object_get(entry->properties, MODE_PROPERTY), mode))
		return;
	if (entry_set_property(entry, MODE_PROPERTY, mode) == 0)
		service_message(stream->nub, GENERAL_INTEREST, MESSAGE_PROPERTY_CHANGE, NULL);
}
