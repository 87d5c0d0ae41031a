/* SPDX-License-Identifier: MIT */
/*
 * stats/: what was counted since the stream was opened, or by the last who had it open.
 */
#include <inttypes.h>

#include "files/stream_files.h"

static int show(uint64_t n, FILE *out)
{
	fprintf(out, "%" PRIu64 "\n", n);
	return 0;
}

static struct stream_count counts(struct node *node, enum stream_side side)
{
	stream_follow(node->object);
	return stream_counts(node->object, side);
}

/* The payload's: that of both ends where both have one. */
static uint64_t payload(struct node *node, uint64_t (*of)(const struct stream_count *count))
{
	const struct stream *stream = node->object;
	struct stream_count driver = counts(node, STREAM_DRIVER);
	struct stream_count client = counts(node, STREAM_CLIENT);

	return (stream->mode != kIOStreamModeInput ? of(&driver) : 0) +
	       (stream->mode != kIOStreamModeOutput ? of(&client) : 0);
}

static uint64_t frames_of(const struct stream_count *count)
{
	return count->frames;
}

static uint64_t bytes_of(const struct stream_count *count)
{
	return count->bytes;
}

int stream_frames_show(struct node *node, FILE *out)
{
	return show(payload(node, frames_of), out);
}

int stream_bytes_show(struct node *node, FILE *out)
{
	return show(payload(node, bytes_of), out);
}

int stream_frames_out_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_DRIVER).frames, out);
}

int stream_bytes_out_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_DRIVER).bytes, out);
}

int stream_frames_in_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_CLIENT).frames, out);
}

int stream_bytes_in_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_CLIENT).bytes, out);
}

int stream_dropped_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_DRIVER).dropped, out);
}

int stream_overruns_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_DRIVER).overruns + counts(node, STREAM_CLIENT).overruns, out);
}

int stream_errors_show(struct node *node, FILE *out)
{
	return show(counts(node, STREAM_DRIVER).errors + counts(node, STREAM_CLIENT).errors, out);
}

int stream_discarded_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	return show(stream->discarded, out);
}

/* Entries of the payload since the last start from stopped; inout: of the output ring. */
int stream_sequence_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;
	struct stream_count count = counts(node, stream->mode == kIOStreamModeInput ? STREAM_CLIENT
										   : STREAM_DRIVER);

	return show(count.frames - count.payload_at_start, out);
}

int stream_last_error_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;
	const char *name = IOReturnName(stream->last_error);

	if (stream->last_error == kIOReturnSuccess)
		fputs("none\n", out);
	else
		fprintf(out, "%s 0x%08x\n", name ? name : "kIOReturnError", (unsigned)stream->last_error);
	return 0;
}
