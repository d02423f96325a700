/*
 * Folders outside of the state that a command is given: where backups are.
 * They are opened before the tool becomes `user`, so that the folders above them
 * need not be open to it, and files that another machine's `user` wrote can be
 * read.  After that, everything goes through descriptors.
 *
 * A folder of backups holds a folder for each, named by its time (UTC):
 *
 *	20261123T031500Z/	queue, account-ID ..., directory, and manifest, which is written last
 *	unfinished/		one that is being made, or was not finished
 */
#ifndef MAILSTORE_TOOL_PLACE_H
#define MAILSTORE_TOOL_PLACE_H

#include "mailstore/tool.h"

enum { PLACE_NAME_MAX = 64 };
#define PLACE_MANIFEST "manifest"

struct place_file {
	char name[PLACE_NAME_MAX];
	int fd;
};

/* A backup whose files are open for reading. */
struct place {
	const char *path; /* as it was given */
	int fd;		  /* the folder of backups, to be filled; or the backup itself, to be read */
	struct place_file *files;
	size_t nfiles;
};

/* The folder for backups: made if it is missing; an empty one of root's is handed over.  False: said why. */
bool place_open_to_fill(struct place *, const struct conf *, const char *path);
/* The newest finished backup in it, or `path` itself if it is one. */
bool place_open_to_read(struct place *, const char *path);
void place_close(struct place *);
/* A file of the backup, or -1. */
int place_file(const struct place *, const char *name);

/* The name of an account's file. */
void place_account_name(uint64_t account, char name[PLACE_NAME_MAX]);

/* The name of the newest finished backup in a folder; false: there is none. */
bool place_newest(int folder, char name[PLACE_NAME_MAX]);
/* A name for one that is made now: it sorts behind all that are there. */
void place_name_now(int folder, char name[PLACE_NAME_MAX]);
/* Removes a folder and the files in it; false: it is still there (errno says why). */
bool place_remove(int parent, const char *name);
/* Removes all finished backups but this one. */
void place_remove_others(int folder, const char *name);

#endif
