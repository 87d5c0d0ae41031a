/* SPDX-License-Identifier: MIT */
/*
 * One queue, both sides: can a wake-up be lost, an entry be lost, torn or
 * overwritten? The letters are those of libqueue/ring.c (P1..P3, C1..C3) and
 * libqueue/wait.c (P3..P7, W1..W5, A1..A5), the names those of the code.
 *
 *	producer ---store---> its buffer ---any time---> memory ---load---> consumer
 *	consumer ---store---> its buffer ---any time---> memory ---load---> producer
 *
 * A store waits in the buffer of its side. It leaves when it is the oldest; or,
 * weaker than x86, before older stores to other words, unless it is a release.
 * Loads happen in order, and see memory (no side loads a word that it writes). A
 * fence waits until the buffer is empty, a membarrier until the peer's has been:
 * to wait for what may happen at any time is to have it happen now.
 *
 * Positions count places, not bytes. An entry holds its position + 1.
 *
 * What is asked for is in the last process: judge. How much is explored, and
 * what is broken on purpose, comes with -D; README.md has the list.
 */

/* Places in the ring, and all entries that there will ever be. */
#ifndef RING
#define RING		2
#endif
#ifndef ENTRIES
#define ENTRIES		3
#endif
/* Stores that a buffer holds. */
#ifndef DEPTH
#define DEPTH		4
#endif
/* How often each side dies, and how often it leaves in order. */
#ifndef PRODUCER_DIES
#define PRODUCER_DIES	0
#endif
#ifndef CONSUMER_DIES
#define CONSUMER_DIES	0
#endif
#ifndef LEAVES
#define LEAVES		0
#endif
/* The doorbell: FUTEX, FIFO, or any of the two at each wait. */
#define FUTEX		1
#define FIFO		2
#ifndef DOORBELL
#define DOORBELL	FUTEX
#endif

#define PRODUCER	0
#define CONSUMER	1

/* The words of side s: it writes them, the other one reads. */
#define POSITION(s)	(s)		/* tail, head */
#define SEQUENCE(s)	(2 + (s))	/* data_sequence, space_sequence */
#define WAIT(s)		(4 + (s))	/* space_wait, data_wait */
#define FLAGS(s)	(6 + (s))
#define SPACE_WANTED	8
#define ENTRY(position)	(9 + (position) % RING)
#define N_WORDS		(9 + RING)

#define HOW		3		/* the bits of a wait word beside the turn */
#define PACED		1		/* in FLAGS */

#define RELAXED		0
#define RELEASE		1

typedef buffer {
	byte n;
	byte word[DEPTH], value[DEPTH], order[DEPTH];
}

byte memory[N_WORDS];
buffer buffers[2];

/* Where a side is. Only BUSY has to go on. */
#define AWAY		0
#define BUSY		1
#define AT_REST		2	/* attached, and between two calls */
#define ON_FUTEX	3
#define ON_FIFO		4
byte place[2];

bit token[2];			/* in the FIFO that side s sleeps on */
byte deaths[2], leaves[2];	/* still to come */
bit dying[2];

/* The consumer has read all entries before this one. */
byte n_read;
bit read_again;			/* a consumer died: it may have read more than it freed */

hidden byte i;

/* ---- memory ---- */

inline store(word_, value_, order_)
{
	d_step {
		buffers[me].n < DEPTH;
		buffers[me].word[buffers[me].n] = word_;
		buffers[me].value[buffers[me].n] = value_;
		buffers[me].order[buffers[me].n] = order_;
		buffers[me].n++
	}
}

/* Store @k of side @s reaches memory. */
inline drain(s, k)
{
	memory[buffers[s].word[k]] = buffers[s].value[k];
	for (i : (k) .. (DEPTH - 2)) {
		buffers[s].word[i] = buffers[s].word[i + 1];
		buffers[s].value[i] = buffers[s].value[i + 1];
		buffers[s].order[i] = buffers[s].order[i + 1]
	}
	forget(s, DEPTH - 1);
	buffers[s].n--
}

inline forget(s, k)
{
	buffers[s].word[k] = 0;
	buffers[s].value[k] = 0;
	buffers[s].order[k] = 0
}

#define OTHER_WORD(s, k, j)	(buffers[s].word[k] != buffers[s].word[j])
#define MAY_PASS(s, k)		(buffers[s].n > (k) && buffers[s].order[k] == RELAXED)

#define full_fence(s)		(buffers[s].n == 0)

proctype store_buffers()
{
	byte s;

end:	do
	:: d_step { buffers[0].n > 0 -> drain(0, 0) }
	:: d_step { buffers[1].n > 0 -> drain(1, 0) }
	:: d_step { MAY_PASS(0, 1) && OTHER_WORD(0, 1, 0) -> drain(0, 1) }
	:: d_step { MAY_PASS(1, 1) && OTHER_WORD(1, 1, 0) -> drain(1, 1) }
	:: d_step { MAY_PASS(0, 2) && OTHER_WORD(0, 2, 0) && OTHER_WORD(0, 2, 1) -> drain(0, 2) }
	:: d_step { MAY_PASS(1, 2) && OTHER_WORD(1, 2, 0) && OTHER_WORD(1, 2, 1) -> drain(1, 2) }
	od
}

/* ---- death ---- */

/*
 * Between any two steps. Of the stores that were under way the first few arrive.
 * The role is free, and a successor attaches, when all that is over.
 */
proctype fate()
{
end:	do
	:: d_step { deaths[0] > 0 && place[0] != AWAY -> deaths[0]--; dying[0] = 1 }
	:: d_step { deaths[1] > 0 && place[1] != AWAY -> deaths[1]--; dying[1] = 1;
		    read_again = 1 }
	:: d_step { dying[0] && buffers[0].n > 0 -> buffers[0].n--; forget(0, buffers[0].n) }
	:: d_step { dying[1] && buffers[1].n > 0 -> buffers[1].n--; forget(1, buffers[1].n) }
	od
}

/* ---- wait.c ---- */

/* Private to a side, as in struct ring; position is its own, seen the peer's. */
#define RING_STATE							\
	byte position, seen, turn, sequence, expected, rung, wanted;	\
	byte flags, wait, bell;		/* of use for some steps only */ \
	byte how, armed_for	/* armed so, or 0; for so much room */

#define FREE(tail, head)	(RING - ((tail) - (head)))

/* wait_ring(), and the FIFO as the caller does */
inline ring()
{
	sequence++;
	store(SEQUENCE(me), sequence, RELEASE);				/* P6 */
	/* A system call, and a lock in it: all that was stored before is there. */
	d_step {
		full_fence(me);						/* P7 */
		if
		:: (wait & FUTEX) && place[peer] == ON_FUTEX -> place[peer] = BUSY
		:: else
		fi;
		if
		:: wait & FIFO -> token[peer] = 1
		:: else
		fi;
		wait = 0
	}
}

/* wait_attach() */
inline attach()
{
	d_step {
		full_fence(me);		/* A1 */
		position = memory[POSITION(me)];
		sequence = memory[SEQUENCE(me)];
#ifndef RESTART_TURNS
		turn = memory[WAIT(me)] >> 2;
#endif
	}
	seen = memory[POSITION(peer)];
	store(WAIT(me), turn << 2, RELAXED);				/* A2 */
	store(FLAGS(me), PACED, RELAXED);				/* A3 */
#ifndef NO_A4
	full_fence(me);							/* A4 */
#endif
	flags = memory[FLAGS(peer)];
	d_step {
		wait = memory[WAIT(peer)];				/* A5 */
		if
		:: flags & PACED -> rung = wait
		:: else -> wait = 0
		fi;
		flags = 0
	}
	if
#ifndef NO_RING_AT_ATTACH
	:: wait & HOW -> ring()
#endif
	:: else -> wait = 0
	fi
}

inline disarm()
{
	store(WAIT(me), turn << 2, RELAXED);
	how = 0
}

/* wait_due_slow(), and the ring where one is due */
inline announce()
{
	if
	:: how -> disarm()
	:: else
	fi;
#ifndef ASYMMETRIC
#ifndef NO_P4
	full_fence(me);							/* P4 */
#endif
#endif
	flags = memory[FLAGS(peer)];
	d_step {
		wait = memory[WAIT(peer)];				/* P5 */
		/* Not to ring is the worst that may happen to an unpaced peer. */
		if
		:: !(flags & PACED) || !(wait & HOW) || wait == rung -> wait = 0
		:: else
		fi;
		flags = 0
	}
	if
	:: wait && me == CONSUMER ->
		d_step {
			if
			:: FREE(memory[POSITION(peer)], position) < memory[SPACE_WANTED] -> wait = 0
			:: else
			fi
		}
	:: else
	fi;
	if
	:: wait -> rung = wait; ring()
	:: else
	fi
}

#ifdef P3_RELAXED
#define P3_ORDER	RELAXED
#else
#define P3_ORDER	RELEASE
#endif

#define load_sequence()	expected = memory[SEQUENCE(peer)]

/* wait_arm(), up to W4; with the way to sleep in @how */
inline arm()
{
#ifndef W1_AFTER_W2
	load_sequence();						/* W1 */
#endif
	if
	:: me == PRODUCER -> store(SPACE_WANTED, wanted, RELAXED)
	:: else
	fi;
	turn++;
	assert(turn < 64);	/* a byte holds no more */
	store(WAIT(me), turn << 2 | how, RELEASE);			/* W2 */
#ifndef NO_W3
	full_fence(me);							/* W3 */
#endif
#ifdef ASYMMETRIC
#ifndef NO_MEMBARRIER
	flags = memory[FLAGS(peer)];
	if
	:: flags & PACED -> full_fence(peer); flags = 0
	:: else -> flags = 0
	fi;
#endif
#endif
#ifdef W1_AFTER_W2
	load_sequence()
#endif
}

#ifdef IGNORE_SEQUENCE
#define PENDING		true
#else
#define PENDING		(memory[SEQUENCE(peer)] == expected)
#endif

/* A wait on @bell_ begins; where we are armed for it, there is no W1 to W4. */
inline begin_wait(bell_)
{
	bell = bell_;
#ifndef DRAIN_AFTER_W2
	if
	:: bell == FIFO -> token[me] = 0
	:: else
	fi;
#endif
	if
	:: how == bell && armed_for == wanted && PENDING -> goto sleep
	:: else
	fi;
	how = bell;
	armed_for = wanted;
	arm();
#ifndef NO_W4
	seen = memory[POSITION(peer)];					/* W4 */
#endif
#ifdef DRAIN_AFTER_W2
	if
	:: bell == FIFO -> token[me] = 0
	:: else
	fi;
#endif
}

inline fall_asleep()
{
	d_step {
		bell = 0;
		if
		:: how == FIFO -> place[me] = ON_FIFO
		:: how == FUTEX && PENDING -> place[me] = ON_FUTEX	/* W5 */
		:: else
		fi
	}
}

#define any_bell(bell_)							\
	if								\
	:: how && PENDING -> bell_ = how	/* or turns would go on for ever */ \
	:: !(how && PENDING) && (DOORBELL & FUTEX) -> bell_ = FUTEX	\
	:: !(how && PENDING) && (DOORBELL & FIFO) -> bell_ = FIFO	\
	fi

inline read_entry()
{
	d_step {
		assert(memory[ENTRY(position)] == position + 1);	/* whole, and in order */
		position++;
		n_read++
	}
}

/* wait_detach() */
inline detach()
{
	disarm();
	store(FLAGS(me), 0, RELAXED)
}

/* Between two lives: the kernel gives the role away when all stores are there. */
inline next_life()
{
	d_step {
		full_fence(me);
		place[me] = AWAY;
		dying[me] = 0;
		position = 0; seen = 0; turn = 0; sequence = 0; expected = 0; rung = 0;
		wanted = 0; flags = 0; wait = 0; bell = 0; how = 0; armed_for = 0;
		lives--
	}
}

/* ---- the two sides ---- */

proctype producer()
{
	byte me = PRODUCER, peer = CONSUMER;
	byte lives = 1 + PRODUCER_DIES + LEAVES;
	RING_STATE;

	do
	:: lives > 0 ->
		place[me] = BUSY;
		{
			attach();
top:			place[me] = AT_REST;
endtop:			if
			:: d_step { leaves[me] > 0 -> leaves[me]--; place[me] = BUSY };
				detach();
				goto gone
			:: d_step { position + 1 <= ENTRIES -> wanted = 1; place[me] = BUSY }
			:: d_step { position + RING <= ENTRIES -> wanted = RING; place[me] = BUSY }
			fi;

look:			if
			:: FREE(position, seen) < wanted -> seen = memory[POSITION(peer)]	/* P1 */
			:: else
			fi;
			if
			:: FREE(position, seen) >= wanted
			:: else ->
#ifdef PRODUCER_POLLS
				goto top
#else
				any_bell(bell);
				begin_wait(bell);
				if
				:: FREE(position, seen) >= wanted
				:: else -> goto sleep
				fi
#endif
			fi;
			if
			:: how == FUTEX -> disarm()
			:: else
			fi;

			do
			:: wanted > 0 ->
				assert(position - n_read < RING);	/* nothing unread is lost */
				store(ENTRY(position), position + 1, RELAXED);	/* P2 */
				position++;
				wanted--
			:: else -> break
			od;
			store(POSITION(me), position, P3_ORDER);	/* P3 */
			announce();
			goto top;

sleep:			fall_asleep();
			/* Rung, or for no reason: whether that ever comes asks judge. */
endasleep:		if
			:: place[me] == ON_FIFO -> goto top
			:: else -> place[me] = BUSY; goto look
			fi;
gone:			skip
		} unless { dying[me] };
		next_life()
	:: else -> break
	od
}

proctype consumer()
{
	byte me = CONSUMER, peer = PRODUCER;
	byte lives = 1 + CONSUMER_DIES + LEAVES;
	RING_STATE;

	do
	:: lives > 0 ->
		place[me] = BUSY;
		{
			attach();
			d_step {
				assert(position == n_read || (position < n_read && read_again));
				n_read = position
			}
top:			place[me] = AT_REST;
endtop:			if
			:: d_step { leaves[me] > 0 -> leaves[me]--; place[me] = BUSY };
				detach();
				goto gone
			:: place[me] = BUSY
			fi;

look:			if
			:: position == seen -> seen = memory[POSITION(peer)]	/* C1 */
			:: else
			fi;
			if
			:: position != seen
			:: else ->
#ifdef CONSUMER_POLLS
				goto top
#else
				any_bell(bell);
				begin_wait(bell);
				if
				:: position != seen
				:: else -> goto sleep
				fi
#endif
			fi;
			if
			:: how == FUTEX -> disarm()
			:: else
			fi;

#ifdef C2_AFTER_C3
			store(POSITION(me), position + 1, RELEASE);
			read_entry();
#else
			read_entry();					/* C2 */
			store(POSITION(me), position, RELEASE);		/* C3 */
#endif
			announce();
			goto top;

sleep:			fall_asleep();
endasleep:		if
			:: place[me] == ON_FIFO -> goto top
			:: else -> place[me] = BUSY; goto look
			fi;
gone:			skip
		} unless { dying[me] };
		next_life()
	:: else -> break
	od
}

/* ---- what is asked for ---- */

#define ASLEEP(s)	(place[s] == ON_FUTEX || (place[s] == ON_FIFO && !token[s]))
#define STAYS_SO(s)	(!dying[s] && (place[s] == AT_REST || ASLEEP(s)))

/*
 * Who sleeps where nothing has rung, while the other side is there and perhaps
 * never calls again, must have nothing to be awake for.
 */
proctype judge()
{
end:	full_fence(0) && full_fence(1) && STAYS_SO(0) && STAYS_SO(1) &&
	((ASLEEP(CONSUMER) && memory[POSITION(PRODUCER)] != memory[POSITION(CONSUMER)]) ||
	 (ASLEEP(PRODUCER) && FREE(memory[POSITION(PRODUCER)], memory[POSITION(CONSUMER)]) >=
			      memory[SPACE_WANTED]));
	assert(false)	/* a wake-up was lost */
}

init
{
	atomic {
		deaths[PRODUCER] = PRODUCER_DIES;
		deaths[CONSUMER] = CONSUMER_DIES;
		leaves[PRODUCER] = LEAVES;
		leaves[CONSUMER] = LEAVES;
		run store_buffers();
		run producer();
		run consumer();
		run fate();
		run judge()
	}
}
