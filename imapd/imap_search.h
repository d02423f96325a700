/*
 * What a SEARCH asks for (RFC 3501, 6.4.4): its keys as a program in postfix
 * order.  The keys of a message are answered from the cheapest to the dearest:
 * by its row, by its record, by its header, by its text; as soon as the answer
 * is certain, no more is read.
 */
#ifndef IMAPD_IMAP_SEARCH_H
#define IMAPD_IMAP_SEARCH_H

#include "common/record.h"
#include "imapd/imap.h"

/* What has to be read to answer a key. */
enum imap_depth { IMAP_BY_ROW, IMAP_BY_RECORD, IMAP_BY_HEADER, IMAP_BY_TEXT, IMAP_DEPTHS };

enum imap_truth { IMAP_NO, IMAP_YES, IMAP_MAYBE };

enum imap_key_kind {
	IMAP_KEY_AND, /* of the `count` results before it */
	IMAP_KEY_OR,  /* of two */
	IMAP_KEY_NOT, /* of one */
	IMAP_KEY_ALL,
	IMAP_KEY_FLAG, /* enum store_flag */
	IMAP_KEY_KEYWORD,
	IMAP_KEY_RECENT,
	IMAP_KEY_NEW,
	IMAP_KEY_UIDS,
	IMAP_KEY_BEFORE,
	IMAP_KEY_ON,
	IMAP_KEY_SINCE,
	IMAP_KEY_LARGER,
	IMAP_KEY_SMALLER,
	IMAP_KEY_OLDER, /* RFC 5032 */
	IMAP_KEY_YOUNGER,
	IMAP_KEY_MODSEQ, /* RFC 7162, 3.1.5 */
	IMAP_KEY_SENT_BEFORE,
	IMAP_KEY_SENT_ON,
	IMAP_KEY_SENT_SINCE,
	IMAP_KEY_SUBJECT,
	IMAP_KEY_ADDRESS, /* enum record_address_field */
	IMAP_KEY_HEADER,
	IMAP_KEY_BODY,
	IMAP_KEY_TEXT,
};

struct imap_key {
	enum imap_key_kind kind;
	bool negated;
	unsigned count;	 /* AND */
	int number;	 /* flag, keyword, address field */
	uint64_t value;	 /* size, seconds, modseq */
	int64_t day;	 /* since 1970 */
	struct imap_set uids;
	struct span field; /* lent from the command */
	struct buf needle; /* folded */
	enum imap_truth truth; /* of the message at hand */
};

struct imap_search {
	struct imap_key *key;
	size_t len, room;
	unsigned depths;	/* bit set of 1 << enum imap_depth */
	bool by_numbers;	/* sequence numbers are among the keys */
	bool by_modseq;
	struct imap_set among;	/* no UID outside can match */
	int64_t now;
	unsigned char *stack;	/* for evaluation: one truth a key */
};

void imap_search_free(struct imap_search *);
/* Keys up to the end of the command.  IMAP_REPLY_DONE, or why not; the cursor is bad if they cannot be read. */
enum imap_reply imap_search_parse(struct imap_session *, struct imap_args *, struct imap_search *);

/* All is open again, for the next message. */
void imap_search_reset(struct imap_search *);
/* Answers the keys that need a row only. */
void imap_search_row(struct imap_session *, struct imap_search *, const struct store_row *);
/* What follows from the keys answered so far. */
enum imap_truth imap_search_truth(struct imap_search *);

enum imap_depth imap_key_depth(enum imap_key_kind);
/* Since 1970.  Days are those of UTC, as INTERNALDATE is told. */
int64_t imap_day_of(int64_t seconds);

#endif
