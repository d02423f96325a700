/*
 * The structs that the account role's files share: the role itself, a session,
 * a request.
 *
 * A request is one command on its way through a session:
 *
 *	gathered -> handler -> (apply, in the shared write transaction -> run)* -> told
 *
 * A handler never blocks and never writes the tagged reply: it says what it
 * waits for, or is done and has left its outcome in the request.  The session
 * then tells what changed in the mailbox and writes the tagged reply.
 */
#ifndef IMAPD_IMAP_H
#define IMAPD_IMAP_H

#include "common/conn.h"
#include "imapd/imap_input.h"
#include "imapd/imap_parse.h"
#include "imapd/imap_reply.h"
#include "imapd/imap_set.h"
#include "mailstore/store.h"

/* Where a session can be, and so which commands make sense (RFC 9051, 3). */
enum imap_state {
	IMAP_KNOWN = 1 << 0,	/* logged in, no mailbox selected */
	IMAP_SELECTED = 1 << 1, /* one is */
	IMAP_ANY = IMAP_KNOWN | IMAP_SELECTED,
};

enum imap_trait {
	IMAP_BY_UID = 1 << 0,	  /* the name has UID in front; numbers are UIDs */
	IMAP_HOLDS_SEQ = 1 << 1,  /* no EXPUNGE may be told while it runs (RFC 9051, 7.5.1) */
	IMAP_USES_SEQ = 1 << 2,	  /* its arguments are sequence numbers */
	IMAP_BREAKS_SEQ = 1 << 3, /* it changes them */
	IMAP_WRITES = 1 << 4,	  /* may wait for the shared transaction behind other writes */
	IMAP_CHANGES = 1 << 5,	  /* needs a mailbox opened for writing */
	IMAP_LEAVES = 1 << 6,	  /* the selected mailbox may be another afterwards: nothing is gathered behind it, nothing told at its end */
	IMAP_STREAMS = 1 << 7,	  /* begins when its first message is announced */
	IMAP_TELLS = 1 << 8,	  /* after its transaction it tells of the messages that it changed: they must be there */
};

/* What a handler waits for. */
enum imap_step {
	IMAP_DONE,	  /* nothing: the outcome stands in the request */
	IMAP_AGAIN,	  /* its slice of time is over */
	IMAP_WAIT_ROOM,	  /* the client has to read something */
	IMAP_WAIT_INPUT,  /* more has to arrive */
	IMAP_WAIT_HEAD,	  /* the commands before it have to be answered */
	IMAP_WAIT_CHANGE, /* input, or something new in the mailbox: IDLE */
	IMAP_WAIT_WRITE,  /* call apply with the write transaction, then run */
};

struct imap_session;
struct imap_request;

typedef enum imap_step imap_run(struct imap_session *, struct imap_request *);
/*
 * The changes of a request, in a transaction that others share; as much as fits
 * into the slice, and what is left (`more`) in another.  H_OK: they may
 * be committed, or a refusal without changes stands in the request.  Anything
 * else: they were begun and must not be committed; the request gets that error
 * and everybody else's changes are made again without it.
 */
typedef enum herr imap_apply(
    struct imap_session *, struct imap_request *, struct store_txn *);
/* After a commit that failed: whether the changes are there all the same. */
typedef bool imap_check(
    struct imap_session *, struct imap_request *, struct store_txn *);

struct imap_command {
	const char *name;
	unsigned states; /* enum imap_state */
	unsigned traits; /* enum imap_trait */
	imap_run *handler;
};

enum imap_phase {
	IMAP_PHASE_NEW,	   /* its handler was not called yet */
	IMAP_PHASE_RUN,	   /* run() may be called */
	IMAP_PHASE_INPUT,  /* run() may be called when input has come */
	IMAP_PHASE_CHANGE, /* the same, or when something has changed */
	IMAP_PHASE_HEAD,   /* run() may be called once everything before it is answered */
	IMAP_PHASE_WRITE,  /* waits for the write transaction */
	IMAP_PHASE_TELL,   /* the outcome is known: tell changes, then the tagged reply */
};

struct imap_request {
	struct imap_request *next;
	const struct imap_command *command;
	enum imap_phase phase;
	struct buf text; /* the whole command */
	size_t args;	 /* where its arguments begin in it */
	struct span tag; /* lent from text */
	imap_run *run;
	imap_apply *apply;
	imap_check *check; /* may be NULL */
	void *state;			    /* the handler's own */
	void (*release)(void *state);	    /* before state is freed; may be NULL */
	uint32_t touched[2]; /* the mailboxes whose messages apply() changed; 0: none */
	bool clean; /* only flags, and nothing was untold there before; see imap_batch_touch() */
	bool more;   /* apply() did what fits into a slice; the writes behind it wait */
	enum herr failed; /* what became of the last apply(), if run() is called after a failure */
	bool may_fail;			    /* what it writes is nothing that it was asked for: go on without */
	bool holds_seq, tell_modseq;	    /* at the end: no EXPUNGE; the code HIGHESTMODSEQ */
	enum imap_reply reply;
	struct buf code; /* a response code with numbers; else the reply's own */
};

struct imap_recent { /* messages of a mailbox that no session was told of yet begin at `from` */
	uint32_t mailbox, from;
};

/* The role: all sessions of one account. */
struct imap_account {
	struct loop *loop;
	struct store *store;
	uint64_t message_size_limit;
	uint64_t without; /* capabilities that are not announced */
	unsigned max_sessions;
	int64_t prod_again; /* at the limit: those that idle, no sooner than then */
	void (*over)(void *arg, uint64_t id); /* a session has ended */
	void (*wait)(void *arg, bool);	      /* whether somebody waits for changes; may be NULL */
	void *arg;

	struct imap_session *sessions;
	unsigned nsessions;
	struct imap_session *ready, **ready_end; /* those that can go on */
	struct imap_session *writers;		 /* those with requests that wait for the write transaction */
	bool turn_planned;
	unsigned turn; /* counts */
	void (*plan_turn)(struct imap_account *);
	int64_t slice_end;	 /* monotonic, ms: whoever runs stops about then */
	struct store_txn *txn;	 /* the read transaction of this turn; see imap_read() */
	uint64_t staged;	 /* bytes of messages that wait for their commit */
	struct buf scratch;	 /* anybody's within one callback */

	char *keyword[STORE_KEYWORDS_MAX]; /* names got so far; they never change */
	struct imap_recent *recent;	   /* sorted by mailbox */
	size_t nrecent;
};

struct imap_sync; /* telling the client what changed: imap_sync.c */

/* One client.  Idle it owns this, a connection, and nothing else on the heap. */
struct imap_session {
	struct imap_account *account;
	struct imap_session *next, **prev;
	struct imap_session *next_ready, *next_writer;
	uint64_t id;
	struct conn *conn;
	struct imap_input input;
	struct imap_request *queue, **queue_end; /* in the order they came */
	unsigned queued;
	unsigned bad;		/* commands in a row that made no sense */
	unsigned idle_minutes;
	bool is_ready, is_writer;
	unsigned turn; /* the last it had */
	bool eof;      /* the client will say no more */
	bool plus_waits; /* a literal waits for "+", which waits for its turn */
	bool over;     /* to be freed */
	bool named;    /* the client's name is in the log */
	bool condstore, qresync; /* enabled; RFC 7162 */
	bool utf8, rev2;	 /* enabled: UTF8=ACCEPT (RFC 6855), IMAP4rev2 (RFC 9051) */

	/* the selected mailbox */
	uint32_t mailbox; /* 0: none */
	bool read_only;
	bool behind;		 /* the view has messages that are gone and were not told */
	struct store_view *view; /* what the client knows */
	uint64_t modseq;	 /* flags are told up to here */
	uint64_t view_modseq;	 /* and everything up to here */
	uint64_t clean_at;	 /* nothing but our own changes was in the batch of this modseq so far */
	uint64_t looked;	 /* the account's modseq when nothing was left to tell */
	uint32_t recent_from, recent_to; /* UIDs that are \Recent here; to is exclusive */
	unsigned keywords;	 /* how many the client knows */
	struct imap_set saved;	 /* UIDs: what "$" names (RFC 5182) */
	struct imap_sync *sync;
};

static inline enum imap_step
imap_done(struct imap_request *r, enum imap_reply reply)
{
	r->reply = reply;
	return IMAP_DONE;
}

/* The changes of apply() are refused, and none was made. */
static inline enum herr
imap_refuse(struct imap_request *r, enum imap_reply reply)
{
	r->reply = reply;
	r->phase = IMAP_PHASE_TELL;
	return H_OK;
}

static inline struct imap_args
imap_request_args(const struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_args_from(&r->text, r->args);

	a.strict = true;
	a.utf8 = s->utf8 || s->rev2;
	return a;
}

#endif
