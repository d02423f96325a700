/*
 * Those who bring mail to a deliver role or the queue: the other ends of the
 * channels that the parent handed over.  What one says that it may not ends
 * its channel.
 */
#ifndef SMTPD_PEERS_H
#define SMTPD_PEERS_H

#include "common/channel.h"

struct peer {
	struct peers *peers;
	struct channel *channel;
	uint64_t login; /* of the channel, for the queue; 0: nobody's */
	struct peer *next, **link;
};

struct peers {
	struct loop *loop;
	size_t count, most; /* above that, whoever comes is hung up on */
	/* False: not what it may say. */
	bool (*message)(void *arg, struct peer *, struct channel_msg *);
	/* It goes: nobody waits for its answers any more. */
	void (*gone)(void *arg, struct peer *);
	void *arg;
	struct peer *first;
};

void peers_add(struct peers *, int fd, uint64_t login); /* takes fd */
void peers_end(struct peers *); /* hangs up on everybody */

#endif
