/*
 * A folder of a source, and the mailbox of ours that its mail goes to.
 *
 * Folders with a well-known name ("Sent Items", "Spam") are our mailbox with
 * that role, whatever it is called; one that Hearth exported says name and role
 * itself.  All others keep their names.
 */
#ifndef MAILSTORE_IMPORT_FOLDER_H
#define MAILSTORE_IMPORT_FOLDER_H

#include "mailstore/maildir.h"
#include "mailstore/tool_talk.h"

struct import_folder {
	struct buf origin; /* its name in UTF-8, as the source has it: what import ids are made of */
	struct maildir_mailbox said; /* by its files */
	int keyword[STORE_KEYWORDS_MAX]; /* our numbers; -1: none, -2: not asked for yet */
	int forwarded;	   /* our number of $Forwarded, likewise */
	uint32_t mailbox;  /* 0: none yet */
};

/* A new folder of that kind and name, below `base` if that is not empty. */
void import_folder_init(struct import_folder *, struct span base, enum talk_folder, struct span name);
void import_folder_free(struct import_folder *);
/* Finds or makes its mailbox.  H_INVALID, H_LIMIT: there can be none of that name. */
enum herr import_folder_open(struct import_folder *, struct store *, bool has_base, bool subscribe) MUST_USE;
/* Our number of a keyword, given one if need be; -1: the account has its fill. */
int import_keyword(struct store *, struct span name);
/* Where a list of subscriptions says that a folder is subscribed. */
enum herr import_subscribe(struct store *, struct span base, struct span line) MUST_USE;

#endif
