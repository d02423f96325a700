/*
 * Who daemons and tool are, and where.  Started as root they become `user` for
 * good before they touch the state; the state folder becomes the working
 * directory, entered while that was still possible: so the folders above it need
 * not be open to `user`, and nobody behind needs to know its path.
 */
#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H

#include "common/conf.h"

/* Makes the state folder if it is missing, hands an empty one of root's over, becomes `user`, enters it.  Ends the process, saying what to do, if that cannot be. */
void identity_take(const struct conf *);

/*
 * The folder of hearth.conf, opened before that (-1: not), for files beside it
 * whose path is closed to `user`.
 */
int identity_open_folder(const struct conf *);
/* A certificate or key: as systemd hands it over ($CREDENTIALS_DIRECTORY), at its path, or in `folder`.  -1: errno says why. */
int identity_open_configured(const struct conf *, int folder, const char *path);

#endif
