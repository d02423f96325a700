/*
 * One mail transaction: from MAIL to the reply that ends it.  Envelope and body
 * of a message, and its way to a deliver role or the queue.
 */
#ifndef SMTPD_SMTP_MAIL_H
#define SMTPD_SMTP_MAIL_H

#include "smtpd/delivery.h"
#include "smtpd/outlet.h"
#include "smtpd/smtp_body.h"

struct smtp_session;

struct smtp_rcpt {
	uint64_t account; /* 0: outside */
	char *address;	  /* where it goes: of the account, or outside */
	char *said;	  /* what RCPT named */
};

struct smtp_mail {
	struct smtp_session *session; /* NULL: the client is gone */
	char *reverse_path;	      /* "" for <> */
	bool utf8;
	uint64_t said_size; /* SIZE=; 0: not said */
	struct smtp_rcpt *rcpts;
	size_t nrcpts, room;
	unsigned commands;  /* RCPTs accepted, */
	unsigned refusals;  /* and refused */
	char *asked;	    /* while a RCPT waits: the address it named, */
	size_t before;	    /* how many recipients were there before it, */
	size_t checked;	    /* and how many are known to have room */
	uint8_t id[DELIVERY_ID_LEN];
	char trace[DELIVERY_TRACE_LEN + 1];
	char peer[48]; /* for the log, when the client may be gone */
	bool tls;
	int64_t now;
	struct smtp_body *body; /* from DATA on */
	bool wants_file;	/* the parent was asked for one */
	struct parcel parcel;	/* under way: one question at a time */
};

struct smtp_mail *smtp_mail_new(struct smtp_session *, struct span reverse_path);
/* The session lets go: freed at once, or when the answers that are under way have come. */
void smtp_mail_leave(struct smtp_mail **);

enum {
	SMTP_ENVELOPE_MAX = 48 * 1024, /* bytes of a packet, so that it can be sent at all */
};
/* False: no room for one more.  Somebody who is there already is not added again. */
bool smtp_mail_add_rcpt(struct smtp_mail *, uint64_t account, struct span address, struct span said) MUST_USE;
void smtp_mail_cut_rcpts(struct smtp_mail *, size_t n); /* all but the first n go */

/* About how many bytes of a packet it takes. */
size_t smtp_mail_envelope(const struct smtp_mail *);

/* Is there one of our Delivered-To fields for one of the recipients?  (arg: the mail) */
bool smtp_mail_is_loop(void *arg, struct span header);

/* For one account, and so past the queue. */
bool smtp_mail_is_direct(const struct smtp_mail *);
/* The way out: the one account's deliver role, or the queue.  `login` is the session's own channel to the queue, or NULL. */
void smtp_mail_store(struct smtp_mail *, struct outlets *, struct outlet *login, void (*done)(void *arg, enum herr, uint64_t));

#endif
