/* SPDX-License-Identifier: MIT */
/*
 * stream_user_client - connections to a stream's service: fsd is the driver behind them
 *
 * It is asked what any driver is asked, and answers by the stream: methods 0 to 7, memory types
 * and ports are those of IOStreamShared.h. The connection that has opened the stream by method 0
 * is the stream's client, as who has `io` open is, until it closes it or ends.
 *
 * An answer comes when the one who asked has gone back to the loop; where the stream's own driver
 * has to be asked, when that has answered.
 */
#pragma once

#include "service/stream.h"

struct stream_user_client;

/* What such a service says in `methods`. */
extern const char stream_user_client_methods[];

/* Serve stream->nub. Return: 0 or what stopped us. */
int stream_user_client_start(struct stream *stream);
/* The stream has changed: what waits may be done. */
void stream_user_client_look(struct stream_user_client *user);
/* stream->nub, if there still is one, has no driver any more. NULL is taken. */
struct stream_user_client *stream_user_client_free(struct stream_user_client *user);
