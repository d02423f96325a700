/* What a FETCH asks for: its items, read once, for every message the same. */
#ifndef IMAPD_IMAP_FETCH_H
#define IMAPD_IMAP_FETCH_H

#include "imapd/imap_section.h"

enum imap_item_kind {
	IMAP_ITEM_UID,
	IMAP_ITEM_FLAGS,
	IMAP_ITEM_INTERNALDATE,
	IMAP_ITEM_SIZE,
	IMAP_ITEM_ENVELOPE,
	IMAP_ITEM_BODY, /* the structure without extension data */
	IMAP_ITEM_BODYSTRUCTURE,
	IMAP_ITEM_MODSEQ,
	IMAP_ITEM_SECTION,
	IMAP_ITEM_BINARY,
	IMAP_ITEM_BINARY_SIZE,
	IMAP_ITEM_KINDS
};

struct imap_item {
	enum imap_item_kind kind;
	size_t label, label_len; /* "BODY[]<0> " in fetch->labels */
	struct imap_section section;
	bool partial;
	uint64_t offset, most; /* <offset.most> */
};

struct imap_fetch {
	struct imap_item *item;
	size_t len;
	struct buf labels;
	unsigned kinds; /* bit set of 1 << enum imap_item_kind */
	bool sets_seen;
	bool has_since, vanished; /* CHANGEDSINCE, VANISHED */
	uint64_t since;
};

void imap_fetch_free(struct imap_fetch *);
/* Macro, item, or list of items; then modifiers.  False: too many.  The cursor is bad if it cannot be read. */
bool imap_fetch_parse(struct imap_args *, bool by_uid, struct imap_fetch *);

#endif
