/*
 * What we say we can: one text for the front, which greets, and the account
 * role, so that the two never differ.
 */
#ifndef IMAPD_IMAP_CAPABILITY_H
#define IMAPD_IMAP_CAPABILITY_H

/* clang-format off */
#define IMAP_CAPABILITY_CORE \
	"IMAP4rev1 "      /* RFC 3501 */ \
	"LITERAL+ "       /* RFC 7888 */ \
	"SASL-IR "        /* RFC 4959 */ \
	"ID "             /* RFC 2971 */ \
	"ENABLE "         /* RFC 5161 */ \
	"IDLE "           /* RFC 2177 */ \
	"NAMESPACE "      /* RFC 2342 */ \
	"CHILDREN "       /* RFC 3348 */ \
	"SPECIAL-USE "    /* RFC 6154 */ \
	"UIDPLUS "        /* RFC 4315 */ \
	"MOVE "           /* RFC 6851 */ \
	"UNSELECT "       /* RFC 3691 */ \
	"MULTIAPPEND "    /* RFC 3502 */ \
	"CONDSTORE "      /* RFC 7162 */ \
	"QRESYNC"         /* RFC 7162 */
/* clang-format on */

/* Before login: whether a certificate is at hand, TLS is on, and a password may be said. */
#define IMAP_CAPABILITY_STARTTLS " STARTTLS"
#define IMAP_CAPABILITY_AUTH	 " AUTH=PLAIN AUTH=LOGIN"
#define IMAP_CAPABILITY_NO_AUTH	 " LOGINDISABLED"

#endif
