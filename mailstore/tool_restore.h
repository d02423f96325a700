/*
 * What the ways to restore share.
 */
#ifndef MAILSTORE_TOOL_RESTORE_H
#define MAILSTORE_TOOL_RESTORE_H

#include "mailstore/tool_manifest.h"
#include "mailstore/tool_place.h"

/* The manifest of the backup that is open; false: said why. */
bool restore_manifest(const struct place *, struct buf *text, int64_t *taken);
/* A file of the backup to `path`, synced, compared with the manifest; false: said why. */
bool restore_file(const struct place *, const struct buf *manifest, const char *name, const char *path);

/* tool_whole.c: everything, into a state that is empty. */
int restore_whole(struct tool *);
/* If that was cut short after it was decided: the rest of it. */
void restore_finish_whole(void);

#endif
