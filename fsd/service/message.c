/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "service/message.h"

void call_deinit(struct call *call)
{
	free(call->input);
	*call = (struct call){ 0 };
}

void reply_deinit(struct reply *reply)
{
	free(reply->output);
	json_decref(reply->properties);
	*reply = (struct reply){ 0 };
}

void driver_line_deinit(struct driver_line *line)
{
	reply_deinit(&line->reply);
	free(line->buffer);
	json_decref(line->data);
	*line = (struct driver_line){ 0 };
}
