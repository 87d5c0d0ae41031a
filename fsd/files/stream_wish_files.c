/* SPDX-License-Identifier: MIT */
/*
 * start, stop, suspend, drain, mode: what is written is wanted, and the driver may have to
 * be asked; the write returns when it is so.
 */
#include <errno.h>
#include <string.h>

#include "files/stream_files.h"
#include "util/failure.h"

static const struct {
	const char *name;
	enum stream_wish_kind kind;
} kinds[] = {
	{ "start", WISH_START }, { "stop", WISH_STOP }, { "suspend", WISH_SUSPEND },
	{ "drain", WISH_DRAIN }, { "mode", WISH_MODE },
};

/* One line, or one without its end. */
static bool is_text(const void *data, size_t size, const char *text)
{
	size_t n = strlen(text);

	return (size == n || (size == n + 1 && ((const char *)data)[n] == '\n')) &&
	       memcmp(data, text, n) == 0;
}

static int parse_mode(const char *text, size_t size, IOStreamMode *ret)
{
	if (size > 0 && text[size - 1] == '\n')
		size--;
	return stream_parse_mode(text, size, ret);
}

static int parse(const struct row *row, const void *data, size_t size, struct stream_wish *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(row->name, kinds[i].name) == 0)
			stream_wish_init(ret, kinds[i].kind);
	if (ret->kind == WISH_MODE)
		return parse_mode(data, size, &ret->mode);
	return is_text(data, size, "1") ? 0 : failure(-EINVAL, "1 is what is written to %s", row->name);
}

/* The write is repeated until it is done: `state` is the wish that is under way, or waits to be. */
struct attempt {
	struct stream_wish wish;
	bool has_begun;
};

static size_t abandon(struct file *file)
{
	struct attempt *attempt = file->state;

	if (attempt)
		stream_wish_abandon(&attempt->wish);
	free(attempt);
	file->state = NULL;
	return 0;
}

static ssize_t wish_write(struct file *file, const void *data, size_t size, off_t at,
			  const struct caller *caller)
{
	struct attempt *attempt = file->state;
	IOReturn code;

	(void)at;
	(void)caller;
	if (!attempt) {
		attempt = file->state = calloc(1, sizeof(*attempt));
		if (!attempt)
			return -ENOMEM;
		if (parse(file->row, data, size, &attempt->wish) < 0) {
			abandon(file);
			return -EINVAL;
		}
	}
	if (!attempt->has_begun)
		attempt->has_begun = stream_begin(stream_of(file), &attempt->wish) == 0;
	if (!attempt->has_begun || attempt->wish.stream)
		return FILE_WAIT_ALWAYS;
	code = attempt->wish.code;
	abandon(file);
	return code == kIOReturnSuccess ? (ssize_t)size : stream_result(stream_of(file), code);
}

/* `mode` can be read, too. */
static ssize_t wish_read(struct file *file, void *buffer, size_t size, off_t at)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s\n", stream_mode_name(stream_of(file)->mode));

	return file_copy(buffer, size, at, text, (size_t)n);
}

static void wish_release(struct file *file)
{
	abandon(file);
}

const struct file_ops stream_wish_ops = {
	.apart = true, .read = wish_read, .write = wish_write, .interrupted = abandon,
	.release = wish_release,
};
