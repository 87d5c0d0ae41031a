/* SPDX-License-Identifier: MIT */
/*
 * driver_requests - what fsd asks of a driver, one function of a table for each kind
 */
#pragma once

#include "driver_service.h"

/* Serve one. Return: the answer, the caller's; NULL: none is wanted, or no memory for it. */
json_t *driver_serve(IOService *service, const json_t *request);
