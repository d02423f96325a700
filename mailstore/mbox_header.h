/* What mail programs write into the headers of an mbox for themselves. */
#ifndef MAILSTORE_MBOX_HEADER_H
#define MAILSTORE_MBOX_HEADER_H

#include "mailstore/mbox.h"

struct mbox_header {
	struct buf kept;     /* the header without those fields */
	struct buf keywords; /* names, a blank behind each */
	struct span length;  /* the whole field Content-Length, in what was read; empty: none */
	uint64_t content_length;
};

void mbox_header_init(struct mbox_header *);
void mbox_header_free(struct mbox_header *);
/* Fills in what the header says of its message; `keep_length`: a Content-Length is one of the message's own fields. */
void mbox_header_read(struct mbox_header *, struct span header, bool keep_length, struct mbox_message *);

#endif
