/* SPDX-License-Identifier: MIT */
/*
 * A restart of fsd between two sides that go on through it: is a ring lost
 * between the FIFOs of two mounts? The letters are those of libqueue/attachment.c
 * (G1..G3) and libqueue/wait.c. Only data is waited for, on the FIFO alone.
 *
 * FIFO g is that of the mount of generation g. Who has it open can ring it and
 * sleep on it after the mount is gone; it can be opened while the mount is there.
 *
 * Stores wait in front of memory and arrive one by one; a fence waits for them,
 * W3 for those of both sides. A system call has a lock in it, and fences as well.
 */
#ifndef ENTRIES
#define ENTRIES		2
#endif
#ifndef RESTARTS
#define RESTARTS	1
#endif
#define NO_MOUNT	255

#ifdef NO_G3
#define G3	false
#else
#define G3	true
#endif

byte generation;			/* in memory, by fsd */
byte mounted;				/* the generation whose files are at the path */
bit token[RESTARTS + 1];
bit told;				/* mountinfo: a mount came, and nobody was told yet */

/* As stored by its writer, and as seen by the other side. */
byte tail, tail_seen, sequence, sequence_seen;
byte wait, wait_seen;			/* turn << 1 | waits */

#define producer_fence()	(tail == tail_seen && sequence == sequence_seen)
#define consumer_fence()	(wait == wait_seen)

byte head;				/* private to the consumer */
bit resting;				/* the producer, between two calls */
bit asleep;
byte slept_on;

active proctype store_buffers()
{
end:	do
	:: tail_seen < tail -> tail_seen++
	:: sequence_seen < sequence -> sequence_seen++
	:: wait_seen != wait -> wait_seen = wait
	od
}

/* fsd dies, starts again, tells of it in each queue's memory, and mounts. */
active proctype fsd()
{
	byte n;

	do
	:: n < RESTARTS ->
		mounted = NO_MOUNT;
		generation++;
		d_step { mounted = generation; told = 1 };
		n++
	:: else -> break
	od
}

/* attachment_refresh(). A FIFO is named by the mount; bell is what we hold it for. */
inline refresh(fence, ring_old)
{
	now = generation;						/* G1 */
	moved = false;
	if
	:: now != bell ->
#ifndef NO_G2
		fence;							/* G2 */
#endif
#ifndef NO_G3
#ifndef G3_AFTER_OPEN
		if
		:: ring_old -> token[fifo] = 1				/* G3 */
		:: else		/* the FIFO for space, which nobody sleeps on */
		fi;
#endif
#endif
		old = fifo;
		if
		:: d_step { mounted != NO_MOUNT -> fifo = mounted; bell = now; moved = true }
		:: mounted == NO_MOUNT
		fi;
#ifdef G3_AFTER_OPEN
		if
		:: moved && ring_old && G3 -> token[old] = 1			/* G3 */
		:: else
		fi;
#endif
		old = 0
	:: else
	fi;
	now = 0
}

active proctype producer()
{
	byte bell, fifo, old, now, rung, saw;
	bit moved;

end:	do
	:: resting = true;
endrest:	resting = false;
		if
		:: tail < ENTRIES ->
			tail++;						/* P3 */
#ifndef ASYMMETRIC
			producer_fence();				/* P4 */
#endif
			saw = wait_seen;				/* P5 */
			if
			:: (saw & 1) && saw != rung ->
				rung = saw;
				sequence++;				/* P6 */
				producer_fence();
				refresh(producer_fence(), true);
				token[fifo] = 1				/* P7 */
			:: else
			fi;
			saw = 0
		:: refresh(producer_fence(), true)	/* it looks for space, and finds none */
		fi;
		moved = 0
	od
}

active proctype consumer()
{
	byte bell, fifo, old, now, seen, turn, expected, armed_turn;
	bit moved;

look:	seen = tail_seen;						/* C1 */
	if
	:: seen > head -> head++; goto look
	:: else
	fi;

	/* port_arm() */
#ifndef DRAIN_FIRST
	refresh(consumer_fence(), false);
	token[fifo] = 0;
#else
	token[fifo] = 0;
	refresh(consumer_fence(), false);
#endif
	if
	:: !moved && armed_turn && expected == sequence_seen -> goto sleep
	:: else
	fi;
arm:	expected = sequence_seen;					/* W1 */
	turn++;
	armed_turn = turn;
	wait = turn << 1 | 1;						/* W2 */
	consumer_fence();						/* W3 */
#ifdef ASYMMETRIC
	producer_fence();
#endif
	seen = tail_seen;						/* W4 */
	if
	:: seen > head -> wait = turn << 1; armed_turn = 0; goto look
	:: else
	fi;
#ifndef NO_REFRESH_AFTER_W4
	refresh(consumer_fence(), false);
	if
	:: moved -> goto arm
	:: else
	fi;
#endif

sleep:	atomic { moved = false; slept_on = fifo; asleep = true };
endasleep:
	d_step { asleep = false; told = 0 };	/* rung, or for no reason */
	goto look
}

#ifdef NO_MOUNTINFO
#define TOLD	false
#else
#define TOLD	told
#endif

/* Nobody who sleeps unrung has an entry to be awake for. */
active proctype judge()
{
end:	asleep && !token[slept_on] && !TOLD && resting && producer_fence() && consumer_fence() &&
	mounted == RESTARTS && tail_seen > head;
	assert(false)	/* a wake-up was lost */
}
