/*
 * Addresses: the strict form of the envelope (RFC 5321, 4.1.2; RFC 6531) and
 * the forms that header fields hold (RFC 5322, 3.4, 4.4).
 */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include "common/buf.h"

enum { ADDR_LOCAL_MAX = 64, ADDR_DOMAIN_MAX = 255, ADDR_PATH_MAX = 256 };

/* ---- envelope ---- */
struct addr {
	struct span local;  /* as written, with quotes if it had them */
	struct span domain; /* empty for <> and <postmaster> */
};

/* `local@domain` without angle brackets; domain may be an address literal.  Strict: no source route, no bare CR/LF/NUL, limits above; UTF-8 allowed if `utf8`.  Nothing at all, and "postmaster" alone, are addresses without a domain. */
bool addr_parse(struct span, bool utf8, struct addr *) MUST_USE;
/* Labels of letters, digits and inner hyphens with dots between; with `utf8`, U-labels too. */
bool addr_is_domain(struct span, bool utf8);
/* The form that is compared and looked up: local part unquoted where that changes nothing, ASCII lower case; domain lower case without a final dot. */
void addr_canonical(struct buf *, const struct addr *);
/* The local part without "+tag"; the tag, if any. */
struct span addr_without_tag(struct span local, struct span *tag);

/* ---- header fields ---- */
/* One address of a list as ENVELOPE needs it.  Strings are raw (RFC 2047 not decoded), one line, quotes removed, comments removed. */
struct addr_entry {
	enum { ADDR_MAILBOX, ADDR_GROUP_START, ADDR_GROUP_END } kind;
	struct span name;    /* display name; the group's name for ADDR_GROUP_START; empty if none.  "(comment)" after a bare address serves as its name */
	struct span mailbox; /* local part */
	struct span host;    /* empty if there was none */
};
enum { ADDR_LIST_MAX = 10240 }; /* entries read of one field; the rest is left out */

/* Never fails: what cannot be read is passed over to the next comma.  Strings live in `scratch`, which is written anew for each entry. */
void addr_list(struct span unfolded, struct buf *scratch, void (*each)(void *arg, const struct addr_entry *), void *arg);

#endif
