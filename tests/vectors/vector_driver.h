/* SPDX-License-Identifier: MIT */
/*
 * vector_driver - a driver as a line of userclient_vectors.jsonl describes one, in this process
 *
 * One service, $FSD_MOUNT/IOService/Vector of the class Vector, served by a thread of its own.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include <IOKit/IOReturn.h>

/* Exits, saying why, when it cannot be made. Return: of its registration. */
IOReturn driver_start(const json_t *given);

/* How often a method, and clientClose(), was called. */
unsigned driver_calls(void);
unsigned driver_closes(void);

/* What these say, asked of the service, or of the user client that was opened last. */
IOReturn driver_terminate(void);
IOReturn driver_set_properties(const json_t *properties);
IOReturn driver_client_died(void);
IOReturn driver_semaphore(void);
IOReturn driver_new_client_with_properties(void);
IOReturn driver_send_without_port(unsigned n_arguments);

/* Exclusive open by user clients: 0 is the one that was opened first; -1 is anybody. */
bool driver_exclusive_open(int client, bool seize, bool owner_closes);
void driver_exclusive_close(int client);
bool driver_exclusive_is_open(int client);
