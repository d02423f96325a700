#include "tests/crash/crash_play.h"

#include "tests/unit/still_clock.h"
#include "tests/unit/store_help.h"

enum {
	BOXES = 9,
	FIRST_OWN = 6, /* boxes that are made and deleted */
	MAILS = 400,
	BODIES = 14,
	LARGE = BODIES - 1,
	LARGE_LEN =
	    1300000, /* more than the store keeps in memory, even compressed */
	STEP_SECONDS = 400,
	FAULT_MAX = 128,
};

struct mail {
	uint32_t uid;
	unsigned body;
	uint8_t flags;
};
struct mailbox {
	char name[16];
	bool exists, subscribed;
	uint32_t uidnext;
	size_t n;
	struct mail mails[MAILS];
};
struct state {
	struct mailbox box[BOXES];
	unsigned names; /* given so far */
};
struct play {
	struct state now, before;
	uint64_t seed, rng;
	struct store_blob *blob; /* of the step to come */
	char *fault;             /* a string that others may print */
};

/* What messages are made of; made once for all plays of the process. */
static struct help_mail bodies[BODIES];

/* Lines as an attachment has them: nothing to compress. */
static void
add_attachment(struct buf *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t state = 4711, bits = 0;

	while (b->len < LARGE_LEN) {
		char *line = buf_want(b, 78);

		for (unsigned i = 0; i < 76; i++) {
			if (i % 10 == 0)
				bits = help_random(&state);
			line[i] = digits[bits & 63];
			bits >>= 6;
		}
		memcpy(line + 76, "\r\n", 2);
		buf_grew(b, 78);
	}
}

static const struct help_mail *
body(unsigned number)
{
	struct help_mail *m = &bodies[number];

	if (m->message.ptr != NULL)
		return m;
	*m = help_mail_new(number, 200 + number * number * 160);
	if (number == LARGE) {
		add_attachment(&m->message);
		help_record(buf_span(&m->message), &m->record);
	}
	return m;
}

/* ---- time ---- */

void
play_clock(unsigned n)
{
	wall = 1800000000 + (int64_t)n * STEP_SECONDS;
}

/* ---- the play ---- */

struct play *
play_new(uint64_t seed)
{
	static const char *const names[] = { "INBOX", "Drafts", "Sent", "Junk",
		"Trash", "Archive" };
	struct play *p = mem_alloc(sizeof *p);

	p->seed = seed;
	p->fault = mem_alloc(FAULT_MAX);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct mailbox *b = &p->now.box[i];

		snprintf(b->name, sizeof b->name, "%s", names[i]);
		b->exists = b->subscribed = true;
		b->uidnext = 1;
	}
	return p;
}

void
play_free(struct play **pp)
{
	if (*pp == NULL)
		return;
	store_blob_free(&(*pp)->blob);
	mem_free(&(*pp)->fault);
	mem_free(pp);
}

void
play_end(void)
{
	for (size_t i = 0; i < BODIES; i++)
		help_mail_free(&bodies[i]);
}

void
play_undo(struct play *p)
{
	p->now = p->before;
}

static unsigned
pick(struct play *p, unsigned n)
{
	return (unsigned)(help_random(&p->rng) >> 24) % n;
}

/* Each step has numbers of its own, so that one that was left out changes no
 * other. */
static void
begin_step(struct play *p, unsigned n)
{
	p->rng = (p->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) +
	         (n + 1) * UINT64_C(0xBF58476D1CE4E5B9);
	for (unsigned i = 0; i < 4; i++)
		help_random(&p->rng);
	p->before = p->now;
}

static bool
is_large(unsigned n)
{
	return n % 16 == 7;
}

static uint32_t
id_of(struct store_txn *t, const struct mailbox *b)
{
	struct store_mailbox m;

	return store_find_mailbox(t, span_of(b->name), &m) == H_OK ? m.id : 0;
}

static void
hold(struct mailbox *b, unsigned number, uint8_t flags)
{
	b->mails[b->n++] = (struct mail){ b->uidnext++, number, flags };
}

static enum herr
publish(struct play *p, struct store *st, struct store_txn *t,
    struct mailbox *b, unsigned number, uint8_t flags)
{
	const struct help_mail *m = body(number);
	struct store_blob *blob =
	    p->blob != NULL ? p->blob : help_blob(st, buf_span(&m->message));
	struct store_append a = {
		.mailbox = id_of(t, b),
		.flags = { .system = flags },
		.internaldate = number,
		.record = buf_span(&m->record),
	};
	uint32_t uid = 0;
	enum herr err = store_append(t, blob, &a, &uid);

	if (err == H_OK && uid != b->uidnext)
		err = H_CORRUPT;
	p->blob = NULL;
	store_blob_free(&blob);
	return err;
}

static enum herr
step_append(struct play *p, unsigned n, struct store *st, struct store_txn *t)
{
	struct mailbox *b =
	    &p->now.box[pick(p, 3) == 0 ? pick(p, FIRST_OWN) : 0];
	unsigned count = pick(p, 4) == 0 ? 8 : 1 + pick(p, 2);
	enum herr err = H_OK;

	if (is_large(n))
		count = 1;
	for (; count > 0 && err == H_OK && b->n < MAILS; count--) {
		unsigned number = is_large(n) ? LARGE : pick(p, LARGE);
		uint8_t flags = (uint8_t)pick(p, 16);

		if (st != NULL)
			err = publish(p, st, t, b, number, flags);
		hold(b, number, flags);
	}
	return err;
}

static enum herr
step_flags(struct play *p, struct mailbox *b, struct store_txn *t)
{
	size_t at = pick(p, (unsigned)b->n);
	enum herr err = H_OK;

	for (unsigned i = 0; i < 5 && at < b->n && err == H_OK; i++, at++) {
		struct mail *m = &b->mails[at];

		m->flags ^= (uint8_t)(1 + pick(p, 15));
		if (t != NULL)
			err = store_set_flags(t, id_of(t, b), m->uid,
			    &(struct store_flags){ .system = m->flags });
	}
	return err;
}

static void
forget(struct mailbox *b, size_t at)
{
	b->n--;
	memmove(
	    &b->mails[at], &b->mails[at + 1], (b->n - at) * sizeof b->mails[0]);
}

static enum herr
step_copy(struct play *p, struct mailbox *b, struct store_txn *t, bool move)
{
	struct mailbox *to = &p->now.box[pick(p, FIRST_OWN)];
	size_t at = pick(p, (unsigned)b->n);
	enum herr err = H_OK;

	for (unsigned i = 0; i < 4 && at < b->n && to->n < MAILS && err == H_OK;
	     i++) {
		struct mail m = b->mails[at];
		uint32_t uid;

		if (t != NULL && move)
			err = store_move(
			    t, id_of(t, b), m.uid, id_of(t, to), &uid);
		else if (t != NULL)
			err = store_copy(
			    t, id_of(t, b), m.uid, id_of(t, to), &uid);
		hold(to, m.body, m.flags);
		if (move)
			forget(b, at);
		else
			at++;
	}
	return err;
}

static enum herr
step_expunge(struct play *p, struct mailbox *b, struct store_txn *t)
{
	size_t at = pick(p, (unsigned)b->n);
	enum herr err = H_OK;

	for (unsigned i = 0; i < 3 && at < b->n && err == H_OK; i++) {
		if (t != NULL)
			err = store_expunge(t, id_of(t, b), b->mails[at].uid);
		forget(b, at);
	}
	return err;
}

/* Mailboxes of our own: made where there is none, else renamed or deleted. */
static enum herr
step_mailbox(struct play *p, struct store_txn *t)
{
	struct mailbox *b = &p->now.box[FIRST_OWN + pick(p, BOXES - FIRST_OWN)];
	char old[sizeof b->name];
	enum herr err = H_OK;
	uint32_t id;

	memcpy(old, b->name, sizeof old);
	if (!b->exists) {
		snprintf(b->name, sizeof b->name, "M%u", p->now.names++);
		b->exists = true;
		b->subscribed = false;
		b->uidnext = 1;
		b->n = 0;
		if (t != NULL)
			err = store_create_mailbox(
			    t, span_of(b->name), STORE_NO_ROLE, &id);
		/* Not empty from the start. */
		for (size_t i = 0; i < 3 && i < p->now.box[0].n && err == H_OK;
		     i++) {
			struct mail m = p->now.box[0].mails[i];

			if (t != NULL)
				err = store_copy(t, id_of(t, &p->now.box[0]),
				    m.uid, id, &id);
			if (t != NULL)
				id = id_of(t, b);
			hold(b, m.body, m.flags);
		}
	} else if (pick(p, 2) == 0) {
		b->exists = false;
		if (t != NULL)
			err = store_delete_mailbox(t, span_of(b->name));
	} else {
		snprintf(b->name, sizeof b->name, "M%u", p->now.names++);
		if (t != NULL)
			err = store_rename_mailbox(
			    t, span_of(old), span_of(b->name));
	}
	return err;
}

static enum herr
step_subscribe(struct play *p, struct store_txn *t)
{
	struct mailbox *b = &p->now.box[pick(p, FIRST_OWN)];

	b->subscribed = !b->subscribed;
	return t == NULL ? H_OK
	                 : store_subscribe(t, span_of(b->name), b->subscribed);
}

enum herr
play_step(struct play *p, unsigned n, struct store *st, struct store_txn *t)
{
	struct mailbox *b;
	unsigned what;

	begin_step(p, n);
	what = pick(p, 100);
	b = &p->now.box[pick(p, 2) == 0 ? pick(p, FIRST_OWN) : 0];
	if (is_large(n) || what < 35 || (what < 85 && b->n == 0))
		return step_append(p, n, st, t);
	if (what < 50)
		return step_flags(p, b, t);
	if (what < 58)
		return step_copy(p, b, t, false);
	if (what < 72)
		return step_copy(p, b, t, true);
	if (what < 85)
		return step_expunge(p, b, t);
	if (what < 96)
		return step_mailbox(p, t);
	return step_subscribe(p, t);
}

enum herr
play_prepare(struct play *p, unsigned n, struct store *st)
{
	enum herr err = H_OK;

	if (is_large(n)) {
		p->blob = store_blob_new(st);
		err =
		    store_blob_write(p->blob, buf_span(&body(LARGE)->message));
		if (err != H_OK)
			store_blob_free(&p->blob);
	}
	return err;
}

/* ---- looking ---- */

static const char *
differs(const struct play *p, const char *what, const struct mailbox *b,
    unsigned long number)
{
	snprintf(p->fault, FAULT_MAX, "%s %s %lu", b->name, what, number);
	return p->fault;
}

static bool
bytes_are(struct store_txn *t, const struct store_row *row, unsigned number)
{
	const struct help_mail *m = body(number);
	struct span record = store_record(t, row->message), bytes;

	if (row->size != m->message.len || record.len != m->record.len ||
	    memcmp(record.ptr, m->record.ptr, record.len) != 0)
		return false;
	for (uint64_t at = 0; at < row->size; at += bytes.len) {
		bytes = store_bytes(t, row->message, at);
		if (bytes.len == 0 ||
		    memcmp(bytes.ptr, m->message.ptr + at, bytes.len) != 0)
			return false;
	}
	return true;
}

static const char *
compare_box(const struct play *p, struct store_txn *t, const struct mailbox *b)
{
	struct store_row_cursor at = { NULL };
	struct store_mailbox m;
	struct store_row row;
	size_t i = 0;

	if (store_find_mailbox(t, span_of(b->name), &m) != H_OK)
		return differs(p, "is not there", b, 0);
	if (m.messages != b->n || m.uidnext != b->uidnext)
		return differs(p, "count of messages", b, m.messages);
	if (m.subscribed != b->subscribed)
		return differs(p, "subscription", b, m.subscribed);
	while (store_next_row(t, m.id, 1, UINT32_MAX, &at, &row)) {
		const struct mail *want = &b->mails[i++];

		if (i > b->n || row.uid != want->uid)
			return differs(p, "UID", b, row.uid);
		if (row.flags.system != want->flags)
			return differs(p, "flags of UID", b, row.uid);
		if (!bytes_are(t, &row, want->body))
			return differs(p, "bytes of UID", b, row.uid);
	}
	return i == b->n ? NULL : differs(p, "rows", b, (unsigned long)i);
}

const char *
play_compare(const struct play *p, struct store *st)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox_cursor at = { .len = 0 };
	struct store_mailbox m;
	const char *fault = NULL;
	unsigned there = 0, should = 0;

	for (size_t i = 0; i < BOXES && fault == NULL; i++)
		if (p->now.box[i].exists) {
			should++;
			fault = compare_box(p, t, &p->now.box[i]);
		}
	while (fault == NULL && store_next_mailbox(t, &at, &m))
		there += m.exists;
	if (fault == NULL && there != should)
		fault = "mailboxes";
	if (fault == NULL && store_error(t) != H_OK)
		fault = herr_text(store_error(t));
	store_abort(&t);
	return fault;
}
