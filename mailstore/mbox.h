/*
 * An mbox: messages in one file, each after a line "From sender date".  Read in
 * one pass with a window of fixed size, whatever the file's; any bytes are an
 * mbox of some kind.
 *
 *	mboxo, mboxrd	a message ends before an empty line and a From_ line; the
 *			first ">" of ">From ", ">>From ", ... is taken away
 *	mboxcl, mboxcl2	where Content-Length leads to a From_ line or to the end
 *			of the file it is believed, and what it spans taken as it is
 *
 * A From_ line ends with a date as of asctime(3), or is Thunderbird's ("From ",
 * "From -", "From - date"): prose that begins with "From" ends no message.
 *
 * What mail programs keep in the header for themselves is told apart from the
 * message and taken away: Status, X-Status, X-Keywords, X-UID, X-IMAP, X-IMAPbase,
 * X-Mozilla-Status, -Status2, -Keys, and a Content-Length that was believed.
 */
#ifndef MAILSTORE_MBOX_H
#define MAILSTORE_MBOX_H

#include "common/buf.h"

/* Up to `len` bytes at `at`; 0 at the end. */
typedef size_t mbox_source(void *arg, uint64_t at, char *bytes, size_t len);

enum { MBOX_HEADER_MAX = 256 * 1024, MBOX_KEYWORDS_MAX = 4096 };

struct mbox_message {
	uint64_t at;	    /* of its From_ line */
	bool has_date;
	int64_t date;	    /* of the From_ line; without a zone: UTC */
	bool has_header_date;
	int64_t header_date; /* of the Date field */
	uint8_t system;	    /* enum store_flag */
	bool internal;	    /* what UW IMAP and Dovecot keep in front of the mail */
	bool expunged;	    /* deleted in Thunderbird, and there until its folder is compacted */
	struct span keywords; /* names between blanks; lent until the next message */
};

struct mbox;

struct mbox *mbox_new(mbox_source *, void *arg);
void mbox_free(struct mbox **);
/* The next message, at first the first; false: there is none. */
bool mbox_next(struct mbox *, struct mbox_message *);
/* Appends a piece of the message to `out`, as it is in the file; false: that was all. */
bool mbox_read(struct mbox *, struct buf *out);
/* The message once more, from its beginning. */
void mbox_again(struct mbox *);
/* How far it is read. */
uint64_t mbox_position(const struct mbox *);

/* Is that such a line?  (Without its end.) */
bool mbox_is_from(struct span line, bool *has_date, int64_t *date);

#endif
