/*
 * What the header of one part says: from the fields that the scanner kept to
 * the strings of an entry (record.h).  Nothing here is ever refused: what does
 * not parse is as if it were absent (RFC 2045, 5.2), or kept as written.
 */
#ifndef COMMON_MIME_HEADER_H
#define COMMON_MIME_HEADER_H

#include "common/mime.h"
#include "common/record.h"

/* The fields that count; what else a header holds is not looked at. */
enum mime_field {
	MIME_FIELD_OTHER,
	MIME_FIELD_RECEIVED,
	/* of every part */
	MIME_FIELD_TYPE,
	MIME_FIELD_ENCODING,
	MIME_FIELD_ID,
	MIME_FIELD_DESCRIPTION,
	MIME_FIELD_MD5,
	MIME_FIELD_DISPOSITION,
	MIME_FIELD_LOCATION,
	MIME_FIELD_LANGUAGE,
	/* of a message */
	MIME_FIELD_DATE,
	MIME_FIELD_SUBJECT,
	MIME_FIELD_IN_REPLY_TO,
	MIME_FIELD_MESSAGE_ID,
	/* of a message, and joined if there are several; in the order of enum record_address_field */
	MIME_FIELD_FROM,
	MIME_FIELD_SENDER,
	MIME_FIELD_REPLY_TO,
	MIME_FIELD_TO,
	MIME_FIELD_CC,
	MIME_FIELD_BCC,
	MIME_FIELDS,
};

enum mime_field mime_field_named(struct span name);

struct mime_header {
	enum record_kind kind; /* as far as the header goes: limits may make it a leaf */
	bool digest;	       /* parts inside are messages unless they say otherwise */
	bool cut;	       /* a limit was met */
	size_t boundary_len;
	char boundary[MIME_BOUNDARY_MAX + 1];
};

/* Puts the strings and lists of an entry.  `fields`: whole fields, each ending in LF. */
void mime_header_put(struct buf *record, struct span fields, bool envelope, bool in_digest, struct mime_header *);

#endif
