/*
 * What receivers do to the header of a message: the trace field in front, what
 * a submission lacks or must not tell (RFC 6409, 8; RFC 5322, 3.6.3), loops.
 */
#ifndef SMTPD_SMTP_HEADER_H
#define SMTPD_SMTP_HEADER_H

#include "common/buf.h"

struct smtp_trace {
	struct span helo;
	const char *address; /* of the client, numeric */
	const char *hostname;
	bool esmtp, tls, login, utf8;
	const char *id;
	struct span recipient; /* NO_SPAN if there are several: nobody learns of the others */
	int64_t now;
};

/* The Received field (RFC 5321, 4.4; keywords of RFC 3848 and RFC 6531). */
void smtp_header_received(struct buf *, const struct smtp_trace *);

/*
 * Is it a header: with a field somewhere (lines that are none are passed over,
 * see header.h), or with nothing at all?  If not, an empty line is due behind
 * what we put in front: text without a header would pass for header, and a line
 * that begins with a blank for more of our field.
 */
bool smtp_header_is_one(struct span header);

/*
 * A submission's header as it goes on: Date and Message-ID in front if they are
 * missing, and the empty line if it is due; without the fields that only its
 * author should see.
 */
void smtp_header_complete(struct buf *, struct span header, const char *hostname, const char *id, int64_t now);

/* Was it delivered to one of these (canonical) addresses before?  RFC 5321, 6.3. */
bool smtp_header_was_delivered(struct span header, const struct span *canonical, size_t n);

#endif
