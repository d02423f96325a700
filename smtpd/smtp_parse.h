/*
 * The grammar of commands (RFC 5321, 4.1; RFC 1870, 6152, 6531, 4954).  Spans
 * are lent from the line.
 */
#ifndef SMTPD_SMTP_PARSE_H
#define SMTPD_SMTP_PARSE_H

#include "common/addr.h"
#include "smtpd/smtp_reply.h"

/* The verb (empty if there is none), and what follows it, without blanks around. */
void smtp_parse_line(struct span line, struct span *verb, struct span *args);

/* A host name, an address literal, or what home machines call themselves: bare names, underscores. */
bool smtp_parse_helo(struct span args, struct span *name) MUST_USE;

enum smtp_parse_flags {
	PARSE_BLANK = 1, /* Outlook's blank after the colon is fine */
	PARSE_UTF8 = 2,	 /* addresses may hold UTF-8 */
	PARSE_AUTH = 4,	 /* AUTH= is known (RFC 4954, 5), and ignored */
};

struct smtp_mail_args {
	struct span path; /* between the angle brackets; empty for <> */
	struct addr from; /* zero for <> */
	uint64_t size;	  /* 0: not said */
	bool utf8;	  /* SMTPUTF8 was said */
};
/* REPLY_SENDER_OK, or the refusal. */
enum smtp_reply smtp_parse_mail(struct span args, unsigned flags, struct smtp_mail_args *) MUST_USE;

struct smtp_rcpt_args {
	struct span path;
	struct addr to; /* <postmaster> has no domain */
};
/* REPLY_RCPT_OK, or the refusal. */
enum smtp_reply smtp_parse_rcpt(struct span args, unsigned flags, struct smtp_rcpt_args *) MUST_USE;

struct smtp_auth_args {
	struct span mechanism;
	bool has_initial;
	struct span initial; /* base64, or "=" */
};
bool smtp_parse_auth(struct span args, struct smtp_auth_args *) MUST_USE;

#endif
