/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "service/refusal.h"

static struct refusal refusals[REFUSALS_MAX];
static uint64_t noted[REFUSALS_MAX], n_noted;	/* when; 0: the place is free */

static struct refusal *find(pid_t pid)
{
	for (size_t i = 0; i < REFUSALS_MAX; i++)
		if (noted[i] && refusals[i].pid == pid)
			return &refusals[i];
	return NULL;
}

static struct refusal *oldest(void)
{
	size_t found = 0;

	for (size_t i = 1; i < REFUSALS_MAX; i++)
		if (noted[i] < noted[found])
			found = i;
	return &refusals[found];
}

void refusal_note(pid_t pid, uid_t uid, uint32_t code, const char *message)
{
	struct refusal *refusal = find(pid);

	if (pid <= 0)
		return;
	if (!refusal)
		refusal = oldest();
	*refusal = (struct refusal){ .pid = pid, .uid = uid, .code = code };
	snprintf(refusal->message, sizeof(refusal->message), "%s", message);
	noted[refusal - refusals] = ++n_noted;
}

const struct refusal *refusal_find(pid_t pid)
{
	return find(pid);
}

void refusals_each(void (*found)(void *user, const struct refusal *refusal), void *user)
{
	for (size_t i = 0; i < REFUSALS_MAX; i++)
		if (noted[i])
			found(user, &refusals[i]);
}
