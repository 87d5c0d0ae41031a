/* SPDX-License-Identifier: MIT */
/*
 * mountpoint - where we mount, and what a killed predecessor left there
 */
#pragma once

/*
 * The absolute path of @path, without links, and without a look at what is mounted
 * on it: it may be dead. Return: 0 and in *@ret the caller's text, or an errno.
 */
int mountpoint_resolve(const char *path, char **ret);

/*
 * See to it that one can mount on @path: a dead mount of fsd's is taken away.
 * What is wrong is logged. Return: 0, -ENOENT, -ENOTDIR, -EBUSY when something
 * else is mounted there, or what stopped us.
 */
int mountpoint_prepare(const char *path);
