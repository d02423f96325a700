/*
 * Questions of a protocol to auth (front_ask_auth): each is answered once, by
 * auth, or by nothing when it could not be asked, or did not answer in time.
 *
 * A crowd of messages asks about the same address again and again, and each
 * answer costs two processes a turn.  So good answers hold for a second, unless
 * the parent says before that the directory has changed, or auth has left.
 */
#include "common/clock.h"
#include "common/front_private.h"
#include "common/mem.h"

enum {
	QUESTION_MS = 10 * 1000,
	TICK_MS = 1000,
	HOLDS_MS = 1000,
	KEPT_MAX = 1024, /* bytes of question and answer */
};

struct front_question {
	struct front_question *next;
	uint64_t id;
	uint16_t type;
	bool resent;
	bool outdated; /* the directory has changed since it was asked */
	int64_t asked;
	void (*answer)(void *arg, struct span payload);
	void *arg;
	size_t len;
	char payload[];
};

struct front_answer {
	int64_t until;
	uint16_t type;
	size_t question_len, len;
	char bytes[]; /* question, answer */
};

/* ---- answers that hold for a while ---- */

static void
keep(struct front *f, const struct front_question *q, struct span payload)
{
	struct front_answer *a, **slot = &f->answers[f->next_answer];

	if (q->outdated || payload.len == 0 || payload.ptr[0] != H_OK ||
	    q->len + payload.len > KEPT_MAX)
		return;
	a = mem_alloc(sizeof(*a) + q->len + payload.len);
	a->until = clock_mono_ms() + HOLDS_MS;
	a->type = q->type;
	a->question_len = q->len;
	a->len = payload.len;
	memcpy(a->bytes, q->payload, q->len);
	memcpy(a->bytes + q->len, payload.ptr, payload.len);
	mem_free(slot);
	*slot = a;
	f->next_answer = (f->next_answer + 1) % FRONT_ANSWERS;
}

void
front_ask_forget(struct front *f)
{
	for (unsigned i = 0; i < FRONT_ANSWERS; i++)
		mem_free(&f->answers[i]);
	for (struct front_question *q = f->questions; q != NULL; q = q->next)
		q->outdated = true;
}

bool
front_auth_said(
    struct front *f, uint16_t type, struct span payload, struct span *answer)
{
	int64_t now = clock_mono_ms();

	for (unsigned i = 0; i < FRONT_ANSWERS; i++) {
		const struct front_answer *a = f->answers[i];

		if (a == NULL || a->type != type || now >= a->until ||
		    a->question_len != payload.len ||
		    memcmp(a->bytes, payload.ptr, payload.len) != 0)
			continue;
		*answer = (struct span){ a->bytes + a->question_len, a->len };
		return true;
	}
	return false;
}

/* ---- questions ---- */

static void
answer(struct front_question *q, struct span payload)
{
	q->answer(q->arg, payload);
	mem_free(&q);
}

static void
answer_all(struct front_question *q)
{
	while (q != NULL) {
		struct front_question *next = q->next;

		answer(q, NO_SPAN);
		q = next;
	}
}

void
front_ask_answered(
    struct front *f, uint16_t type, uint64_t id, struct span payload)
{
	for (struct front_question **at = &f->questions; *at != NULL;
	     at = &(*at)->next) {
		struct front_question *q = *at;

		if (q->id != id || q->type != type)
			continue;
		*at = q->next;
		keep(f, q, payload);
		answer(q, payload);
		return;
	}
}

/* Takes those out of the list that `over` says; the callers answer them, for an
 * answer may lead to a question. */
static struct front_question *
take(struct front *f, bool (*over)(struct front_question *))
{
	struct front_question **at = &f->questions, *taken = NULL;

	while (*at != NULL) {
		struct front_question *q = *at;

		if (!over(q)) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		q->next = taken;
		taken = q;
	}
	return taken;
}

static bool
every(struct front_question *q)
{
	(void)q;
	return true;
}

static bool
late(struct front_question *q)
{
	return clock_mono_ms() - q->asked >= QUESTION_MS;
}

static bool
twice_lost(struct front_question *q)
{
	bool was = q->resent;

	q->resent = true;
	return was;
}

void
front_ask_failed(struct front *f)
{
	answer_all(take(f, every));
}

bool
front_ask_lost(struct front *f)
{
	front_ask_forget(f);
	if (!f->auth_leaving)
		answer_all(take(f, twice_lost));
	return f->questions != NULL;
}

void
front_ask_all(struct front *f)
{
	for (struct front_question *q = f->questions; q != NULL; q = q->next)
		front_auth_send(
		    f, q->type, q->id, (struct span){ q->payload, q->len });
}

void
front_ask_tick(void *arg)
{
	struct front *f = arg;

	answer_all(take(f, late));
	if (f->questions != NULL)
		timer_set(f->ask_timer, TICK_MS);
}

void
front_ask_auth(struct front *f, uint16_t type, struct span payload,
    void (*fn)(void *arg, struct span payload), void *arg)
{
	struct front_question *q = mem_alloc(sizeof(*q) + payload.len);
	struct front_question **at = &f->questions;

	q->id = ++f->next_question;
	q->type = type;
	q->asked = clock_mono_ms();
	q->answer = fn;
	q->arg = arg;
	q->len = payload.len;
	if (payload.len > 0)
		memcpy(q->payload, payload.ptr, payload.len);
	while (*at != NULL)
		at = &(*at)->next;
	*at = q;
	if (f->questions == q)
		timer_set(f->ask_timer, TICK_MS);
	if (f->auth != NULL)
		front_auth_send(f, type, q->id, payload);
	else
		front_auth_want(f);
}
