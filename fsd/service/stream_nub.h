/* SPDX-License-Identifier: MIT */
/*
 * stream_nub - a stream in the registry: a service of class IOStream beside its directory
 *
 * The stream $S/streams/NAME is the service $S/NAME, with the attributes of its directory. It is
 * made, kept in the store and ended with the stream, and its driver is fsd itself
 * (stream_user_client.h).
 */
#pragma once

#include "service/stream.h"

/* May a stream of @service have this name in the registry? Return: as service_check_new(). */
int stream_nub_check(const struct service *service, const char *name);

/* Make stream->nub, which nobody sees yet. Return: 0 or what stopped us. */
int stream_nub_make(struct stream *stream);
/* Or again, as service_details() has it. Return: 0, -EBADMSG, or what stopped us. */
int stream_nub_adopt(struct stream *stream, json_t *details);
/* The stream is complete: fsd serves the nub, it is registered, and changes of it are saved. */
int stream_nub_start(struct stream *stream);

/* Undo: nobody is told. Harmless where there is none. */
void stream_nub_drop(struct stream *stream);
/* The service has ended. */
void stream_nub_gone(struct stream *stream);
/* One of the two is freed: they part. */
void stream_nub_free(struct stream *stream);

/*
 * Who may do what is one setting for both: of the directory (@row NULL), and of the stream's `io`
 * and the nub's `clone`. Other rows have nothing to do with it. It is saved with the stream.
 * Return: 0 or -ENOMEM.
 */
int stream_nub_keep_attributes(struct stream *stream, const struct row *row,
			       const struct attributes *attributes);

/* The properties say what the stream is. */
void stream_nub_follow(struct stream *stream);
