/*
 * A folder of a source, and the mailbox of ours that its mail goes to.
 *
 * Folders with a well-known name ("Sent Items", "Spam") are our mailbox with
 * that role, whatever it is called; one that Hearth exported says name and role
 * itself.  All others keep their names.
 */
#ifndef MAILSTORE_IMPORT_FOLDER_H
#define MAILSTORE_IMPORT_FOLDER_H

#include "mailstore/digest.h"
#include "mailstore/maildir.h"
#include "mailstore/tool_talk.h"

struct import_folder {
	struct buf origin; /* its name in UTF-8, as the source has it: what import ids are made of */
	struct maildir_mailbox said; /* by its files */
	int keyword[STORE_KEYWORDS_MAX]; /* our numbers; -1: none, -2: not asked for yet */
	int forwarded;	   /* our number of $Forwarded, likewise */
	uint32_t mailbox;  /* 0: none yet */
	bool refused;	   /* there can be none */
};

/* A new folder of that kind and name, below `base` if that is not empty. */
void import_folder_init(struct import_folder *, struct span base, enum talk_folder, struct span name);
void import_folder_free(struct import_folder *);
/* Where and how. */
struct import_target {
	struct store *store;
	struct digest *digest;
	struct span base; /* --mailbox; empty: none */
	bool subscribe;	  /* to each mailbox that mail comes into */
};
/*
 * Finds its mailbox, or makes it: at once if the folder was never imported, else
 * only with `now`, for a message that is new: what was deleted since then stays
 * deleted.  H_INVALID, H_LIMIT: there can be none of that name.
 */
enum herr import_folder_open(struct import_folder *, const struct import_target *, bool now) MUST_USE;
/* Our number of a keyword, given one if need be; -1: the account has its fill. */
int import_keyword(struct store *, struct span name);
/* A line of a list of subscriptions. */
enum herr import_subscribe(const struct import_target *, struct span line) MUST_USE;

#endif
