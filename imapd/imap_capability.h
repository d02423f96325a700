/*
 * What we say we can: one text for the front, which greets, and the account
 * role, so that the two never differ.
 */
#ifndef IMAPD_IMAP_CAPABILITY_H
#define IMAPD_IMAP_CAPABILITY_H

#include "common/capability.h"

/* clang-format off */
#define IMAP_CAPABILITY_CORE \
	"IMAP4rev1 "      /* RFC 3501 */ \
	"IMAP4rev2 "      /* RFC 9051 */ \
	"LITERAL+ "       /* RFC 7888 */ \
	"SASL-IR "        /* RFC 4959 */ \
	"ID "             /* RFC 2971 */ \
	"ENABLE "         /* RFC 5161 */ \
	"IDLE "           /* RFC 2177 */ \
	"NAMESPACE "      /* RFC 2342 */ \
	"CHILDREN "       /* RFC 3348 */ \
	"SPECIAL-USE "    /* RFC 6154 */ \
	"CREATE-SPECIAL-USE " /* RFC 6154, 3 */ \
	"XLIST "          /* Gmail's, before RFC 6154 */ \
	"LIST-EXTENDED "  /* RFC 5258 */ \
	"LIST-STATUS "    /* RFC 5819 */ \
	"STATUS=SIZE "    /* RFC 8438 */ \
	"UTF8=ACCEPT "    /* RFC 6855 */ \
	"ESEARCH "        /* RFC 4731 */ \
	"SEARCHRES "      /* RFC 5182 */ \
	"WITHIN "         /* RFC 5032 */ \
	"BINARY "         /* RFC 3516 */ \
	"UIDPLUS "        /* RFC 4315 */ \
	"MOVE "           /* RFC 6851 */ \
	"UNSELECT "       /* RFC 3691 */ \
	"MULTIAPPEND "    /* RFC 3502 */ \
	"CONDSTORE "      /* RFC 7162 */ \
	"QRESYNC "        /* RFC 7162 */ \
	"APPENDLIMIT="    /* RFC 7889: imap_put_capability() */
/* clang-format on */

/* Before login: whether a certificate is at hand, TLS is on, and a password may be said (then come the mechanisms of SASL). */
#define IMAP_CAPABILITY_STARTTLS " STARTTLS"
#define IMAP_CAPABILITY_NO_AUTH	 " LOGINDISABLED"

/* "CAPABILITY" and what we can, but for what is left out for the account; `most` bytes may be in a message. */
static inline void
imap_put_capability(struct buf *out, uint64_t most, uint64_t without)
{
	buf_text(out, "CAPABILITY ");
	capability_put(out, SPAN(IMAP_CAPABILITY_CORE), " ", without);
	buf_number(out, most);
}

#endif
