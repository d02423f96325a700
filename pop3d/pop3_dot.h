/*
 * A message as RETR and TOP send it: lines end in CRLF, a dot at the start of a
 * line is doubled, NUL (which only an import can have brought) reads 0x80, and
 * a line with a single dot ends it.  Fed piece by piece.
 */
#ifndef POP3D_POP3_DOT_H
#define POP3D_POP3_DOT_H

#include "common/buf.h"

struct pop3_dot {
	bool top;	      /* the header, the empty line, and so many lines */
	bool in_body, enough; /* of TOP */
	uint32_t lines;	      /* of the body, still to come */
	size_t column;	      /* bytes in this line so far */
	char last;
};

void pop3_dot_begin(struct pop3_dot *);
void pop3_dot_begin_top(struct pop3_dot *, uint32_t lines);
/* False when TOP has all it needs: the rest need not be read. */
bool pop3_dot_feed(struct pop3_dot *, struct span, struct buf *out);
void pop3_dot_end(struct pop3_dot *, struct buf *out);

#endif
