/*
 * The folders of accounts, in the state:
 *
 *	accounts/ID			the account
 *	accounts/ID.removed-SECONDS	what it was, or what was removed: for 7 days
 *	accounts/ID.making		what it will be, while a command makes it
 *	accounts/ID.next		the same, finished, on its way
 *	restoring/			what the whole state will be (tool_whole.c)
 */
#ifndef MAILSTORE_TOOL_FOLDER_H
#define MAILSTORE_TOOL_FOLDER_H

#include "mailstore/tool.h"

enum { FOLDER_PATH = 128 };

/* Out of the way, for 7 days; `aside` (or NULL) gets the name.  False: said why. */
bool tool_put_aside(uint64_t account, char aside[FOLDER_PATH]);

/* A new, empty folder; it goes with the process, or with tool_drop_folder().  Its lock, or -1: said why. */
int tool_make_folder(uint64_t account, char path[FOLDER_PATH]);
void tool_drop_folder(int lock, const char *path);
/* It becomes the account, in one step, and what was the account is put aside.  False: said why; nothing has changed. */
bool tool_replace_folder(uint64_t account, const char *path, char aside[FOLDER_PATH]);
bool tool_remove_tree(int parent, const char *name); /* with folders below, one level */

/* Removes what was put aside more than 7 days ago and what interrupted commands left; brings to its end what must be. */
void tool_sweep(void);

#endif
