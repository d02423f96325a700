/*
 * LIST patterns (RFC 9051, 6.3.9): "*" matches anything, "%" anything without
 * a hierarchy delimiter.  No backtracking: time is length × length at worst.
 */
#ifndef IMAPD_IMAP_PATTERN_H
#define IMAPD_IMAP_PATTERN_H

#include "common/base.h"

/* Names and pattern are UTF-8; "/" delimits; INBOX matches in any case, and so does the INBOX in front of its children. */
bool imap_pattern_match(struct span pattern, struct span name);

#endif
