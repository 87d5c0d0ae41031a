/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

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

/* A quarter of them: who is refused in ever more processes takes no place from others. */
static bool has_his_part(uid_t uid)
{
	size_t n = 0;

	if (uid == 0 || uid == geteuid())
		return false;
	for (size_t i = 0; i < REFUSALS_MAX; i++)
		n += noted[i] && refusals[i].uid == uid;
	return n >= REFUSALS_MAX / 4;
}

/* A free place, or the one noted longest ago: of who has his part, of his own. */
static struct refusal *place_for(uid_t uid)
{
	bool his = has_his_part(uid);
	size_t found = REFUSALS_MAX;

	for (size_t i = 0; i < REFUSALS_MAX; i++)
		if ((!his || refusals[i].uid == uid) &&
		    (found == REFUSALS_MAX || noted[i] < noted[found]))
			found = i;
	return &refusals[found];
}

void refusal_note(pid_t pid, uid_t uid, uint32_t code, const char *message)
{
	struct refusal *refusal = find(pid);

	if (pid <= 0)
		return;
	if (!refusal)
		refusal = place_for(uid);
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
