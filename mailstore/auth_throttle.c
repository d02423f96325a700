#include "mailstore/auth_throttle.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "mailstore/auth_table.h"

enum {
	PER_MINUTE = 10,
	PER_DAY = 50,
	STREAK_SECONDS = 10 * 60,
};

static const unsigned factor[AUTH_THROTTLE_LEVELS] = { 1, 3, 9 };
static const int64_t delay_ms[] = { 2000, 4000, 8000, 15000 };

static_assert((int)AUTH_THROTTLE_LEVELS == (int)AUTH_TABLE_LEVELS, "one each");

struct auth_throttle {
	struct auth_table *table;
	struct auth_process *self; /* NULL: no place was free */
};

/* ---- addresses ---- */

static uint64_t
tag_of(const struct auth_throttle *t, unsigned level, struct span prefix)
{
	char text[2] = { (char)('0' + level), 0 };
	struct span parts[2] = { { text, 1 }, prefix };
	uint8_t digest[PASSWORD_DIGEST_LEN];
	uint64_t tag;

	password_digest(t->table->head.key, parts, 2, digest);
	memcpy(&tag, digest, sizeof(tag));
	return tag != 0 ? tag : 1;
}

void
auth_throttle_peer(const struct auth_throttle *t, const char *address,
    struct auth_throttle_peer *peer)
{
	static const uint8_t len4[] = { 4, 3, 2 }, len6[] = { 8, 6, 4 };
	char bytes[sizeof(struct in6_addr)];
	const uint8_t *len = NULL;

	if (inet_pton(AF_INET, address, bytes) == 1)
		len = len4;
	else if (inet_pton(AF_INET6, address, bytes) == 1)
		len = len6;
	for (unsigned i = 0; i < AUTH_THROTTLE_LEVELS; i++)
		peer->tag[i] = tag_of(t, i,
		    len != NULL ? (struct span){ bytes, len[i] }
				: span_of(address));
}

/* ---- slots ---- */

static uint32_t
upper(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static uint32_t
lower(uint64_t word)
{
	return (uint32_t)word;
}

static uint64_t
pack(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

static struct auth_slot *
bucket_of(struct auth_throttle *t, uint64_t tag)
{
	return &t->table->slot[(tag % (AUTH_TABLE_SLOTS / AUTH_TABLE_BUCKET)) *
			       AUTH_TABLE_BUCKET];
}

static struct auth_slot *
find(struct auth_throttle *t, uint64_t tag)
{
	struct auth_slot *bucket = bucket_of(t, tag);

	for (int i = 0; i < AUTH_TABLE_BUCKET; i++)
		if (atomic_load(&bucket[i].tag) == tag)
			return &bucket[i];
	return NULL;
}

/* The address's slot; one that it takes over from whoever was quiet longest, if
 * need be. */
static struct auth_slot *
find_or_take(struct auth_throttle *t, uint64_t tag)
{
	struct auth_slot *bucket = bucket_of(t, tag), *oldest = bucket;
	uint64_t was;

	for (int i = 0; i < AUTH_TABLE_BUCKET; i++) {
		struct auth_slot *s = &bucket[i];

		if ((was = atomic_load(&s->tag)) == tag)
			return s;
		if (was == 0) {
			oldest = s;
			break;
		}
		if (atomic_load(&s->minute) < atomic_load(&oldest->minute))
			oldest = s;
	}
	was = atomic_load(&oldest->tag);
	if (atomic_compare_exchange_strong(&oldest->tag, &was, tag)) {
		atomic_store(&oldest->minute, 0);
		atomic_store(&oldest->day, 0);
		atomic_store(&oldest->streak, 0);
		atomic_store(&oldest->guesses, 0);
	}
	return oldest;
}

static uint32_t
minute_of(int64_t now)
{
	return (uint32_t)(now / 60);
}

static uint32_t
day_of(int64_t now)
{
	return (uint32_t)(now / (24 * 60 * 60));
}

static uint32_t
count_in(_Atomic uint64_t *word, uint32_t window)
{
	uint64_t w = atomic_load(word);

	return upper(w) == window ? lower(w) : 0;
}

/* One more in this window, unless that would be more than `most`. */
static bool
count_up(_Atomic uint64_t *word, uint32_t window, uint32_t most)
{
	uint64_t was = atomic_load(word), is;

	do {
		uint32_t n = upper(was) == window ? lower(was) : 0;

		if (n >= most)
			return false;
		is = pack(window, n + 1);
	} while (!atomic_compare_exchange_weak(word, &was, is));
	return true;
}

static void
count_down(_Atomic uint64_t *word, uint32_t window)
{
	uint64_t was = atomic_load(word);

	while (upper(was) == window && lower(was) > 0 &&
	       !atomic_compare_exchange_weak(word, &was, was - 1))
		;
}

/* Takes back what the first `levels` levels counted. */
static void
uncount(struct auth_throttle *t, const struct auth_throttle_peer *peer,
    unsigned levels, int64_t now)
{
	for (unsigned i = 0; i < levels; i++) {
		struct auth_slot *s = find(t, peer->tag[i]);

		if (s == NULL)
			continue;
		count_down(&s->minute, minute_of(now));
		count_down(&s->day, day_of(now));
	}
}

/*
 * ---- tries under way ----
 *
 * A try is counted before it is made, or many at once would pass.  It is also
 * written down with the process that makes it: if that one dies, nobody heard
 * an answer, and the next that opens the file takes the count back.  (Death
 * between the two writes takes back one too many, which helps nobody.)
 */

static void
begin_try(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	for (int i = 0; t->self != NULL && i < AUTH_TABLE_TRIES; i++) {
		struct auth_try *y = &t->self->try[i];
		uint64_t none = 0;

		if (!atomic_compare_exchange_strong(
			&y->tag[0], &none, peer->tag[0]))
			continue;
		for (int level = 1; level < AUTH_TABLE_LEVELS; level++)
			atomic_store(&y->tag[level], peer->tag[level]);
		atomic_store(&y->when, (uint64_t)now);
		return;
	}
}

static void
end_try(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	for (int i = 0; t->self != NULL && i < AUTH_TABLE_TRIES; i++) {
		struct auth_try *y = &t->self->try[i];
		uint64_t when = (uint64_t)now;

		/* Two tries of one address and second are the same. */
		if (atomic_load(&y->tag[0]) != peer->tag[0] ||
		    !atomic_compare_exchange_strong(&y->when, &when, 0))
			continue;
		atomic_store(&y->tag[0], 0);
		return;
	}
}

/* What a dead process was trying. */
static void
forget_tries(struct auth_throttle *t, struct auth_process *dead)
{
	struct auth_throttle_peer peer;

	for (int i = 0; i < AUTH_TABLE_TRIES; i++) {
		struct auth_try *y = &dead->try[i];
		uint64_t when = atomic_exchange(&y->when, 0);

		for (int level = 0; level < AUTH_TABLE_LEVELS; level++)
			peer.tag[level] = atomic_load(&y->tag[level]);
		if (when != 0)
			uncount(t, &peer, AUTH_THROTTLE_LEVELS, (int64_t)when);
		atomic_store(&y->tag[0], 0);
	}
}

/*
 * A process has its place as long as it holds the lock of the place's bytes: an
 * open file description's, which the mapping keeps when the descriptor is
 * closed, and the kernel gives up with the process's memory.
 */
static void
take_place(struct auth_throttle *t, int fd)
{
	for (int i = 0; i < AUTH_TABLE_PROCESSES; i++) {
		struct auth_process *p = &t->table->process[i];
		struct flock lock = {
			.l_type = F_WRLCK,
			.l_whence = SEEK_SET,
			.l_start = (off_t)((char *)p - (char *)t->table),
			.l_len = sizeof(*p),
		};

		if (fcntl(fd, F_OFD_SETLK, &lock) != 0)
			continue;
		forget_tries(t, p);
		if (t->self == NULL) {
			t->self = p;
			continue;
		}
		lock.l_type = F_UNLCK;
		(void)fcntl(fd, F_OFD_SETLK, &lock);
	}
	if (t->self == NULL)
		log_event(LOG_WARN, "throttle", "too many processes use it");
}

/* ---- the rule ---- */

bool
auth_throttle_blocked(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	for (unsigned i = 0; i < AUTH_THROTTLE_LEVELS; i++) {
		struct auth_slot *s = find(t, peer->tag[i]);

		if (s != NULL &&
		    (count_in(&s->minute, minute_of(now)) >=
			    PER_MINUTE * factor[i] ||
			count_in(&s->day, day_of(now)) >= PER_DAY * factor[i]))
			return true;
	}
	return false;
}

bool
auth_throttle_take(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	begin_try(t, peer, now);
	for (unsigned i = 0; i < AUTH_THROTTLE_LEVELS; i++) {
		struct auth_slot *s = find_or_take(t, peer->tag[i]);
		bool minute = count_up(
		    &s->minute, minute_of(now), PER_MINUTE * factor[i]);

		if (minute &&
		    count_up(&s->day, day_of(now), PER_DAY * factor[i]))
			continue;
		if (minute)
			count_down(&s->minute, minute_of(now));
		uncount(t, peer, i, now);
		end_try(t, peer, now);
		return false;
	}
	return true;
}

void
auth_throttle_give_back(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	uncount(t, peer, AUTH_THROTTLE_LEVELS, now);
	end_try(t, peer, now);
}

int64_t
auth_throttle_failed(struct auth_throttle *t,
    const struct auth_throttle_peer *peer, uint32_t guess, int64_t now)
{
	struct auth_slot *s = find_or_take(t, peer->tag[0]);
	uint64_t was = atomic_load(&s->guesses);
	uint32_t row;

	if (upper(was) == guess || lower(was) == guess)
		for (unsigned i = 0; i < AUTH_THROTTLE_LEVELS; i++)
			count_down(
			    &find_or_take(t, peer->tag[i])->day, day_of(now));
	else
		while (!atomic_compare_exchange_weak(
		    &s->guesses, &was, pack(guess, upper(was))))
			;
	was = atomic_load(&s->streak);
	do {
		int64_t since = now - (int64_t)upper(was);

		row = since >= 0 && since < STREAK_SECONDS ? lower(was) : 0;
		if (row >= COUNT_OF(delay_ms))
			row = COUNT_OF(delay_ms) - 1;
	} while (!atomic_compare_exchange_weak(
	    &s->streak, &was, pack((uint32_t)now, row + 1)));
	end_try(t, peer, now);
	return delay_ms[row];
}

/* ---- opening ---- */

enum herr
auth_throttle_open(struct auth_throttle **tp, const char *path)
{
	struct auth_table *table;
	int fd;
	enum herr err = auth_table_map(&table, &fd, path);

	if (err != H_OK)
		return err;
	*tp = mem_alloc(sizeof(**tp));
	(*tp)->table = table;
	take_place(*tp, fd);
	close(fd);
	return H_OK;
}

void
auth_throttle_close(struct auth_throttle **tp)
{
	if (*tp == NULL)
		return;
	auth_table_unmap(&(*tp)->table);
	mem_free(tp);
}
