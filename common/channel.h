/*
 * A channel between two roles: SOCK_SEQPACKET, one message a packet, never
 * blocking.  A message is a type (common/ipc.h), a number that ties an answer
 * to its question, a payload of typed values (common/wire.h), and at most two
 * descriptors.  On the wire: u16 version, u16 type, u32 0, u64 id, payload.
 *
 * Each side treats the other as hostile: a packet that is too short, too long
 * or of another version ends the channel.  Descriptors arrive close-on-exec;
 * those a handler does not take (sets to -1) are closed after it returns.
 */
#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include "common/buf.h"
#include "common/loop.h"

enum {
	CHANNEL_VERSION = 1,
	CHANNEL_PAYLOAD_MAX = 64 * 1024, /* bulk goes by descriptor */
	CHANNEL_FDS_MAX = 2,
	CHANNEL_BACKLOG_MAX = 4 * 1024 * 1024, /* queued for a slow peer; more ends the channel */
};

struct channel;

struct channel_msg {
	uint16_t type;
	uint64_t id;
	struct span payload; /* lent for the duration of the handler */
	int fd[CHANNEL_FDS_MAX]; /* -1 where there is none */
};

struct channel_handler {
	void (*message)(void *arg, struct channel *, struct channel_msg *);
	/* The peer is gone or broke the rules.  The handler may free the channel; afterwards sends go nowhere. */
	void (*closed)(void *arg, struct channel *);
};

struct channel *channel_new(struct loop *, int fd, const struct channel_handler *, void *arg); /* takes fd */
void channel_free(struct channel **);

/* Both ends of a new pair, close-on-exec, non-blocking, with room for a full payload. */
enum herr channel_pair(int fds[2]) MUST_USE;

/* Sends, or queues if the peer is slow.  Descriptors stay the caller's (they are duplicated if queued). */
void channel_send(struct channel *, uint16_t type, uint64_t id, struct span payload);
void channel_send_fds(struct channel *, uint16_t type, uint64_t id, struct span payload, const int *fds, size_t nfds);

/* Whether the peer has gone already, though closed() was not called yet. */
bool channel_is_over(const struct channel *);

/* How many messages wait to be sent; a receiver that piles up is asked for patience by not reading from its sources. */
size_t channel_backlog(const struct channel *);

/* Reading on and off (group commit: take what is there, then work). */
void channel_pause(struct channel *, bool paused);

#endif
