/*
 * One number for each address: when it will have all of its minute again.  Each
 * visit moves that by a minute's share; who is a whole minute ahead must wait.
 *
 * An address has its place in one of a few slots.  If all are taken the one
 * goes that is nearest to being forgotten anyway; so whoever wants to be
 * forgotten needs as many addresses with fresh visits as there are slots, and
 * could have come from those.  The table needs no secret for that reason.
 */
#include "common/rate.h"

#include "common/mem.h"

enum {
	SETS = 256, /* a power of two */
	SLOTS = 4,
	MINUTE_US = 60 * 1000 * 1000,
};

struct slot {
	unsigned char key[RATE_KEY_LEN];
	int64_t full; /* us; 0: nobody's */
};

struct rate {
	struct slot sets[SETS][SLOTS];
};

struct rate *
rate_new(void)
{
	return mem_alloc(sizeof(struct rate));
}

void
rate_free(struct rate **rp)
{
	mem_free(rp);
}

static size_t
set_of(const unsigned char *key)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < RATE_KEY_LEN; i++)
		hash = (hash ^ key[i]) * 16777619U;
	return (hash ^ hash >> 16) & (SETS - 1);
}

static struct slot *
slot_of(struct rate *r, const unsigned char *key)
{
	struct slot *slots = r->sets[set_of(key)], *oldest = &slots[0];

	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].full != 0 &&
		    memcmp(slots[i].key, key, RATE_KEY_LEN) == 0)
			return &slots[i];
		if (slots[i].full < oldest->full)
			oldest = &slots[i];
	}
	memcpy(oldest->key, key, RATE_KEY_LEN);
	oldest->full = 0;
	return oldest;
}

bool
rate_take(struct rate *r, const unsigned char key[RATE_KEY_LEN],
    uint32_t a_minute, int64_t now)
{
	struct slot *s = slot_of(r, key);
	int64_t now_us = now * 1000, share = MINUTE_US / (int64_t)a_minute;
	int64_t full = (s->full > now_us ? s->full : now_us) + share;

	if (full - now_us > MINUTE_US)
		return false;
	s->full = full;
	return true;
}
