/* SPDX-License-Identifier: MIT */
/*
 * ioreg_print - how ioreg shows an entry: as lines of a tree, or as a JSON object
 */
#pragma once

#include "ioreg_entry.h"

struct style {
	bool bold;		/* names */
	bool lineage;		/* instead of the class */
	bool hex;		/* numbers and data */
	bool decode;		/* data of device-tree properties, and dumps */
	bool for_terminal;	/* show no bytes that steer one */
	unsigned width;		/* columns; 0: any number */
};

/* Which columns of the tree have a bar: those of ancestors with more siblings to come. */
struct bars {
	unsigned depth;				/* of the entry; 0: the top of what is shown */
	bool more[IOREG_MAX_DEPTH + 2];		/* [depth + 1]: the entry has children to come */
};

void print_node(const struct style *style, struct entry *entry, const struct bars *bars);
void print_properties(const struct style *style, struct entry *entry, const struct bars *bars);

/* An object without its closing brace, the caller's; NULL: no memory. */
char *json_node(const struct style *style, struct entry *entry, bool with_properties);
