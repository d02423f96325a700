/*
 * The account role.  A turn: every session that can go on does, for a slice in
 * all; then the writes that have gathered are committed together, and those who
 * wrote are answered.
 */
#include "imapd/imap_account.h"

#include "common/clock.h"
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_session.h"
#include "imapd/imap_turn.h"

enum {
	SESSIONS_MAX = 60,
	PROD_MS = 30 * 1000, /* no sooner again */
	SCRATCH_MAX = 64 * 1024 * 1024,
	SCRATCH_KEPT = 64 * 1024,
};

/* Those that are ready, each once, until the slice is over.  Who is not done
 * goes to the end of the list, so nobody waits for long. */
static void
run_ready(struct imap_account *a)
{
	a->turn++;
	imap_slice_begin(a);
	while (a->ready != NULL && a->ready->turn != a->turn &&
	       !imap_slice_over(a)) {
		struct imap_session *s = imap_next_ready(a);

		s->turn = a->turn;
		if (!s->over)
			imap_session_run(s);
	}
	imap_read_end(a);
}

static void
reap(struct imap_account *a)
{
	struct imap_session *s, *next;

	for (s = a->sessions; s != NULL; s = next) {
		next = s->next;
		if (s->over)
			imap_session_free(s);
	}
}

static void turn(void *arg);

static void
plan_turn(struct imap_account *a)
{
	if (a->turn_planned)
		return;
	a->turn_planned = true;
	loop_later(a->loop, turn, a);
}

static void
turn(void *arg)
{
	struct imap_account *a = arg;

	run_ready(a);
	if (a->writers != NULL) {
		imap_batch_run(a);
		run_ready(a);
	}
	reap(a);
	if (a->scratch.room > SCRATCH_KEPT)
		buf_free(&a->scratch);
	a->turn_planned = false;
	if (a->ready != NULL || a->writers != NULL)
		plan_turn(a);
}

struct imap_account *
imap_account_new(struct loop *loop, struct store *store)
{
	struct imap_account *a = mem_alloc(sizeof(*a));

	a->loop = loop;
	a->store = store;
	a->max_sessions = SESSIONS_MAX;
	a->message_size_limit = 50 * 1024 * 1024;
	a->ready_end = &a->ready;
	a->plan_turn = plan_turn;
	a->scratch = BUF_INIT(SCRATCH_MAX);
	imap_recent_begin(a);
	return a;
}

void
imap_account_free(struct imap_account **ap)
{
	struct imap_account *a = *ap;

	if (a == NULL)
		return;
	while (a->sessions != NULL)
		imap_session_free(a->sessions);
	imap_read_end(a);
	imap_recent_end(a);
	for (size_t i = 0; i < COUNT_OF(a->keyword); i++)
		mem_free(&a->keyword[i]);
	buf_free(&a->scratch);
	mem_free(ap);
}

/*
 * Some of those that idle may be dead, and not known to be: nothing was said to
 * them lately.  If so, the kernel gives them up soon after this line, and who
 * comes again finds room.
 */
static void
prod_idlers(struct imap_account *a)
{
	int64_t now = clock_mono_ms();

	if (now < a->prod_again)
		return;
	a->prod_again = now + PROD_MS;
	for (struct imap_session *s = a->sessions; s != NULL; s = s->next)
		(void)imap_session_prod(s);
}

enum herr
imap_account_begin(struct imap_account *a, uint64_t id, int fd)
{
	if (a->nsessions >= a->max_sessions) {
		prod_idlers(a);
		return H_LIMIT;
	}
	(void)imap_session_new(a, id, fd);
	return H_OK;
}

void
imap_account_woken(struct imap_account *a)
{
	bool anybody = false;

	for (struct imap_session *s = a->sessions; s != NULL; s = s->next)
		if (s->queue != NULL && s->queue->phase == IMAP_PHASE_CHANGE) {
			imap_ready(s);
			anybody = true;
		}
	if (!anybody && a->wait != NULL)
		a->wait(a->arg, false);
}

void
imap_account_goodbye(struct imap_account *a)
{
	for (struct imap_session *s = a->sessions; s != NULL; s = s->next)
		imap_session_goodbye(s, "* BYE The server is going down\r\n");
	reap(a);
}
