/* SPDX-License-Identifier: MIT */
/*
 * message - what goes between fsd and a driver, and between fsd and a client
 *
 * Structures only; control/driver_text.h and control/call_text.h are their forms as text.
 */
#pragma once

#include <jansson.h>

#include "service/methods.h"
#include "util/identity.h"

/* A client's call, as written to `call`. */
struct call {
	uint32_t selector;
	uint64_t si[SCALARS_MAX];
	uint64_t n_si;			/* as given: above SCALARS_MAX the rest is not kept */
	uint64_t n_so;			/* asked for */
	void *input;			/* owned; NULL where there is none */
	size_t input_size;
	uint64_t output_size;		/* room for struct output */
	bool variable;			/* "var" */
	bool async;
	uint64_t reference;
	bool hex;			/* scalars of the reply as "0x..." */
	bool is_legacy;			/* scalars have 32 bits, in and out */
};

void call_deinit(struct call *call);

/* What comes back. */
struct reply {
	IOReturn code;
	uint64_t so[SCALARS_MAX];
	uint64_t n_so;
	void *output;			/* owned; NULL where there is none */
	size_t output_size;
	bool has_output;		/* of zero bytes, too */
	json_t *properties;		/* unused by calls; owned, or NULL */
};

void reply_deinit(struct reply *reply);

/* fsd asks, or tells, a driver (userclient 5.7). */
enum request_op {
	REQUEST_OPEN, REQUEST_CALL, REQUEST_MEMORY, REQUEST_PORT, REQUEST_ADD_CLIENT,
	REQUEST_SET_PROPERTIES, REQUEST_PROBE, REQUEST_SEIZE,
	/* These are not answered. */
	REQUEST_UNPORT, REQUEST_CLOSE, REQUEST_CANCEL,
};

/* Only what its op has in the table of 5.7 is looked at. */
struct request {
	enum request_op op;
	uint64_t id;				/* 0: not answered */
	uint64_t connection;			/* 0: none ("conn" of setprops is then null) */
	uint32_t type;				/* open, mem, port, unport */
	uint64_t reference;			/* port */
	uint64_t other;				/* addclient: to; seize: by; cancel: which id */
	uint64_t other_service;			/* addclient: the entry that "to" is of; 0: the same */
	uint32_t options;			/* probe */
	bool died;				/* close */
	uid_t asker;				/* whose memory it is until the driver reads it; of an answered one */
	const struct call *call;
	const struct identity *who;		/* of open and call */
	struct credentials asks;		/* who asks, of the others that are answered */
	bool background;			/* call: the caller is denied the foreground */
	const json_t *entitlements;		/* of open; an object */
	const json_t *properties;		/* setprops */
};

/* What a driver writes. */
enum driver_line_kind {
	LINE_ANSWER, LINE_COMPLETION, LINE_NOTIFY, LINE_MESSAGE, LINE_KILL, LINE_FORMAT
};

struct driver_line {
	enum driver_line_kind kind;
	uint64_t id;				/* answer */
	uint64_t connection;			/* completion, notify, kill */
	struct reply reply;			/* answer; of kill and completion the code */
	char *buffer;				/* answer to mem: owned, or NULL */
	bool read_only;				/* likewise */
	uint64_t reference;			/* completion */
	uint64_t arguments[SCALARS_MAX];	/* completion */
	uint64_t n_arguments;			/* as written, so that too many can be refused */
	bool can_drop;				/* completion */
	uint32_t type;				/* notify */
	uint32_t message;			/* message */
	json_t *data;				/* notify, message: owned, or NULL */
	bool text;				/* format: text from now on, or JSON */
};

void driver_line_deinit(struct driver_line *line);
