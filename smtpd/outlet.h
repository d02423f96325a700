/*
 * The way out of a receiver or the queue: channels to deliver roles and to the
 * queue, asked of the parent when they are needed, kept while they are used.
 *
 * A parcel is one question with one answer.  When its channel is lost before
 * the answer came, nobody knows what holds: it is sent again, to be looked up
 * before it is stored; at the last try it is only looked up; then the answer is
 * H_BUSY.
 * Slowness is no failure: an answer is waited for up to ten minutes, and it is
 * the parent that ends a role which hangs.
 */
#ifndef SMTPD_OUTLET_H
#define SMTPD_OUTLET_H

#include "common/channel.h"
#include "common/ipc.h"
#include "common/role.h"
#include "smtpd/content.h"

struct outlets; /* of a process */
struct outlet;

enum parcel_kind {
	PARCEL_DELIVER, /* to a deliver role */
	PARCEL_ENQUEUE, /* to the queue */
	PARCEL_ROOM,	/* to a deliver role: is there room? */
};

/* Lives in its owner from parcel_send() to `done`, or parcel_cancel(). */
struct parcel {
	enum parcel_kind kind;
	const uint8_t *id; /* delivery id; not for PARCEL_ROOM */
	const struct content *content;
	/* The payload, for this try; `flags` as in delivery.h.  Not for PARCEL_ROOM. */
	void (*pack)(void *arg, unsigned flags, struct buf *);
	/* `value`: the queue's id, or the room. */
	void (*done)(void *arg, enum herr, uint64_t value);
	void *arg;
	uint64_t wanted; /* PARCEL_ROOM: bytes that are to come; 1: not known */

	/* outlet.c's own */
	struct outlet *outlet;
	struct parcel *next, **link;
	uint64_t number;
	unsigned tries;
	int64_t since;
};

struct outlets *outlets_new(struct role *);

/* The deliver role of an account. */
struct outlet *outlet_deliver(struct outlets *, uint64_t account);
/* The queue, for local recipients. */
struct outlet *outlet_queue(struct outlets *);
/* The queue for a login, over the channel that the login brought (takes fd).  Its owner frees it; parcels that are under way are looked up by other means. */
struct outlet *outlet_login(struct outlets *, int fd);
void outlet_free(struct outlet **);
bool outlet_is_lost(const struct outlet *); /* a login's channel is gone: it must log in again */

size_t outlet_load(const struct outlet *); /* parcels without an answer */

void parcel_send(struct outlet *, struct parcel *);
void parcel_cancel(struct parcel *); /* fine if it is not under way */

/* Room below the quota and on the disk, if that was learned a moment ago and leaves no doubt; else false: send a PARCEL_ROOM. */
bool outlet_has_plenty(const struct outlet *);

#endif
