/*
 * The session of one client, and what the files of its commands say to it.
 * Commands come in order and one at a time; one that must wait for somebody
 * returns SMTP_WAIT, and whoever brings the answer goes on with smtp_resume().
 */
#ifndef SMTPD_SMTP_H
#define SMTPD_SMTP_H

#include "common/front.h"
#include "smtpd/smtp_mail.h"
#include "smtpd/smtp_reply.h"

/* Where a session is, and so which commands make sense (RFC 5321, 4.1.4). */
enum smtp_state {
	SMTP_STRANGER = 1 << 0,	  /* no EHLO yet */
	SMTP_GREETED = 1 << 1,	  /* no transaction */
	SMTP_SENDER = 1 << 2,	  /* MAIL was accepted */
	SMTP_RECIPIENTS = 1 << 3, /* and at least one RCPT */
};

enum smtp_step {
	SMTP_DONE,  /* the reply is written: on to the next line */
	SMTP_WAIT,  /* after smtp_wait(): smtp_resume() will be called.  Or auth, or the handshake, is at it (front.h) */
	SMTP_CLOSE, /* the reply is written, and it was the last */
};

/* What the next bytes of the client are. */
enum smtp_mode {
	SMTP_COMMANDS,
	SMTP_DATA,
};

struct smtp_question; /* to auth, under way */

struct smtp_session {
	struct client *client;
	char *helo;
	struct smtp_mail *mail; /* NULL: no transaction */
	struct smtp_question *question;
	struct timer *penalty; /* made when it is first needed */
	uint64_t account;      /* 0: not logged in */
	struct outlet *queue;  /* of the login */
	int64_t line_since;    /* when the line that is awaited could begin (ms) */
	int64_t patience;      /* ms left for DATA, as of patience_since */
	int64_t patience_since;
	enum smtp_mode mode;
	bool esmtp, waiting;
	bool erred; /* the command that runs was refused */
	uint16_t errors, junk;
};

/* ---- smtp_session.c ---- */
extern const struct front_protocol smtp_mx, smtp_submission;
bool smtp_is_submission(const struct smtp_session *);
enum smtp_state smtp_state(const struct smtp_session *);
struct outlets *smtp_outlets(void);
void smtp_say(struct smtp_session *, enum smtp_reply);
void smtp_say_more(struct smtp_session *, enum smtp_reply, const char *more);
/* Ends the transaction, if there is one. */
void smtp_reset(struct smtp_session *);
/* Asks auth; `answer` is not called if the client goes meanwhile; an empty payload means that nobody could answer. */
enum smtp_step smtp_ask(struct smtp_session *, uint16_t type, struct span payload, enum smtp_step (*answer)(struct smtp_session *, struct span payload));
void smtp_forget_question(struct smtp_session *);
/* No more input is taken, no deadline runs, until smtp_resume(). */
void smtp_wait(struct smtp_session *);
/* What a session waited for is here, and this came of it.  SMTP_WAIT: it waits for something else now. */
void smtp_resume(struct smtp_session *, enum smtp_step);

/* ---- commands: `args` is lent until something is said ---- */
typedef enum smtp_step smtp_command_handler(struct smtp_session *, struct span args);
smtp_command_handler smtp_cmd_helo, smtp_cmd_ehlo, smtp_cmd_noop, smtp_cmd_rset, smtp_cmd_vrfy, smtp_cmd_help, smtp_cmd_quit;
smtp_command_handler smtp_cmd_starttls, smtp_cmd_auth;
smtp_command_handler smtp_cmd_mail, smtp_cmd_rcpt, smtp_cmd_data;

/* Lines that answer a prompt of AUTH. */
enum smtp_step smtp_auth_line(struct smtp_session *, struct span line);
/* What auth says (front.h). */
void smtp_auth_challenge(struct client *, struct span data);
void smtp_auth_logged_in(struct client *, struct span address, uint64_t account, int queue);
void smtp_auth_refused(struct client *, enum herr, enum auth_failure why);

/* Bytes of a message: takes what it can use of the client's input. */
enum smtp_step smtp_data_input(struct smtp_session *);
/* They came too slowly. */
void smtp_data_timeout(struct smtp_session *);

#endif
