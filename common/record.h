/*
 * The record: what is computed from a message once, when it comes in, and kept
 * with it: the fields of ENVELOPE, the tree of parts, where each part's header
 * and body lie, and its lines (RFC 2045, RFC 9051 7.5.2).
 *
 * It is made by the process that reads the message (mime.h) and believed by
 * nobody: record_check() runs before a commit, and the reader below decodes with
 * bounds, so the worst a forged record can do is to tell wrong offsets inside
 * its own message.  `verify` computes it again and compares.
 *
 * Bytes (little endian; strings are u16 length + bytes, never with CR, LF, NUL;
 * length 0xFFFF means absent, as NIL differs from ""):
 *	u8 version, u8 flags (bit 0: some limit cut the analysis short), u16 parts,
 *	u64 size of the message, then `parts` part entries in preorder; entry 0 is
 *	the message itself.  The layout of an entry is documented in record.c.
 */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include "common/buf.h"

enum {
	RECORD_VERSION = 1,
	RECORD_MAX = 1024 * 1024,  /* bytes */
	RECORD_HEAD = 12,	   /* of which its head */
	RECORD_PARTS_MAX = 10000,  /* more are kept opaque inside their parent */
	RECORD_DEPTH_MAX = 100,
	RECORD_STRING_MAX = 16384, /* longer strings are cut at a character */
	RECORD_PARAMS_MAX = 100,
	RECORD_ADDRESSES_MAX = 10240, /* in all address fields of one envelope */
};

enum record_kind { RECORD_LEAF = 0, RECORD_MULTIPART = 1, RECORD_MESSAGE = 2 /* message/rfc822 or message/global: exactly one child, its content */ };

/* A string of a record: lent; ptr NULL = absent (NIL). */
struct record_part {
	unsigned index;	      /* in preorder */
	unsigned depth;	      /* 0 for the message itself */
	unsigned descendants; /* entries after this one that lie inside it */
	enum record_kind kind;
	/* Offsets from the start of the message, in bytes. */
	uint64_t header_start, header_len; /* of the MIME (or message) header, with its empty line */
	uint64_t body_start, body_len;
	uint32_t body_lines; /* LF characters in the body */
	struct span type, subtype; /* upper case; "TEXT" "PLAIN" where the message does not say */
	struct span id, description, encoding /* upper case, "7BIT" by default */, md5, disposition, location;
	struct span params, disposition_params, languages; /* lists: see record_list_next; NULL = none */
	bool has_envelope;    /* entry 0, and the child of every RECORD_MESSAGE */
	struct span envelope; /* see record_envelope */
};

enum record_address_field { RECORD_FROM, RECORD_SENDER, RECORD_REPLY_TO, RECORD_TO, RECORD_CC, RECORD_BCC, RECORD_ADDRESS_FIELDS };

/* As in RFC 9051, 7.5.2: sender and reply_to already default to from.  All raw (RFC 2047 not decoded), unfolded. */
struct record_envelope {
	struct span date, subject, in_reply_to, message_id;
	struct span addresses[RECORD_ADDRESS_FIELDS]; /* see record_address_next; ptr NULL = absent */
};

struct record_address { /* group start: host absent; group end: mailbox and host absent (RFC 9051); an address without a domain has an empty host */
	struct span name, mailbox, host;
};

struct record { /* an opened record: lent bytes */
	struct span bytes;
	unsigned parts; /* at least 1 */
	uint64_t size;
	bool cut;
};

struct record_cursor { size_t at; unsigned index; };

/* Looks at the head only.  False: not a record of a version we know. */
bool record_open(struct span bytes, struct record *) MUST_USE;
/* Walks the parts in preorder; start with a zeroed cursor.  False at the end or at damage. */
bool record_next(const struct record *, struct record_cursor *, struct record_part *);
/* The part with that IMAP number ("2.1"; n numbers).  As RFC 9051, 6.4.5.1: [1] of a non-multipart is its body. */
bool record_find(const struct record *, const uint32_t *number, size_t n, struct record_part *);
bool record_envelope(const struct record_part *, struct record_envelope *); /* false: there is none, or damage; all absent then */
bool record_address_next(struct span *list, struct record_address *); /* takes one off the front */
bool record_list_next(struct span *list, struct span *name, struct span *value); /* parameters: name upper case; languages: value only */

/* Everything this page promises holds, for a message of that many bytes: version, lengths, offsets inside, children inside parents, nesting, no CR LF NUL. */
bool record_check(struct span bytes, uint64_t message_size) MUST_USE;

/*
 * The same record after `prefix_len` bytes of complete header fields were put in
 * front of a message whose own header begins with a well-formed field; exactly
 * what scanning the longer message gives, as long as no field of the prefix is
 * one that a record holds.  Of a damaged record comes a damaged record.
 */
void record_shift(struct buf *out, struct span record, uint64_t prefix_len);

/* ---- writing: used by the scanner alone (mime.c, mime_header.c) ---- */
void record_put_head(struct buf *, const struct record *);	  /* all but bytes */
void record_put_string(struct buf *, struct span); /* ptr NULL: absent; cut at RECORD_STRING_MAX */
/* A list is its length, then strings; what stands between begin and end. */
size_t record_list_begin(struct buf *);
void record_list_end(struct buf *, size_t list);
void record_put_as_from(struct buf *); /* in place of the list of sender or reply-to */
/* An entry: begin, then strings and lists in their order, then end; the numbers may be set again. */
size_t record_entry_begin(struct buf *);
void record_entry_end(struct buf *, size_t entry);
void record_entry_numbers(struct buf *, size_t entry, const struct record_part *);

#endif
