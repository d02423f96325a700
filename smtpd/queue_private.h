/*
 * What the files of the queue share.
 *
 *	queue_sender.c  asks auth whether a login may use a reverse-path
 *	queue_intake.c  peers and their messages, until they are committed
 *	queue_fanout.c  entries on their way to accounts: when, and what came of it
 *	queue.c         the turn: one transaction for what came in and what is done
 */
#ifndef SMTPD_QUEUE_PRIVATE_H
#define SMTPD_QUEUE_PRIVATE_H

#include "common/channel.h"
#include "common/ipc.h"
#include "smtpd/delivery.h"
#include "smtpd/outlet.h"
#include "smtpd/peers.h"
#include "smtpd/queue.h"

/* A message between its arrival here and its answer. */
struct queue_job {
	struct queue *queue;
	struct queue_job *next;
	struct peer *peer; /* NULL: nobody waits for the answer any more */
	uint64_t number;
	struct spool_entry entry;
	struct spool_blob *blob;
	enum herr err;
};

struct queue_entry;  /* on its way to accounts: queue_fanout.c */
struct queue_fanout;
struct queue_sender;

struct queue {
	struct role *role;
	struct spool *spool;
	struct peers peers; /* login 0: local recipients only */
	struct queue_job *jobs, **last_job; /* ready to be committed */
	struct queue_job *asking;	    /* wait for auth */
	size_t njobs;
	uint64_t bytes; /* of the jobs */
	bool turn_due;
	struct queue_sender *sender;
	struct queue_fanout *fanout;
};

/* queue.c */
void queue_turn_later(struct queue *); /* there is something to commit */
void queue_turn(struct queue *);       /* now */

/* queue_intake.c */
void queue_intake_add(struct queue *, struct spool_txn *);	 /* all jobs */
void queue_intake_answer(struct queue *, enum herr committed); /* and forget them */
bool queue_intake_message(void *queue, struct peer *, struct channel_msg *);
void queue_intake_gone(void *queue, struct peer *);

/* queue_fanout.c */
struct queue_fanout *queue_fanout_new(struct queue *);
void queue_fanout_add(struct queue_fanout *, uint64_t id, bool look_up); /* there is somebody local in it; it goes with queue_fanout_go() */
void queue_fanout_go(struct queue_fanout *);
bool queue_fanout_has_results(const struct queue_fanout *);
void queue_fanout_write(struct queue_fanout *, struct spool_txn *);  /* what came of deliveries */
void queue_fanout_settled(struct queue_fanout *, enum herr committed); /* and forgets it, or tries again */

/* queue_sender.c */
struct queue_sender *queue_sender_new(struct queue *);
/* `answer` is called once: H_OK, H_DENIED, or H_BUSY if nobody could be asked. */
void queue_sender_ask(struct queue_sender *, uint64_t account, struct span reverse_path, void (*answer)(void *arg, enum herr), void *arg);

#endif
