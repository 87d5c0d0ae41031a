/* SPDX-License-Identifier: MIT */
/*
 * opener - open(2) from another thread, the result in the loop
 *
 * A file of the daemon's own mount must never be opened by the loop: the look-up
 * would wait for the loop itself. The thread starts with the first opening.
 */
#pragma once

#include "util/loop.h"

struct opener;
struct opening;

/* @fd is the new descriptor, now the callee's, or a negative errno. */
typedef void opener_done(void *user, int fd);

/* @root, a folder's absolute path, is copied; paths are relative to it. */
int opener_new(struct loop *loop, const char *root, struct opener **ret);

/* Openings under way are given up. Call with the mount gone: it joins the thread. */
struct opener *opener_free(struct opener *opener);

/*
 * Open root/@path with @flags and call @done from the loop, unless cancelled.
 * Return: 0, -ENOMEM, or -EAGAIN when no thread could be had.
 */
int opener_start(struct opener *opener, const char *path, int flags,
		 opener_done *done, void *user, struct opening **ret);

/* @done will not be called. Only before it was. */
void opening_cancel(struct opening *opening);
