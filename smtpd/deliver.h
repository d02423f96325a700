/*
 * The deliver role: the one process that appends to an account's mail.  It can
 * be asked to add a message and to look a delivery id up, never to name or read
 * one.
 */
#ifndef SMTPD_DELIVER_H
#define SMTPD_DELIVER_H

#include "common/role.h"
#include "mailstore/store.h"

struct deliver;

struct deliver *deliver_new(struct role *, struct store *); /* takes the store */
/* A channel to somebody who brings mail (takes fd). */
void deliver_add_peer(struct deliver *, int fd);
/* Stores what is here, answers, and closes the store. */
void deliver_free(struct deliver **);

#endif
