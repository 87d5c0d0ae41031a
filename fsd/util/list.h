/* SPDX-License-Identifier: MIT */
/*
 * list - an intrusive doubly linked list: a head and links are the same thing
 *
 * An element that is in no list points to itself, so it can be removed twice.
 */
#pragma once

#include <stdbool.h>

#include "util/cleanup.h"

struct list {
	struct list *next, *previous;
};

#define LIST_INIT(list) { &(list), &(list) }

static inline void list_init(struct list *list)
{
	list->next = list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_append(struct list *head, struct list *link)
{
	link->next = head;
	link->previous = head->previous;
	head->previous->next = link;
	head->previous = link;
}

static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

/* The body may remove the element that it is at. */
#define list_for_each(item, head, member)						\
	for (struct list *at_ = (head)->next, *next_ = at_->next;			\
	     at_ != (head) && ((item) = container_of(at_, __typeof__(*(item)), member), 1); \
	     at_ = next_, next_ = at_->next)
