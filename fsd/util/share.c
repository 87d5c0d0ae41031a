/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "util/share.h"

struct share {
	struct list users;
	uid_t uid;
	size_t n;
};

static struct share *find(const struct shares *shares, uid_t uid)
{
	struct share *share;

	list_for_each(share, &shares->users, users)
		if (share->uid == uid)
			return share;
	return NULL;
}

size_t share_of(const struct shares *shares, uid_t uid)
{
	const struct share *share = find(shares, uid);

	return share ? share->n : 0;
}

int share_take(struct shares *shares, uid_t uid, size_t n, size_t max)
{
	struct share *share = find(shares, uid);

	if (n > max || (share && share->n > max - n))
		return -EDQUOT;
	if (n == 0)
		return 0;
	if (!share) {
		share = calloc(1, sizeof(*share));
		if (!share)
			return -ENOMEM;
		share->uid = uid;
		list_append(&shares->users, &share->users);
	}
	share->n += n;
	return 0;
}

void share_give_back(struct shares *shares, uid_t uid, size_t n)
{
	struct share *share = n ? find(shares, uid) : NULL;

	if (!share)
		return;
	share->n -= n;
	if (share->n == 0) {
		list_remove(&share->users);
		free(share);
	}
}

void shares_clear(struct shares *shares)
{
	struct share *share;

	list_for_each(share, &shares->users, users) {
		list_remove(&share->users);
		free(share);
	}
}
