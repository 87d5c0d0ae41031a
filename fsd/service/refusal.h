/* SPDX-License-Identifier: MIT */
/*
 * refusal - the last code that each process was given, for err/PID
 */
#pragma once

#include "util/failure.h"
#include "util/process.h"

#define REFUSALS_MAX 1024	/* processes, a quarter of one user; the oldest is forgotten */

struct refusal {
	pid_t pid;
	uid_t uid;
	uint32_t code;
	char message[sizeof(((struct failure *)0)->message)];
};

void refusal_note(pid_t pid, uid_t uid, uint32_t code, const char *message);

/* Return: what @pid was told, or NULL. */
const struct refusal *refusal_find(pid_t pid);

/* Each, in no order. */
void refusals_each(void (*found)(void *user, const struct refusal *refusal), void *user);
