/*
 * What we say: every tagged reply in one table, and how strings are written
 * (RFC 9051, 4.3, 7.1; response codes RFC 5530).
 */
#ifndef IMAPD_IMAP_REPLY_H
#define IMAPD_IMAP_REPLY_H

#include "common/buf.h"

enum imap_reply {
	IMAP_REPLY_DONE,
	IMAP_REPLY_SELECTED,
	IMAP_REPLY_EXAMINED,
	IMAP_REPLY_ISSUED,	/* some of the messages are gone */
	IMAP_REPLY_LOGOUT,
	IMAP_REPLY_SYNTAX,
	IMAP_REPLY_BARE,
	IMAP_REPLY_UNKNOWN,
	IMAP_REPLY_NO_TAG,
	IMAP_REPLY_NOT_NOW,
	IMAP_REPLY_ENABLED_ALREADY,
	IMAP_REPLY_LONG,
	IMAP_REPLY_LITERAL,
	IMAP_REPLY_TOO_MANY,
	IMAP_REPLY_NEEDS_QRESYNC,
	IMAP_REPLY_NUMBER,	/* a sequence number that is not there */
	IMAP_REPLY_LOGGED_IN,
	IMAP_REPLY_READ_ONLY,
	IMAP_REPLY_NO_MAILBOX,
	IMAP_REPLY_TRY_CREATE,
	IMAP_REPLY_MAILBOX_EXISTS,
	IMAP_REPLY_NAME,
	IMAP_REPLY_INBOX,
	IMAP_REPLY_CHARSET,
	IMAP_REPLY_CHARSET_GIVEN, /* UTF8=ACCEPT says what the charset is */
	IMAP_REPLY_NOT_SAVED,
	IMAP_REPLY_UNKNOWN_CTE,
	IMAP_REPLY_USE,
	IMAP_REPLY_TOO_BIG,
	IMAP_REPLY_EMPTY,
	IMAP_REPLY_NUL,
	IMAP_REPLY_QUOTA,
	IMAP_REPLY_FULL,
	IMAP_REPLY_LIMIT,
	IMAP_REPLY_BUSY,
	IMAP_REPLY_BROKEN,
	IMAP_REPLY_COUNT
};

enum imap_reply imap_reply_for(enum herr);
bool imap_reply_is_bad(enum imap_reply);

/* "TAG STATUS [CODE] text" CRLF; `code` replaces the reply's own, if it is not empty. */
void imap_put_reply(struct buf *, struct span tag, enum imap_reply, struct span code);

void imap_put_quoted(struct buf *, struct span); /* bytes that a quoted string can hold */
void imap_put_string(struct buf *, struct span); /* quoted, or a literal where it must be one; NUL becomes 0x80 */
void imap_put_nstring(struct buf *, struct span); /* NIL for ptr NULL */
void imap_put_astring(struct buf *, struct span); /* an atom where it can be one */
/* " BODY[] {12}" CRLF has been begun: the size in braces, with CRLF. */
void imap_put_literal_size(struct buf *, uint64_t);
/* Appends, with NUL as 0x80: no client takes NUL in a literal (RFC 9051, 4.3.1). */
void imap_put_bytes(struct buf *, struct span);

#endif
