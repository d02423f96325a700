/*
 * What roles say to each other.  This page is the whole conversation; a message
 * that is not listed for a pair of roles ends the channel it came on.
 *
 * Notation: fields in order, as written by common/wire.h.  "-> fd" = carries a
 * descriptor.  "id" is the message's id; an answer bears the id of its question.
 */
#ifndef COMMON_IPC_H
#define COMMON_IPC_H

enum ipc_type {
	/* ---- parent -> any role ---- */
	IPC_SETTINGS = 1, /* once, first: the role's settings, see common/settings.h; id = its account (0: nobody's) */
	IPC_START,	  /* the last of the parent's opening words: lock yourself in, answer IPC_READY */
	IPC_PING,	  /* answered by IPC_PONG; no answer for 120 s ends the role */
	IPC_DRAIN,	  /* finish what you have begun, take nothing new, exit */
	IPC_PEER,	  /* u8 enum ipc_peer, u64 account (0: none), u64 connection (0: none) -> fd: a channel to another role.  To the one who asked (PEER_AUTH, PEER_DELIVER, PEER_QUEUE): id = that of IPC_WANT_PEER.  To the other: id = the parent's number for the process at the other end */
	IPC_NO_PEER,	  /* u8 enum herr: the answer to IPC_WANT_PEER when there is none; H_BUSY: not now, but soon perhaps */

	/* ---- parent -> front ---- */
	IPC_LISTENER = 16, /* u8 enum listener_kind -> fd: a bound, listening socket */
	IPC_TLS,	   /* certificate chain (PEM bytes), key (PEM bytes) as sealed memory -> fd, fd (shared with other roles: pread); again after SIGHUP */
	IPC_LIMITS,	   /* payload as of IPC_SETTINGS; after SIGHUP */
	IPC_DIRECTORY,	   /* the published directory was replaced: what auth said before holds no more */
	IPC_LOGGED_IN,	   /* id = connection; u8 enum herr, u64 account, u64 capabilities left out (capability.h) -> fd: stream socket to the account role (imapd, pop3d), or channel to the queue (submission); pop3d: -> fd, fd: and a channel to the account role */
	IPC_LOG_OUT,	   /* u64 account: its password was changed, or it was removed; its sessions end */

	/* ---- parent -> account ---- */
	IPC_SESSION = 24, /* id = session (the front's connection, as in its log lines); u64 capabilities left out -> fd: stream socket to the front; pop3d: -> fd, fd: and a channel to it */

	/* ---- account <-> front, on the channel of a session; see common/front_ahead.c ---- */
	IPC_AHEAD,	/* u64 in, u64 out: bytes that the session took and gave; then pairs: bytes question, bytes answer */
	IPC_AHEAD_USED, /* u32 how many of them, since it was last said */

	/* ---- parent -> auth ---- */
	IPC_CREDENTIAL = 28, /* id = account: by which credential can one log in to it? */

	/* ---- any role -> parent ---- */
	IPC_READY = 32, /* locked in; nothing from outside was read before */
	IPC_PONG,
	IPC_IDLE,	/* nothing to do; the parent may answer IPC_DRAIN */
	IPC_WANT_PEER,	/* u8 enum ipc_peer, u64 account: which of them a role may ask for stands in parent's table */
	IPC_WANT_SPOOL, /* an unlinked file for a large message */
	IPC_SPOOL,	/* the parent's answer: u8 enum herr -> fd */

	/* ---- account -> parent ---- */
	IPC_SESSION_TAKEN = 40, /* id = session; u8 enum herr: H_OK, H_LIMIT (too many), H_BUSY (maildrop locked), ... */
	IPC_SESSION_OVER,	/* id = session */

	/* ---- auth -> parent: integers only ---- */
	IPC_LOGIN = 48, /* id = the front's connection; u64 peer (id of the IPC_PEER message that brought the channel), u64 account, u64 capabilities left out, u64 credential: a number that a new password changes */
	IPC_CREDENTIAL_IS, /* id = account; u64 credential, 0: it is gone, or has no password */

	/* ---- front -> auth ---- */
	IPC_AUTH_START = 56, /* id = connection; bytes mechanism, u8 has initial response, bytes initial response (decoded), bytes peer address, bytes tls-exporter, bytes tls-unique: what the connection may be bound to (RFC 9266, 5929; empty: SCRAM-SHA-256-PLUS was not offered) */
	IPC_AUTH_STEP,	     /* id = connection; bytes response (decoded) */
	IPC_AUTH_CANCEL,	     /* id = connection: gone, or `*` */
	IPC_LOOKUP_RCPT,     /* id = question; bytes address */
	IPC_LOOKUP_SENDER,   /* id = question; u64 account, bytes address: may this account send as that? (also from the queue) */

	/* ---- auth -> front ---- */
	IPC_AUTH_CHALLENGE = 64, /* bytes challenge */
	IPC_AUTH_OK,		 /* u64 account, bytes final data (SCRAM), bytes address (the account's own, canonical).  The session itself comes from the parent: IPC_LOGGED_IN */
	IPC_AUTH_FAILED,	 /* u8 enum auth_failure */
	IPC_RCPT_IS,		 /* u8 enum herr (H_OK, H_NOTFOUND, H_DENIED not local, H_QUOTA, H_BUSY), u16 count, then for each target: u64 account (0: outside), bytes address */
	IPC_SENDER_IS,		 /* u8 enum herr: H_OK, H_DENIED, H_NOTFOUND */
	IPC_AUTH_LEAVING,	 /* (to a front) it ends in good order: what stays unanswered may be asked again, of the next one */

	/* ---- mx, submission, queue -> deliver ---- */
	IPC_DELIVER = 72, /* see smtpd/delivery.h */
	IPC_DELIVERED_LOOKUP, /* 16 bytes delivery id */
	IPC_ROOM,	      /* u64 bytes that are to come (1: not known): is there room for them? (asked at RCPT) */
	/* ---- deliver -> them ---- */
	IPC_DELIVER_RESULT = 80, /* u8 enum herr; to a look-up: H_OK = it is stored, H_NOTFOUND */
	IPC_ROOM_IS,		 /* u8 enum herr: H_OK, H_QUOTA, H_FULL; u64 bytes that there is room for, or fewer */

	/* ---- mx, submission -> queue ---- */
	IPC_ENQUEUE = 88, /* see smtpd/delivery.h */
	IPC_ENQUEUED_LOOKUP, /* 16 bytes delivery id */
	/* ---- queue -> them ---- */
	IPC_ENQUEUE_RESULT = 96, /* u8 enum herr, u64 queue id */

	/* ---- tool <-> parent, over state/control ---- */
	IPC_CTL_STATUS = 104, /* empty */
	IPC_CTL_STATUS_IS,    /* bytes: lines of text "key value", see hearth(8) */
	IPC_CTL_RELOAD,	      /* the published directory changed */
	IPC_CTL_OK,	      /* u8 enum herr */
	IPC_CTL_QUEUE,	      /* u8 enum queue_verb, u64 queue id: passed on to the queue */
	IPC_CTL_QUEUE_IS,     /* bytes: lines of text, see enum queue_verb */
	IPC_CTL_HOLD,	      /* u64 account: its roles end and none is started, until this channel closes; IPC_CTL_OK when the last has gone */
};

/*
 * What the tool may ask the queue.  The answer is lines of fields with a tab
 * between (no field holds a tab, a line end or a control character):
 *	entry	ID	ARRIVED	SIZE	LOGIN	TRACE	REVERSE-PATH
 *	rcpt	STATE	TRIES	NEXT	ACCOUNT	ADDRESS	ANSWER
 * an "entry" line, then its "rcpt" lines.  ID is 16 hex digits; ARRIVED and NEXT
 * are seconds since 1970; LOGIN and ACCOUNT are account ids (0: outside); STATE
 * is waiting, done, failed or held; REVERSE-PATH and ANSWER may be empty.  An
 * entry whose recipients do not fit one message ends with "more" TAB their
 * number; of one that cannot be read only ID is said, and TRACE is "damaged".
 * Written by spool_report() alone, whoever answers.
 */
enum queue_verb {
	QUEUE_LIST = 1, /* entries with an id above the given one, as many as fit; empty: no more */
	QUEUE_SHOW,	/* that entry; empty: no such */
};

/* Who is at the other end of a channel that the parent hands out. */
enum ipc_peer {
	PEER_AUTH = 1,
	PEER_DELIVER,	 /* of one account */
	PEER_QUEUE,	 /* for local recipients only */
	PEER_QUEUE_LOGIN,/* for a connection that logged in: outside recipients too; opened by the parent, never asked for */
	PEER_FRONT,	 /* what auth, deliver and queue see at their end of such a channel */
	PEER_QUEUE_ROLE, /* what deliver and auth see when the queue is at the other end */
};

enum listener_kind {
	LISTEN_SMTP = 1,    /* 25 */
	LISTEN_SUBMISSION,  /* 587, STARTTLS */
	LISTEN_SUBMISSIONS, /* 465, TLS */
	LISTEN_IMAP,
	LISTEN_IMAPS,
	LISTEN_POP3,
	LISTEN_POP3S,
};

enum auth_failure {
	AUTH_WRONG = 1,	 /* name or password; the same for unknown names */
	AUTH_MALFORMED,	 /* not what the mechanism says */
	AUTH_NO_MECHANISM,
	AUTH_THROTTLED,	 /* too many failures from there */
	AUTH_BUSY,	 /* our fault: try again later; never counts as a failure */
};

#endif
