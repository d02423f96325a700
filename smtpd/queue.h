/*
 * The queue role: owns the queue's environment.  Takes messages for several
 * accounts or the outside, and hands a copy to each account's deliver role.
 * The bytes of a message mean nothing to it.
 */
#ifndef SMTPD_QUEUE_H
#define SMTPD_QUEUE_H

#include "common/role.h"
#include "mailstore/spool.h"

struct queue;

struct queue *queue_new(struct role *, struct spool *); /* takes the spool */
/* Once the role is locked in: goes on with what an earlier life left. */
void queue_start(struct queue *);
/* A channel to somebody who brings mail (takes fd).  `login`: the account on whose login the parent opened it; 0: local recipients only. */
void queue_add_peer(struct queue *, int fd, uint64_t login);
/* What the tool asks (enum queue_verb): the answer's payload. */
void queue_report(struct queue *, uint8_t verb, uint64_t id, struct buf *payload);
/* Stores what is here, answers, and closes the spool; the process ends then. */
void queue_end(struct queue *);

#endif
