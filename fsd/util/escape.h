/* SPDX-License-Identifier: MIT */
/*
 * escape - any bytes as plain ASCII text and back: %XX for what is not a letter,
 * a digit, or one of "._-"
 */
#pragma once

/* Return: new text, the caller's, or NULL when there is no memory. */
char *escape(const char *bytes);

/* Return: the bytes, the caller's; NULL for no memory or text that is not escape()'s. */
char *unescape(const char *text);

/* As unescape(), but what is no escape stands for itself. NULL: no memory. */
char *unescape_name(const char *name);

/*
 * A name of the registry as a file's: %XX for a slash, '%', control bytes and a '.' at the
 * start. NULL: no memory.
 */
char *escape_name(const char *name);
