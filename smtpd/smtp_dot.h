/*
 * The end of a message, and its dots (RFC 5321, 4.5.2).  Only CRLF "." CRLF
 * ends it, however the bytes are cut into pieces; whatever else looks like an
 * end to a laxer reader is content, and is reported (SMTP smuggling).
 */
#ifndef SMTPD_SMTP_DOT_H
#define SMTPD_SMTP_DOT_H

#include "common/base.h"

enum smtp_dot_fault {
	DOT_BARE_CR = 1,
	DOT_BARE_LF = 2,
	DOT_NUL = 4,
};

struct smtp_dot {
	bool mend_lf; /* a bare LF comes out as CRLF; set before the first feed */
	bool done;
	unsigned faults; /* enum smtp_dot_fault, met so far */
	enum { DOT_AT_START, DOT_IN_LINE, DOT_AFTER_CR, DOT_AFTER_DOT, DOT_AFTER_DOT_CR } at;
};

/*
 * Takes bytes up to the end of the message and returns how many it took; what
 * is content goes to `out`, with one dot less where a line begins with one.
 * Zeroed is the state behind the DATA line.
 */
size_t smtp_dot_feed(struct smtp_dot *, struct span, void (*out)(void *arg, struct span), void *arg);

#endif
