/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "util/guard.h"

#define PAGE ((uintptr_t)4096)

static struct list guards = LIST_INIT(guards);

static struct guard *guard_of(const char *address)
{
	struct guard *guard;

	list_for_each(guard, &guards, link)
		if (address >= guard->start && address < guard->start + guard->size)
			return guard;
	return NULL;
}

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	struct guard *guard = guard_of(info->si_addr);
	void *page = (void *)((uintptr_t)info->si_addr & ~(PAGE - 1));

	(void)context;
	if (!guard || mmap(page, PAGE, PROT_READ | PROT_WRITE,
			   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
		/* Not ours to mend: the access repeats, and ends us. */
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	guard->lost = true;
	errno = saved_errno;
}

int guard_install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

void guard_add(struct guard *guard, void *start, size_t size)
{
	guard->start = start;
	guard->size = size;
	guard->lost = false;
	list_append(&guards, &guard->link);
}

void guard_remove(struct guard *guard)
{
	list_remove(&guard->link);
}
