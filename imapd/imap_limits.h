/* How much of anything a client may ask for. */
#ifndef IMAPD_IMAP_LIMITS_H
#define IMAPD_IMAP_LIMITS_H

#include "imapd/imap_input.h"

enum {
	IMAP_AUTOLOGOUT_MS = 30 * 60 * 1000, /* RFC 9051, 5.4: at least that */
	IMAP_KEEPALIVE_MS = 4 * 60 * 1000,
	IMAP_NESTING_MAX = 32,
	IMAP_SEARCH_TERMS_MAX = 1000,
	IMAP_SAVED_RANGES_MAX = 100000, /* of UIDs, in what SEARCH saves for "$" */
	IMAP_FETCH_ITEMS_MAX = 100,
	IMAP_SECTION_DEPTH_MAX = 100, /* numbers in a section, as parts are nested */
	IMAP_SHORT_HEADER = 6 * 1024, /* what is read of a message first, for its header */
	IMAP_FIELDS_MAX = 200,	      /* names in HEADER.FIELDS */
	IMAP_APPEND_MESSAGES_MAX = 1000,
	IMAP_APPEND_BYTES_MAX = 32 * 1024 * 1024, /* in one MULTIAPPEND, and at least one message */
};

/* Before login, and after. */
static const struct imap_limits imap_front_limits = {
	.line = 8 * 1024,
	.literal = 1024,
	.total = 8 * 1024,
	.waste = 1024,
};
static const struct imap_limits imap_session_limits = {
	.line = 128 * 1024,
	.literal = 128 * 1024,
	.total = 256 * 1024,
	.waste = 1024 * 1024 * 1024,
};

#endif
