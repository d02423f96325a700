/*
 * The file, in the machine's own byte order (it never leaves the machine):
 *
 *	0	u64 magic and version, u64 slots, 32 bytes key (random)
 *	64	slots of 40 bytes; 8 in a row make a bucket:
 *		u64 tag		keyed digest of the address or net; 0: free
 *		u64 minute	number of the minute << 32 | failures in it
 *		u64 day		number of the day << 32 | failures in it
 *		u64 streak	second of the last failure << 32 | failures in a
 *row u64 guesses	the last two guesses that failed, 32 bits each
 *
 * Every field is one atomic word with its own window in it, so no locks are
 * needed and nothing has to be cleaned up after a crash.  A slot that is taken
 * over while another process counts in it may lose that one count.
 *
 * The words are kept by processes that trust each other as little as any two
 * roles: whatever stands there can make logins slower or faster, no more.
 */
#include "mailstore/auth_throttle.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "mailstore/password.h"

enum {
	SLOTS = 8192,
	BUCKET = 8,
	PER_MINUTE = 10,
	PER_DAY = 50,
	STREAK_SECONDS = 10 * 60,
	MAKE_TRIES = 5,
};

static const uint64_t magic = 0x3174746f72685448; /* "HThrott1" */
static const unsigned factor[AUTH_THROTTLE_LEVELS] = { 1, 3, 9 };
static const int64_t delay_ms[] = { 2000, 4000, 8000, 15000 };

struct slot {
	_Atomic uint64_t tag, minute, day, streak, guesses;
};

struct head {
	uint64_t magic, slots;
	uint8_t key[PASSWORD_DIGEST_LEN];
	uint8_t unused[16];
};

struct table {
	struct head head;
	struct slot slot[SLOTS];
};

struct auth_throttle {
	struct table *table;
};

static_assert(sizeof(struct slot) == 40, "the file's layout");
static_assert(offsetof(struct table, slot) == 64, "the file's layout");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared words need no lock");

/* ---- the file ---- */

/* A whole new file under the name, unless somebody else was first. */
static enum herr
make(const char *path)
{
	struct head head = { .magic = magic, .slots = SLOTS };
	char temporary[4096];
	int fd, len;
	enum herr err = H_IO;

	len = snprintf(
	    temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof(temporary))
		return H_LIMIT;
	password_random(head.key, sizeof(head.key));
	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		log_errno(LOG_ERROR, "throttle", temporary);
		return H_IO;
	}
	/* With its blocks: a hole that the disk cannot fill would be SIGBUS. */
	errno = posix_fallocate(fd, 0, sizeof(struct table));
	if (errno != 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    (link(temporary, path) != 0 && errno != EEXIST))
		log_errno(LOG_ERROR, "throttle", path);
	else
		err = H_OK;
	close(fd);
	(void)unlink(temporary);
	return err;
}

static struct table *
map(int fd)
{
	struct table *t;
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size != (off_t)sizeof(*t))
		return NULL;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return NULL;
	if (t->head.magic == magic && t->head.slots == SLOTS)
		return t;
	munmap(t, sizeof(*t));
	return NULL;
}

enum herr
auth_throttle_open(struct auth_throttle **tp, const char *path)
{
	enum herr err;

	for (int i = 0; i < MAKE_TRIES; i++) {
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		struct table *t;

		if (fd >= 0) {
			t = map(fd);
			close(fd);
			if (t != NULL) {
				*tp = mem_alloc(sizeof(**tp));
				(*tp)->table = t;
				return H_OK;
			}
			log_event(LOG_WARN, "throttle",
			    "the file is damaged or of another version: made "
			    "anew");
			(void)unlink(path);
		} else if (errno != ENOENT) {
			log_errno(LOG_ERROR, "throttle", path);
			return H_IO;
		}
		if ((err = make(path)) != H_OK)
			return err;
	}
	log_event(LOG_ERROR, "throttle", "the file cannot be made");
	return H_IO;
}

void
auth_throttle_close(struct auth_throttle **tp)
{
	if (*tp == NULL)
		return;
	munmap((*tp)->table, sizeof(*(*tp)->table));
	mem_free(tp);
}

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

static struct slot *
bucket_of(struct auth_throttle *t, uint64_t tag)
{
	return &t->table->slot[(tag % (SLOTS / BUCKET)) * BUCKET];
}

static struct slot *
find(struct auth_throttle *t, uint64_t tag)
{
	struct slot *bucket = bucket_of(t, tag);

	for (int i = 0; i < BUCKET; i++)
		if (atomic_load(&bucket[i].tag) == tag)
			return &bucket[i];
	return NULL;
}

/* The address's slot; one that it takes over from whoever was quiet longest, if
 * need be. */
static struct slot *
find_or_take(struct auth_throttle *t, uint64_t tag)
{
	struct slot *bucket = bucket_of(t, tag), *oldest = bucket;
	uint64_t was;

	for (int i = 0; i < BUCKET; i++) {
		struct slot *s = &bucket[i];

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

/* ---- the rule ---- */

bool
auth_throttle_blocked(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	for (unsigned i = 0; i < AUTH_THROTTLE_LEVELS; i++) {
		struct slot *s = find(t, peer->tag[i]);

		if (s != NULL &&
		    (count_in(&s->minute, minute_of(now)) >=
			    PER_MINUTE * factor[i] ||
			count_in(&s->day, day_of(now)) >= PER_DAY * factor[i]))
			return true;
	}
	return false;
}

/* Takes back what the first `levels` levels counted. */
static void
give_back(struct auth_throttle *t, const struct auth_throttle_peer *peer,
    unsigned levels, int64_t now)
{
	for (unsigned i = 0; i < levels; i++) {
		struct slot *s = find(t, peer->tag[i]);

		if (s == NULL)
			continue;
		count_down(&s->minute, minute_of(now));
		count_down(&s->day, day_of(now));
	}
}

bool
auth_throttle_take(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	for (unsigned i = 0; i < AUTH_THROTTLE_LEVELS; i++) {
		struct slot *s = find_or_take(t, peer->tag[i]);
		bool minute = count_up(
		    &s->minute, minute_of(now), PER_MINUTE * factor[i]);

		if (minute &&
		    count_up(&s->day, day_of(now), PER_DAY * factor[i]))
			continue;
		if (minute)
			count_down(&s->minute, minute_of(now));
		give_back(t, peer, i, now);
		return false;
	}
	return true;
}

void
auth_throttle_give_back(
    struct auth_throttle *t, const struct auth_throttle_peer *peer, int64_t now)
{
	give_back(t, peer, AUTH_THROTTLE_LEVELS, now);
}

int64_t
auth_throttle_failed(struct auth_throttle *t,
    const struct auth_throttle_peer *peer, uint32_t guess, int64_t now)
{
	struct slot *s = find_or_take(t, peer->tag[0]);
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
	return delay_ms[row];
}
