/*
 * From bytes to commands: gathers lines and literals until a command is whole
 * (RFC 9051, 2.2.1, 4.3; RFC 7888).  Used by the front before login and by the
 * account role after it, with different limits.
 *
 * A command that breaks a limit is read to its end and thrown away, so that
 * what belongs to it is never taken for another command.
 */
#ifndef IMAPD_IMAP_INPUT_H
#define IMAPD_IMAP_INPUT_H

#include "common/buf.h"
#include "common/conn.h"

struct imap_limits {
	size_t line;	/* one line, without literals */
	size_t literal; /* one literal */
	size_t total;	/* one command, everything */
	uint64_t waste; /* non-synchronizing literals up to this size are read only to be thrown away */
};

enum { IMAP_INPUT_TAIL = 24 }; /* the end of a line that says how long a literal is */

struct imap_input {
	struct buf text;   /* the command so far; after IMAP_GOT_COMMAND all of it, without the final CRLF */
	size_t line;	   /* where its last line begins */
	uint64_t literal;  /* size of the literal that was announced, then what is missing of it */
	bool sync;	   /* the client waits for "+" before it sends that literal */
	bool in_literal;
	bool wasted;	   /* a limit was broken: text is only its beginning */
	bool bare;	   /* a line ended without CR */
	unsigned char ntail;
	char tail[IMAP_INPUT_TAIL];
};

enum imap_got {
	IMAP_GOT_NOTHING, /* more input is needed */
	IMAP_GOT_COMMAND, /* it is whole */
	IMAP_GOT_LITERAL, /* a literal is announced: take, waste, or read it yourself (then imap_input_resume) */
	IMAP_GOT_FLOOD,	  /* more than anybody sends by mistake: close */
};

void imap_input_reset(struct imap_input *, const struct imap_limits *); /* for the next command; memory is given back */
enum imap_got imap_input_read(struct imap_input *, struct conn *, const struct imap_limits *);

/* The announced literal becomes part of the text; false if it is too large: then waste it. */
bool imap_input_take(struct imap_input *, const struct imap_limits *);
/* The rest of the command is thrown away.  True if the command is over with that (the client waits for "+" and gets an answer instead). */
bool imap_input_waste(struct imap_input *);
/* The announced literal was read from the connection by somebody else; its line goes on. */
void imap_input_resume(struct imap_input *);

#endif
