/*
 * Line ends of messages on their way in from files, and out to them.
 *
 * In: an LF that has no CR before it becomes CRLF; nothing else is changed.  So
 * a file with CRLF ends comes in as it is.  Out: each CRLF becomes LF, if
 * coming in would give the same bytes again; else the message must go out as it
 * is, and say so in its name (maildir.h).
 */
#ifndef MAILSTORE_CRLF_H
#define MAILSTORE_CRLF_H

#include "common/buf.h"

/* Fed in pieces of any size; start with a zeroed one. */
struct crlf_in { bool cr; /* the last byte was one */ };
void crlf_in(struct crlf_in *, struct span, struct buf *out);

/* Does going out with LF ends and coming in again give the same? */
struct crlf_look {
	bool cr, cr_cr; /* the last byte, the last two were CR */
	bool no;	/* a bare LF, or CR CR LF */
	uint64_t lines; /* CRLFs */
};
void crlf_look(struct crlf_look *, struct span);

/* Out: a CR is held back until it is known what follows. */
struct crlf_out { bool cr; };
void crlf_out(struct crlf_out *, struct span, struct buf *out);
void crlf_out_end(struct crlf_out *, struct buf *out);

#endif
