/*
 * What is to be imported: finds the Maildirs and mboxes below a folder and opens
 * their files one after the other, for the child.  Links are not followed, and
 * nothing that is no regular file is opened.
 */
#ifndef MAILSTORE_TOOL_SOURCE_H
#define MAILSTORE_TOOL_SOURCE_H

#include "mailstore/tool_talk.h"

struct source {
	int root; /* the folder or the file that was given */
	struct talk *talk;
	/* What is not even sent. */
	void (*refused)(void *arg, const char *path, const char *why);
	void *arg;
	uint64_t found; /* Maildirs and mboxes */
};

/* One mbox, into INBOX. */
void source_send_mbox(struct source *);
/* All that is in a folder. */
void source_send_folder(struct source *);
/* A list of subscriptions is there. */
bool source_has_subscriptions(const struct source *);

#endif
