/* What the files of a repair share: store_repair*.c. */
#ifndef MAILSTORE_STORE_REPAIR_H
#define MAILSTORE_STORE_REPAIR_H

#include "mailstore/store_int.h"
#include "mailstore/store_salvage.h"

/* An index row that was found. */
struct repair_row {
	uint32_t mailbox;
	struct index_row row;
};

/* A message that is there, or that a row names. */
struct repair_message {
	uint64_t id, size;
	int64_t date;
	uint32_t held; /* rows that name it */
	bool whole, unpublished, dead;
};

struct repair {
	struct store *st;
	struct store_txn *t;
	struct salvage *from;
	int aside;
	void (*tell)(void *arg, const char *text);
	void *arg;
	struct store_repaired *result;
	struct account_row account; /* as it is to be, but for what is counted */
	struct repair_row *rows;    /* by mailbox and UID */
	size_t nrows, rows_room;
	struct repair_message *messages; /* by id */
	size_t nmessages, messages_room;
	struct buf value, block;
	struct body_reader reader;
	uint64_t bytes; /* put in this transaction */
	enum herr err;
};

void repair_tell(struct repair *, const char *format, ...) PRINTF_LIKE(2, 3);
struct repair_message *repair_find(struct repair *, uint64_t id);
/* After about `bytes` more were put: a new transaction when it is time; false: it failed. */
bool repair_turn(struct repair *, uint64_t bytes);

/* ---- store_repair_message.c ---- */
/* Puts it, or sets it aside. */
void repair_message(struct repair *, struct repair_message *);

/* ---- store_repair_box.c ---- */
void repair_keywords(struct repair *);
void repair_mailboxes(struct repair *);
void repair_rows(struct repair *);
void repair_found(struct repair *); /* what no mailbox has */

#endif
