/* SPDX-License-Identifier: MIT */
/*
 * log - one line per event, on stderr, for a person with grep
 *
 * A line begins with the syslog(3) level that journald reads where stderr is
 * not a terminal, then says what happened and to whom. A function below the one
 * that gives up returns an errno and does not log.
 */
#pragma once

#include <syslog.h>

#define log_error(...)		log_print(LOG_ERR, __VA_ARGS__)
#define log_warning(...)	log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...)		log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)		log_print(LOG_DEBUG, __VA_ARGS__)

/* What is printed: LOG_INFO and above unless @level says otherwise. */
void log_set_level(int level);

__attribute__((format(printf, 2, 3)))
void log_print(int level, const char *format, ...);

/* For the way out: "MESSAGE: text of @error"; returns @error. */
__attribute__((format(printf, 2, 3)))
int log_errno(int error, const char *format, ...);

/*
 * For what a client can cause at will: at most a line a second, and then how
 * many there would have been.
 */
__attribute__((format(printf, 1, 2)))
void log_limited(const char *format, ...);
