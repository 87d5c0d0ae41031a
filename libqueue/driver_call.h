/* SPDX-License-Identifier: MIT */
/*
 * driver_call - a method call, from the request to the answer
 */
#pragma once

#include "driver_client.h"

/*
 * Make the call of @request on @connection, and put outputs into @answer.
 * Return: the result for the client.
 */
IOReturn driver_call(IOService *service, struct connection *connection, const json_t *request,
		     json_t *answer);
