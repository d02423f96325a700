/*
 * What the tool and its child say to each other while mail comes in or goes
 * out: packets of a type, typed values (common/wire.h), and at most one
 * descriptor, over a socket pair.  Each side treats the other as hostile: a
 * packet that is not of this page ends the conversation.
 *
 * The tool reads what there is while it waits to write, so neither can wait for
 * the other for ever.
 */
#ifndef MAILSTORE_TOOL_TALK_H
#define MAILSTORE_TOOL_TALK_H

#include "common/buf.h"
#include "common/wire.h"

enum talk_word {
	/* ---- import: tool -> child ---- */
	TALK_BEGIN = 1,	  /* bytes mailbox (UTF-8; empty: each folder's own), u8 subscribe to all */
	TALK_FOLDER,	  /* u8 enum talk_folder, bytes its name as the file system has it */
	TALK_KEYWORDS,	  /* -> fd: its dovecot-keywords */
	TALK_MAILBOX,	  /* -> fd: its hearth-mailbox */
	TALK_OPEN,	  /* that was all of the folder; messages follow */
	TALK_FILE,	  /* bytes path, u8 is new, u64 mtime -> fd */
	TALK_MBOX,	  /* bytes path, u64 mtime -> fd */
	TALK_SUBSCRIBED,  /* -> fd: a list of subscriptions */
	TALK_END,	  /* nothing more comes */
	/* ---- child -> tool ---- */
	TALK_STAND = 32,  /* u64 messages added, u64 known, u64 passed over, u64 bytes added */
	TALK_REFUSED,	  /* bytes path, u64 where in it (UINT64_MAX: all of it), bytes reason */
	TALK_DONE,	  /* u8 enum herr, bytes what to say; the last word */
	/* ---- export: child -> tool (and then TALK_DONE) ---- */
	TALK_BOX = 48,	  /* bytes name, u8 enum store_role, u8 subscribed, u8 exists */
	TALK_NAME,	  /* u8 number, bytes keyword: before the first box */
	TALK_MESSAGE,	  /* u32 uidvalidity, u32 uid, u64 date, u64 bytes in the file, u64 size, u8 flags, u8 raw, u64 keywords, u64 keywords */
	TALK_BYTES,	  /* of the message, as they stand in the file, until there are as many as was said */
};

enum talk_folder {
	TALK_ROOT = 1, /* INBOX */
	TALK_DOTTED,   /* Maildir++: ".Sent.2024" */
	TALK_PATH,     /* folders in folders: "Sent/2024", "Sent.sbd/2024" */
};

enum { TALK_MAX = 48 * 1024 /* of a packet */, TALK_PATH_MAX = 8 * 1024, TALK_TEXT_MAX = 1024 };

struct talk_packet {
	uint8_t word;
	struct wire payload; /* lent until the next packet */
	int fd;		     /* -1: none; the receiver's to close */
};

struct talk {
	int socket;
	char *packet; /* TALK_MAX bytes */
	struct buf out;
	/* The tool's: called while a packet waits to go out.  NULL: just wait. */
	void (*meanwhile)(void *arg, struct talk_packet *);
	void *arg;
	bool over; /* the other is gone, or broke the rules */
};

void talk_init(struct talk *, int socket);
void talk_free(struct talk *); /* closes the socket */
/* Where the payload of the next packet is put together, empty. */
struct buf *talk_payload(struct talk *);
/* Sends it; `fd` (-1: none) stays the caller's. */
void talk_send(struct talk *, enum talk_word, int fd);
/* The next packet; false: there will be none. */
bool talk_receive(struct talk *, struct talk_packet *);
/* Is one there? */
bool talk_waits(const struct talk *);

void talk_done(struct talk *, enum herr, const char *text);

#endif
