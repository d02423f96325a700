/*
 * Guessing is slow (THREATS: password guessing): failed logins are counted per
 * address in one small mapped file that the auth roles of all daemons share.
 * No account is ever locked; an address that fails too often is not listened to
 * for the rest of the minute or day.
 *
 *	address (IPv4 /32, IPv6 /64)	10 failures a minute, 50 a day
 *	its net (/24, /48)		3 times that
 *	its wider net (/16, /32)	9 times that
 *
 * A failure is answered after 2, 4, 8, then always 15 seconds, beginning anew
 * when the address was good for ten minutes.  The same wrong password again
 * tells a guesser nothing and does not count for the day: a telephone with an
 * old password must not lock its household out.
 *
 * Functions may be called from any thread; `now` is wall clock, in seconds.
 */
#ifndef MAILSTORE_AUTH_THROTTLE_H
#define MAILSTORE_AUTH_THROTTLE_H

#include "common/base.h"

struct auth_throttle;

enum { AUTH_THROTTLE_LEVELS = 3 };

/* An address, as the table knows it. */
struct auth_throttle_peer {
	uint64_t tag[AUTH_THROTTLE_LEVELS];
};

/* Opens or makes the file, maps it and closes it; takes back what processes that died were trying. */
enum herr auth_throttle_open(struct auth_throttle **, const char *path) MUST_USE;
void auth_throttle_close(struct auth_throttle **);

/* `address` is numeric; anything else stands for itself. */
void auth_throttle_peer(const struct auth_throttle *, const char *address, struct auth_throttle_peer *);

/* Has the address, or a net around it, had its fill? */
bool auth_throttle_blocked(struct auth_throttle *, const struct auth_throttle_peer *, int64_t now);
/* Before a password is tried: counts it as a failure.  False, and nothing counted: the address has had its fill. */
bool auth_throttle_take(struct auth_throttle *, const struct auth_throttle_peer *, int64_t now) MUST_USE;
/* The try that was taken (with that `now`) was none: right, or not made. */
void auth_throttle_give_back(struct auth_throttle *, const struct auth_throttle_peer *, int64_t now);
/* The try that was taken (with that `now`) failed.  `guess` is the same for the same guess, never 0.  Returns how many milliseconds the answer must wait. */
int64_t auth_throttle_failed(struct auth_throttle *, const struct auth_throttle_peer *, uint32_t guess, int64_t now);

#endif
