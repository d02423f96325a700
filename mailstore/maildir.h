/*
 * Names in a Maildir: of files, of folders, of keywords.  Hearth writes Maildir++
 * as Dovecot does, and reads that, plain nested Maildirs, and Thunderbird's.
 *
 * A file:	unique[,S=bytes][,W=bytes with CRLF]...[:2,FLAGS]
 *		letters P R S T D F, and a to z: keywords of dovecot-keywords
 *		",R": its line ends are its own; ",K=26.31": keywords beyond z
 * A folder:	.Sent.2024: "." between levels, each in modified UTF-7; a "." in a
 *		name is "&AC4-"
 * In a folder that Hearth wrote there is a file "hearth-mailbox" with what such
 * names cannot say: lines "name UTF-8", "role sent", "keyword 26 $Label".
 */
#ifndef MAILSTORE_MAILDIR_H
#define MAILSTORE_MAILDIR_H

#include "common/buf.h"
#include "mailstore/store.h"

#define MAILDIR_KEYWORDS "dovecot-keywords"
#define MAILDIR_MAILBOX	 "hearth-mailbox"

/* ---- files ---- */

enum { MAILDIR_LETTERS = 26 };

struct maildir_file {
	uint8_t system;	     /* enum store_flag */
	bool passed;	     /* P: $Forwarded */
	bool raw;	     /* its line ends are its own */
	uint32_t letters;    /* bit n: keyword n */
	struct span keywords; /* "26.31": see maildir_next_keyword() */
};
void maildir_file(struct span name, struct maildir_file *);
/* Numbers off the front of the list; false at its end, or where it is none. */
bool maildir_next_keyword(struct span *list, unsigned *number);
/* The name of a file, from `unique` on. */
void maildir_put_file(struct buf *, struct span unique, uint64_t bytes, uint64_t crlf_bytes, const struct maildir_file *);
/* ",K=..." into file->keywords: the next number. */
void maildir_put_keyword(struct buf *list, unsigned number);

/* ---- folders ---- */

/* One level, as a folder of the file system names it: modified UTF-7, UTF-8, or what it may be; what no mailbox may be named becomes "_". */
void maildir_level(struct buf *utf8, struct span name);
/* ".Sent.2024" to "Sent/2024". */
void maildir_folder(struct buf *utf8, struct span name);
/* "Sent/2024" to ".Sent.2024". */
void maildir_put_folder(struct buf *name, struct span utf8);

/* ---- dovecot-keywords and hearth-mailbox ---- */

struct maildir_mailbox {
	struct buf name; /* empty: the folder's name says it */
	enum store_role role;
	char *keyword[STORE_KEYWORDS_MAX]; /* NULL: none of that number */
};
void maildir_mailbox_init(struct maildir_mailbox *);
void maildir_mailbox_free(struct maildir_mailbox *);
/* Reads either file, or both; lines that mean nothing are passed over. */
void maildir_read_keywords(struct maildir_mailbox *, struct span text);
void maildir_read_mailbox(struct maildir_mailbox *, struct span text);
void maildir_put_keywords(struct buf *, const struct maildir_mailbox *);
void maildir_put_mailbox(struct buf *, const struct maildir_mailbox *);

/* A line of Dovecot's or Courier's list of subscriptions, as a name of ours. */
void maildir_subscription(struct buf *utf8, struct span line);

#endif
