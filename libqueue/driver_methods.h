/* SPDX-License-Identifier: MIT */
/*
 * driver_methods - what a driver says to fsd in `methods`
 */
#pragma once

#include "driver_service.h"

/*
 * The document of @service: its user clients' table and properties, and what their memory types and
 * ports are. Return: the caller's, or NULL: no memory, or properties of the class that are wrong.
 */
json_t *driver_methods(const IOService *service);
