/*
 * One client from login to logout.
 *
 * Requests stand in a queue in the order they came.  Only the first writes, and
 * only behind the last is input read; between them are writes that wait for the
 * same transaction.
 */
#include "imapd/imap_session.h"

#include "common/mem.h"
#include "imapd/imap_command.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_turn.h"

enum {
	QUEUE_MAX = 64,
	BAD_MAX = 20,
};

/* ---- requests ---- */

static struct imap_request *
add_request(struct imap_session *s)
{
	struct imap_request *r = mem_alloc(sizeof(*r));

	r->text = s->input.text;
	r->code = BUF_INIT(1024 * 1024);
	s->input.text = BUF_INIT(imap_session_limits.total);
	s->input.line = 0;
	*s->queue_end = r;
	s->queue_end = &r->next;
	s->queued++;
	return r;
}

static void
drop_request(struct imap_session *s)
{
	struct imap_request *r = s->queue;

	s->queue = r->next;
	if (s->queue == NULL)
		s->queue_end = &s->queue;
	s->queued--;
	if (r->release != NULL)
		r->release(r->state);
	mem_free(&r->state);
	buf_free(&r->text);
	buf_free(&r->code);
	mem_free(&r);
}

static struct imap_request *
last_request(struct imap_session *s)
{
	struct imap_request *r = s->queue;

	while (r != NULL && r->next != NULL)
		r = r->next;
	return r;
}

/* ---- from input to requests ---- */

void
imap_session_goodbye(struct imap_session *s, const char *line)
{
	/* In the middle of an answer a line would be taken for a part of it. */
	if (s->queue == NULL || s->queue->phase == IMAP_PHASE_NEW ||
	    s->queue->phase == IMAP_PHASE_CHANGE)
		conn_text(s->conn, line);
	s->over = true;
}

/* Whether what was gathered is a command that reads the announced literal
 * itself: APPEND, unless it is the mailbox name that comes. */
static bool
streams(struct imap_session *s)
{
	struct imap_request probe = { .text = s->input.text };
	struct imap_args a;

	if (imap_command_find(&probe) != IMAP_REPLY_DONE ||
	    !(probe.command->traits & IMAP_STREAMS))
		return false;
	a = imap_request_args(s, &probe);
	imap_sp(&a);
	return s->input.line > 0 || scan_peek(&a.scan) != '{';
}

/* A literal is announced.  True: go on reading. */
static bool
take_literal(struct imap_session *s)
{
	if (streams(s)) {
		struct imap_request *r = add_request(s);

		(void)imap_command_find(r);
		return false;
	}
	if (!imap_input_take(&s->input, &imap_session_limits)) {
		struct imap_request *r;

		if (!imap_input_waste(&s->input)) {
			imap_session_goodbye(
			    s, "* BYE [TOOBIG] The literal is too long\r\n");
			return false;
		}
		r = add_request(s);
		(void)imap_command_find(r);
		r->reply = IMAP_REPLY_LITERAL;
		r->phase = IMAP_PHASE_TELL;
		imap_input_reset(&s->input, &imap_session_limits);
		return false;
	}
	s->plus_waits = s->input.sync;
	return true;
}

/* A command is whole.  False if it is only an empty line. */
static bool
take_command(struct imap_session *s)
{
	bool wasted = s->input.wasted, bare = s->input.bare;
	struct imap_request *r;

	if (s->input.text.len == 0 && !wasted) {
		imap_input_reset(&s->input, &imap_session_limits);
		return false;
	}
	r = add_request(s);
	imap_input_reset(&s->input, &imap_session_limits);
	r->reply = imap_command_find(r);
	if (wasted)
		r->reply = IMAP_REPLY_LONG;
	else if (bare && r->reply == IMAP_REPLY_DONE)
		r->reply = IMAP_REPLY_BARE;
	if (r->reply != IMAP_REPLY_DONE)
		r->phase = IMAP_PHASE_TELL;
	return true;
}

/* True if there is one request more. */
static bool
gather(struct imap_session *s)
{
	unsigned before = s->queued;

	if (s->queued >= QUEUE_MAX)
		return false;
	for (;;) {
		if (s->plus_waits) {
			if (s->queue != NULL)
				return false;
			conn_text(s->conn, "+ OK\r\n");
			s->plus_waits = false;
		}
		switch (
		    imap_input_read(&s->input, s->conn, &imap_session_limits)) {
		case IMAP_GOT_NOTHING:
			if (s->eof && s->queue == NULL)
				s->over = true;
			return false;
		case IMAP_GOT_FLOOD:
			imap_session_goodbye(
			    s, "* BYE [TOOBIG] The literal is too long\r\n");
			return false;
		case IMAP_GOT_LITERAL:
			if (!take_literal(s))
				return s->queued > before;
			continue;
		case IMAP_GOT_COMMAND:
			if (take_command(s))
				return true;
			continue;
		}
	}
}

/* ---- the way of a request ---- */

/* The outcome is known: tell what changed, then the tagged reply. */
static enum imap_step
tell(struct imap_session *s, struct imap_request *r)
{
	bool bad = imap_reply_is_bad(r->reply);
	enum imap_step step;

	if (!bad && !(r->command->traits & IMAP_LEAVES)) {
		step = imap_sync(s, !r->holds_seq);
		if (step != IMAP_DONE || s->over)
			return step;
	}
	if (r->tell_modseq && s->qresync && r->code.len == 0) {
		buf_text(&r->code, "HIGHESTMODSEQ ");
		buf_number(&r->code, s->view_modseq);
	}
	imap_put_reply(
	    conn_output(s->conn), r->tag, r->reply, buf_span(&r->code));
	s->bad = bad ? s->bad + 1 : 0;
	if (r->reply == IMAP_REPLY_LOGOUT)
		s->over = true;
	else if (s->bad >= BAD_MAX) {
		conn_text(s->conn, "* BYE Too many bad commands\r\n");
		s->over = true;
	}
	return IMAP_DONE;
}

/* Calls what is next for it.  True if that may let the session go on at once.
 */
static bool
forward_request(struct imap_session *s, struct imap_request *r)
{
	enum imap_step step;

	if (r->phase == IMAP_PHASE_TELL) {
		step = tell(s, r);
		if (step == IMAP_DONE) {
			drop_request(s);
			/* It may have waited for this one: imap_batch.c. */
			if (s->queue != NULL &&
			    s->queue->phase == IMAP_PHASE_WRITE)
				imap_want_write(s);
		} else if (step == IMAP_AGAIN)
			imap_ready(s);
		return step == IMAP_DONE;
	}
	step =
	    r->phase == IMAP_PHASE_NEW ? imap_command_run(s, r) : r->run(s, r);
	switch (step) {
	case IMAP_DONE: r->phase = IMAP_PHASE_TELL; return true;
	case IMAP_AGAIN:
		r->phase = IMAP_PHASE_RUN;
		imap_ready(s);
		return false;
	case IMAP_WAIT_ROOM: r->phase = IMAP_PHASE_RUN; return false;
	case IMAP_WAIT_HEAD: r->phase = IMAP_PHASE_HEAD; return false;
	case IMAP_WAIT_INPUT:
		r->phase = IMAP_PHASE_INPUT;
		s->over |= s->eof;
		return false;
	case IMAP_WAIT_CHANGE:
		r->phase = IMAP_PHASE_CHANGE;
		s->over |= s->eof;
		if (s->account->wait != NULL)
			s->account->wait(s->account->arg, true);
		return false;
	case IMAP_WAIT_WRITE:
		r->phase = IMAP_PHASE_WRITE;
		imap_want_write(s);
		return true;
	}
	return false;
}

/* Whether the last request may be prepared while those before it wait for their
 * transaction, to be part of it. */
static bool
joins(struct imap_session *s, const struct imap_request *last)
{
	unsigned traits = last->command->traits;

	if (!(traits & IMAP_WRITES))
		return false;
	for (struct imap_request *r = s->queue; r != last; r = r->next) {
		if (r->command == NULL)
			continue;
		if (!(r->command->traits & IMAP_WRITES) ||
		    (r->command->traits & IMAP_LEAVES))
			return false;
		if ((r->command->traits & IMAP_BREAKS_SEQ) &&
		    (traits & IMAP_USES_SEQ))
			return false;
		if ((r->command->traits & IMAP_TELLS) &&
		    (traits & (IMAP_BREAKS_SEQ | IMAP_LEAVES)))
			return false;
	}
	return true;
}

/* One step of the session; false: there is nothing it could do now. */
static bool
forward(struct imap_session *s)
{
	struct imap_request *first = s->queue, *last;

	if (first == NULL)
		return gather(s);
	if (first->phase != IMAP_PHASE_WRITE)
		return forward_request(s, first);
	last = last_request(s);
	switch (last->phase) {
	case IMAP_PHASE_NEW: return joins(s, last) && forward_request(s, last);
	case IMAP_PHASE_RUN:
	case IMAP_PHASE_INPUT: return forward_request(s, last);
	case IMAP_PHASE_HEAD:
	case IMAP_PHASE_CHANGE: return false;
	case IMAP_PHASE_WRITE:
	case IMAP_PHASE_TELL: return gather(s);
	}
	return false;
}

void
imap_session_run(struct imap_session *s)
{
	while (!s->over && imap_has_room(s)) {
		if (imap_slice_over(s->account)) {
			imap_ready(s);
			break;
		}
		if (!forward(s))
			break;
	}
	conn_flush(s->conn);
}

/* ---- life ---- */

bool
imap_session_prod(struct imap_session *s)
{
	if (s->queue == NULL || s->queue->phase != IMAP_PHASE_CHANGE)
		return false;
	conn_text(s->conn, "* OK Still here\r\n");
	conn_deadline(s->conn, IMAP_KEEPALIVE_MS);
	conn_flush(s->conn);
	return true;
}

static void
timed_out(struct imap_session *s)
{
	/* Who idles is not asked for anything; but boxes on the way forget
	 * connections on which nothing moves, and a dead one shows itself. */
	if (!imap_session_prod(s))
		imap_session_goodbye(
		    s, "* BYE [UNAVAILABLE] Nothing was said for too long\r\n");
}

static void
event(void *arg, struct conn *c, enum conn_event what)
{
	struct imap_session *s = arg;

	switch (what) {
	case CONN_INPUT:
		if (s->queue == NULL || s->queue->phase != IMAP_PHASE_CHANGE)
			conn_deadline(c, IMAP_AUTOLOGOUT_MS);
		break;
	case CONN_EOF: s->eof = true; break;
	case CONN_ERROR: s->over = true; break;
	case CONN_TIMEOUT: timed_out(s); break;
	case CONN_DRAINED:
	case CONN_TLS: break;
	}
	imap_ready(s);
}

struct imap_session *
imap_session_new(struct imap_account *a, uint64_t id, int fd)
{
	struct imap_session *s = mem_alloc(sizeof(*s));

	s->account = a;
	s->id = id;
	s->queue_end = &s->queue;
	s->conn = conn_new(a->loop, fd, event, s);
	imap_input_reset(&s->input, &imap_session_limits);
	conn_deadline(s->conn, IMAP_AUTOLOGOUT_MS);
	s->next = a->sessions;
	s->prev = &a->sessions;
	if (s->next != NULL)
		s->next->prev = &s->next;
	a->sessions = s;
	a->nsessions++;
	return s;
}

void
imap_session_free(struct imap_session *s)
{
	struct imap_account *a = s->account;

	imap_forget_session(s);
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	a->nsessions--;
	while (s->queue != NULL)
		drop_request(s);
	imap_sync_leave(s);
	imap_input_reset(&s->input, &imap_session_limits);
	conn_finish(&s->conn);
	if (a->over != NULL)
		a->over(a->arg, s->id);
	mem_free(&s);
}
