/* SPDX-License-Identifier: MIT */
/*
 * policy_text - the policy file and `console` as JSON
 */
#pragma once

#include "policy/policy.h"

/*
 * Return: 0 and a policy, the caller's; -ENOMEM; or -EINVAL, and in *@ret_problem
 * (the caller's) "LINE:COLUMN: what is wrong", as config_parse() says it.
 * An empty object is the policy without a file.
 */
int policy_parse(const char *text, struct policy **ret, char **ret_problem);

/* `console`: replace the users of @policy. Return: 0, -ENOMEM, or -EINVAL, said by failure(). */
int policy_set_console(struct policy *policy, const json_t *users);
/* A new array, as `console` shows it. NULL: no memory. */
json_t *policy_console(const struct policy *policy);
