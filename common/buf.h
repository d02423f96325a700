/*
 * Bytes that grow, born with a limit.  Going over the limit does not grow: it
 * marks the buffer bad, and a bad buffer takes nothing more, so that a writer
 * asks once at the end.  Memory is got at the first byte and can be given back
 * whenever the buffer is empty.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/base.h"

struct buf {
	char *ptr;
	size_t len;   /* bytes in use */
	size_t room;  /* bytes allocated */
	size_t limit; /* never more than this in use */
	bool bad;     /* something did not fit */
};

#define BUF_INIT(most) ((struct buf){ .limit = (most) })

void buf_free(struct buf *);  /* ready for use again, with its limit */
void buf_clear(struct buf *); /* empty and good, memory kept */

void buf_add(struct buf *, struct span);
void buf_byte(struct buf *, char);
void buf_text(struct buf *, const char *);
void buf_number(struct buf *, uint64_t); /* decimal */
void buf_format(struct buf *, const char *, ...) PRINTF_LIKE(2, 3);

/* Room for `len` more bytes, or NULL and bad; buf_grew() says how many were used. */
char *buf_want(struct buf *, size_t len);
void buf_grew(struct buf *, size_t len);

void buf_drop(struct buf *, size_t len); /* forgets the first `len` bytes */

static inline struct span
buf_span(const struct buf *b)
{
	return (struct span){ b->ptr, b->len };
}

#endif
