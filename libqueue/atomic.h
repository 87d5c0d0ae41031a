/* SPDX-License-Identifier: MIT */
/*
 * atomic - the only ways to touch a word that another process may touch
 *
 * Each access names its order. A shared word is loaded once into a local; the
 * local is checked and used.
 */
#pragma once

#define load_relaxed(word)		__atomic_load_n(word, __ATOMIC_RELAXED)
#define load_acquire(word)		__atomic_load_n(word, __ATOMIC_ACQUIRE)
#define store_relaxed(word, value)	__atomic_store_n(word, value, __ATOMIC_RELAXED)
#define store_release(word, value)	__atomic_store_n(word, value, __ATOMIC_RELEASE)

/* Orders our earlier stores before our later loads, for every other CPU. */
static inline void full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The compiler alone: the other side issues the fence for both (wait.c). */
static inline void compiler_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* For a loop that waits for another CPU: slower here, faster there. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}
