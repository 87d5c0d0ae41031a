/* SPDX-License-Identifier: MIT */
/*
 * share - what each user has of something that is there for all
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "util/list.h"

/* All users who have some: users are few, and who has none takes no place. */
struct shares {
	struct list users;
};

#define SHARES_INIT(shares) { LIST_INIT((shares).users) }

/* @n more for @uid, who may have @max. Return: 0, -EDQUOT, -ENOMEM. */
int share_take(struct shares *shares, uid_t uid, size_t n, size_t max);
void share_give_back(struct shares *shares, uid_t uid, size_t n);
/* What @uid has. */
size_t share_of(const struct shares *shares, uid_t uid);
/* Nobody has any. */
void shares_clear(struct shares *shares);
