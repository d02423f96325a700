/*
 * The words of IMAP commands (RFC 9051, 9), read from a whole command: its
 * lines with their CRLF and its literals in place, without the final CRLF.
 * What cannot be read makes the cursor bad; imap_end() is asked once.
 *
 * Spans are lent from the command's text, in which quoted strings are
 * unescaped where they stand.
 */
#ifndef IMAPD_IMAP_PARSE_H
#define IMAPD_IMAP_PARSE_H

#include "common/buf.h"
#include "common/scan.h"

struct imap_args {
	struct scan scan;
	struct buf *text;
	bool strict; /* quoted strings are UTF-8, or bad (RFC 6855, 3) */
	bool utf8;   /* names of mailboxes are UTF-8: imap_name.h */
};

struct imap_args imap_args_over(struct buf *text);
/* The same from `pos` on. */
struct imap_args imap_args_from(struct buf *text, size_t pos);
size_t imap_args_pos(const struct imap_args *);

void imap_sp(struct imap_args *);
bool imap_end(struct imap_args *); /* good, and nothing is left but blanks */

struct span imap_tag(struct imap_args *);
struct span imap_atom(struct imap_args *);
struct span imap_string(struct imap_args *);	   /* quoted or literal */
struct span imap_astring(struct imap_args *);	   /* or an atom that may hold "]" */
struct span imap_list_mailbox(struct imap_args *); /* or an atom that may hold wildcards as well */
struct span imap_nstring(struct imap_args *);	   /* or NIL: ptr NULL */
uint32_t imap_number(struct imap_args *);
uint64_t imap_modseq(struct imap_args *); /* at most 63 bits, RFC 7162, 7 */

/* Whether an atom can hold these bytes as they are. */
bool imap_is_atom(struct span);

#endif
