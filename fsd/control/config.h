/* SPDX-License-Identifier: MIT */
/*
 * config - services, queues and streams to make at start, from a JSON document
 *
 *	{ "queues":   [ QUEUE... ],		in IOResources
 *	  "streams":  [ STREAM... ],
 *	  "services": [ SERVICE... ] }		in IOService
 *	QUEUE	{ "name", "capacity", "max_entry", "mode", "owner", "group", "persist" }
 *	STREAM	{ "name", "direction", "driver", "rate", "buffers", "size", "control_size",
 *		  "queue_length", "linger", "mode", "owner", "group", "persist" }
 *	SERVICE	{ "name", "mode", "owner", "group", "queues", "streams", "services" }
 *
 * All but the names may be left out. What is not in this list, of another type,
 * or there twice is an error; so is a direction where a driver has one, and a rate without
 * a driver.
 */
#pragma once

#include "service/service.h"

struct config;

/*
 * Check the whole of @text.
 * Return: 0, -EINVAL and in *@ret_problem "LINE:COLUMN: what is wrong", the
 * caller's, or -ENOMEM.
 */
int config_parse(const char *text, struct config **ret, char **ret_problem);

struct config *config_free(struct config *config);

/*
 * Make what is not there yet. What is wrong is logged.
 * Return: 0 or what stopped us.
 */
int config_apply(const struct config *config, struct registry *registry);
