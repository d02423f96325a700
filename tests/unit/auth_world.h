/* An auth role with a front and a parent at the other ends of its channels, in this process. */
#ifndef TESTS_UNIT_AUTH_WORLD_H
#define TESTS_UNIT_AUTH_WORLD_H

#include "common/ipc.h"
#include "mailstore/auth.h"

/* What came last, over one of the channels. */
struct heard {
	uint16_t type;
	uint64_t id;
	char payload[2000];
	size_t len;
	bool closed;
	unsigned ok, busy; /* answers of these kinds */
};

extern struct loop *loop;
extern struct auth *auth;
extern struct channel *front;
extern struct heard by_front, by_parent;
extern struct span binding; /* of the next start(): tls-exporter */
extern char *folder;
extern uint64_t alice;
extern unsigned left; /* calls of nothing_left() */

/*
 * Accounts alice ("secret"), carol and new (without a password) @example.test,
 * twin in both domains, only in the other one,
 * and the alias info, for alice and somebody outside.
 */
int auth_world_begin(void **state);
int auth_world_end(void **state);
int auth_world_warm_up(void **state); /* once */

void connect_front(uint64_t id, uint8_t kind); /* a new `front`; the old one hangs up */
void start(uint64_t id, const char *mechanism, struct span initial, const char *address);
void step(uint64_t id, struct span response);
void plain(uint64_t id, const char *words, const char *address); /* PLAIN in one piece: "authzid|name|password" */
void wait_front(void);	 /* for the next message */
void wait_hurried(void); /* the same; failures come without their delay */
void turn(int64_t ms);	 /* the loop runs so long */
enum auth_failure failure(void); /* what came was that */
uint64_t success(void);		 /* what came was alice's login */

#endif
