/*
 * The parent from the inside: shared by parent_*.c alone.
 *
 *	parent.c          main: options, configuration, signals, the end
 *	parent_tls.c      certificate and key
 *	parent_process.c  roles: start, say the opening words, reap, restart, watch
 *	parent_members.c  who has logged in, until the password changes
 *	parent_serve.c    what roles ask: peers, spool files, logins
 *	parent_hold.c     accounts whose folders the tool replaces
 *	parent_control.c  the tool; systemd
 */
#ifndef COMMON_PARENT_INT_H
#define COMMON_PARENT_INT_H

#include <sys/types.h>

#include "common/channel.h"
#include "common/parent.h"

enum {
	PROCESSES_MAX = 2000,
	MEMBERS_MAX = 10000,
	LOGINS_MAX = 4000,	  /* waiting for their account role */
	WAITING_MAX = 1000,	  /* questions for peers that may not start yet */
	PATIENCE_MS = 2000,	  /* of such a question */
	RETRY_MS = 20,
	TICK_MS = 1000,		  /* between looks at what waits */
	ANSWER_MS = 10 * 1000,	  /* an account role takes a session within that */
	PING_MS = 30 * 1000,
	HANGS_MS = 120 * 1000,	  /* no answer to pings for that long: killed */
	STARTS_MS = 900 * 1000,	  /* not ready after that: killed; a start may upgrade a store */
	EARLY_MS = 1000,	  /* who dies within that after its start is started later and later */
	LEAVES_MS = 300 * 1000,	  /* told to end, and still there: killed */
	FORGIVEN_MS = 60 * 1000,  /* after that it counts no more */
	DELAY_FIRST_MS = 50,
	DELAY_MOST_MS = 5000,	  /* who cannot even start */
	DELAY_READY_MS = 400,	  /* who could, and was ended by what came: service is back within a second */
	END_FRONTS_MS = 6000, END_ALL_MS = 10 * 1000, /* after SIGTERM */
};

struct bound { /* a listening socket */
	enum listener_kind kind;
	int fd;
	struct watch *knock; /* for a front on demand that does not run: somebody connects */
};

/* A role of the table: what is known of it whether it runs or not. */
struct staff {
	const struct parent_role *role;
	int program;  /* descriptor to execute */
	bool knocked; /* on demand, and somebody connects */
	struct timer *restart;
	struct parent *parent;
};

/* Who died young, and may not start again at once.  By account: one that cannot be opened holds up nobody else's. */
struct late {
	struct late *next;
	const struct staff *staff;
	uint64_t account;
	int64_t delay_ms, not_before;
};

/* A running (or ending) process. */
struct process {
	struct process *next;
	struct parent *parent;
	struct staff *staff;
	uint64_t account; /* 0: of nobody */
	uint64_t number;  /* never reused */
	pid_t pid;
	struct channel *channel; /* NULL: closed; soon reaped */
	bool ready, ending;
	int64_t started_ms, heard_ms, ending_ms;
	int64_t given_ms; /* given_ms: when it last got a peer or a session */
};

/* A login that waits for its account role. */
struct login {
	struct login *next;
	uint64_t front, account_process; /* numbers */
	uint64_t connection, account, without;
	int fd[2]; /* the front's ends: the stream, and a channel or -1 */
	int64_t deadline_ms;
};

/* A question for a peer that died young and may not start again yet. */
struct waiting {
	struct waiting *next;
	uint64_t asker, id, account;
	uint8_t peer;
	int64_t until_ms;
};

struct control; /* parent_control.c */
struct hold;	/* parent_hold.c */

struct parent {
	const struct parent_daemon *daemon;
	struct conf *conf;
	char *conf_path;
	int conf_folder; /* the folder of hearth.conf, opened at start: still there when its path is not */
	struct loop *loop;
	struct staff *staff;
	size_t nstaff;
	struct process *processes;
	size_t nprocesses;
	uint64_t last_number;
	struct late *late;
	struct bound *bound;
	size_t nbound;
	int certificate, key; /* sealed memory; -1: none */
	struct login *logins;
	size_t nlogins;
	struct waiting *waiting;
	size_t nwaiting;
	struct timer *ping, *tick, *retry, *end;
	bool ending, told_ready;
	int64_t end_began;
	struct control *control;
	struct hold *holds;
	struct member *members;
	size_t nmembers;
	uint64_t members_asked; /* the auth that was asked about them */
};

/* ---- parent_tls.c ---- */
bool parent_read_tls(struct parent *); /* certificate and key into sealed memory; false: said why, nothing changed */

/* ---- parent_process.c ---- */
void process_open_programs(struct parent *);
void process_lock_in(struct parent *); /* from here on these programs are all that can be run */
void process_start_all(struct parent *); /* those not on demand */
/* The one that serves, started if need be; H_BUSY: not now. */
enum herr process_get(struct parent *, enum role_kind, uint64_t account, struct process **) MUST_USE;
struct process *process_numbered(struct parent *, uint64_t number);
void process_drain(struct process *);
void process_misbehaved(struct process *, const char *why);
void process_reap(struct parent *);
void process_ping(struct parent *);
bool process_is_front(const struct process *);
void process_settings(struct parent *, struct buf *out); /* payload of IPC_SETTINGS, IPC_LIMITS */
void process_send_tls(struct process *);

/* ---- parent_serve.c ---- */
void serve_message(struct process *, struct channel_msg *);
void serve_gone(struct process *); /* answers whoever waits for it */
void serve_expire(struct parent *);
void serve_waiting(struct parent *); /* asks again what had to wait */

/* ---- parent_members.c ---- */
enum herr members_add(struct parent *, uint64_t account, uint64_t credential) MUST_USE; /* has logged in */
void members_ask(struct parent *);  /* the directory was replaced: do their credentials hold? */
bool members_wait(struct parent *); /* once a second: do answers lack?  Asks the next auth */
void members_answer(struct process *auth, const struct channel_msg *);

/* ---- parent_hold.c ---- */
/* Ends every role of the account and starts none; `alone` is called once, when the last has gone (perhaps at once). */
struct hold *hold_begin(struct parent *, uint64_t account, void (*alone)(void *arg), void *arg);
void hold_end(struct hold **);
bool hold_has(const struct parent *, uint64_t account);
void hold_look(struct parent *); /* a process has gone */

/* ---- parent_control.c ---- */
void control_open(struct parent *); /* the lock, the socket, the watch on the published directory; ends the process if another one runs */
void control_close(struct parent *);
void control_look_at_directory(struct parent *); /* now: whoever asks for auth may know already that it was replaced */
void control_queue_says(struct process *, struct channel_msg *); /* the queue's answer to a question of the tool */
void control_tell_systemd(const char *state);

#endif
