/*
 * One session: lines in, commands by the table, long answers piece by piece.
 * A long answer is a job; while there is one, no line is taken.
 */
#include "pop3d/pop3_session.h"

#include "common/conn.h"
#include "common/mem.h"
#include "common/scan.h"
#include "pop3d/pop3_ahead.h"
#include "pop3d/pop3_reply.h"

enum {
	AUTOLOGOUT_MS = 10 * 60 * 1000, /* RFC 1939, 3 */
	STEPS_A_TURN = 64,              /* blocks of 16 KiB, or lines */
	ENTRIES_A_STEP = 256,
};

struct pop3_session {
	struct conn *conn;
	struct pop3_drop *drop;
	struct pop3_ahead *ahead;
	struct timer *again; /* the turn was over before the work was */
	void (*over)(void *arg);
	void *arg;
	uint64_t without; /* capabilities that are not announced */
	/* The job: one of the next two. */
	void (*list)(struct pop3_session *,
	    uint32_t number); /* LIST, UIDL: writes one line */
	bool sending;         /* RETR, TOP */
	uint32_t next;        /* to be listed */
	struct store_row row;
	uint64_t offset;
	struct pop3_dot dot;
	unsigned bad;
	bool eof;
	bool ended;
};

/* ---- commands ---- */

/* Numbers of a command, as many as its row in the table asks for. */
struct args {
	uint32_t number[2];
	unsigned count;
};

static void
say(struct pop3_session *s, enum pop3_reply reply)
{
	pop3_say(s->conn, reply);
}

static void
say_numbers(struct pop3_session *s, const char *word, uint64_t a, uint64_t b)
{
	struct buf *out = conn_output(s->conn);

	buf_text(out, word);
	buf_number(out, a);
	buf_byte(out, ' ');
	buf_number(out, b);
	buf_text(out, "\r\n");
}

static void
cmd_stat(struct pop3_session *s, const struct args *a)
{
	uint32_t messages;
	uint64_t bytes;

	(void)a;
	pop3_drop_total(s->drop, &messages, &bytes);
	say_numbers(s, "+OK ", messages, bytes);
}

static void
list_size(struct pop3_session *s, uint32_t number)
{
	say_numbers(s, "", number, pop3_drop_entry(s->drop, number)->size);
}

/* 16 hex digits: never used for another message of the account (RFC 1939, 7).
 */
static void
list_uidl(struct pop3_session *s, uint32_t number)
{
	buf_format(conn_output(s->conn), "%lu %016llx\r\n",
	    (unsigned long)number,
	    (unsigned long long)pop3_drop_entry(s->drop, number)->uidl);
}

static void
list(struct pop3_session *s, const struct args *a,
    void (*one)(struct pop3_session *, uint32_t))
{
	if (a->count == 0) {
		say(s, POP3_OK);
		s->list = one;
		s->next = 1;
	} else if (pop3_drop_entry(s->drop, a->number[0]) == NULL) {
		say(s, POP3_NO_MESSAGE);
	} else {
		conn_text(s->conn, "+OK ");
		one(s, a->number[0]);
	}
}

static void
cmd_list(struct pop3_session *s, const struct args *a)
{
	list(s, a, list_size);
}

static void
cmd_uidl(struct pop3_session *s, const struct args *a)
{
	list(s, a, list_uidl);
}

static void
begin_sending(struct pop3_session *s, uint32_t number)
{
	enum herr err;

	if (pop3_drop_entry(s->drop, number) == NULL)
		say(s, POP3_NO_MESSAGE);
	else if ((err = pop3_drop_find(s->drop, number, &s->row)) != H_OK)
		say(s, err == H_NOTFOUND ? POP3_MESSAGE_GONE
					 : pop3_reply_for(err));
	else {
		say(s, POP3_OK);
		s->sending = true;
		s->offset = 0;
	}
}

static void
cmd_retr(struct pop3_session *s, const struct args *a)
{
	pop3_dot_begin(&s->dot);
	begin_sending(s, a->number[0]);
}

static void
cmd_top(struct pop3_session *s, const struct args *a)
{
	pop3_dot_begin_top(&s->dot, a->number[1]);
	begin_sending(s, a->number[0]);
}

static void
cmd_dele(struct pop3_session *s, const struct args *a)
{
	if (pop3_drop_entry(s->drop, a->number[0]) == NULL) {
		say(s, POP3_NO_MESSAGE);
		return;
	}
	pop3_drop_mark(s->drop, a->number[0]);
	say(s, POP3_MARKED);
}

static void
cmd_rset(struct pop3_session *s, const struct args *a)
{
	(void)a;
	pop3_drop_unmark_all(s->drop);
	say(s, POP3_RESET);
}

static void
cmd_noop(struct pop3_session *s, const struct args *a)
{
	(void)a;
	say(s, POP3_OK);
}

static void
cmd_capa(struct pop3_session *s, const struct args *a)
{
	(void)a;
	pop3_capa(s->conn, POP3_CAPA_SESSION, SPAN(POP3_SASL), s->without);
}

static void
cmd_quit(struct pop3_session *s, const struct args *a)
{
	(void)a;
	say(s, pop3_drop_update(s->drop) == H_OK ? POP3_BYE : POP3_NOT_DELETED);
	s->ended = true;
}

/* clang-format off */
static const struct command {
	const char *word;
	unsigned least, most; /* numbers behind it */
	void (*run)(struct pop3_session *, const struct args *);
} commands[] = {
	/* RFC 1939 */
	{ "STAT", 0, 0, cmd_stat },
	{ "LIST", 0, 1, cmd_list },
	{ "RETR", 1, 1, cmd_retr },
	{ "DELE", 1, 1, cmd_dele },
	{ "NOOP", 0, 0, cmd_noop },
	{ "RSET", 0, 0, cmd_rset },
	{ "QUIT", 0, 0, cmd_quit },
	{ "TOP",  2, 2, cmd_top },
	{ "UIDL", 0, 1, cmd_uidl },
	/* RFC 2449 */
	{ "CAPA", 0, 0, cmd_capa },
};
/* clang-format on */

static void
bad_line(struct pop3_session *s, enum pop3_reply reply)
{
	say(s, reply);
	if (++s->bad >= POP3_BAD_MAX)
		s->ended = true;
}

static void
run_line(struct pop3_session *s, struct span line)
{
	struct pop3_line l = pop3_line(line);
	struct args a = { 0 };

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];
		bool good;

		if (!span_is_nocase(l.word, c->word))
			continue;
		good = pop3_numbers(l.rest, a.number, c->most, &a.count) &&
		       a.count >= c->least;
		pop3_ahead_came(s->ahead, l.word,
		    good && c->run == cmd_retr ? a.number[0] : 0);
		if (good)
			c->run(s, &a);
		else
			bad_line(s, POP3_SYNTAX);
		return;
	}
	pop3_ahead_came(s->ahead, l.word, 0);
	bad_line(s, POP3_UNKNOWN);
}

/* ---- jobs ---- */

static void
list_some(struct pop3_session *s)
{
	uint32_t last = pop3_drop_last(s->drop);

	for (int n = 0; n < ENTRIES_A_STEP && s->next <= last; n++, s->next++)
		if (pop3_drop_entry(s->drop, s->next) != NULL)
			s->list(s, s->next);
	if (s->next <= last)
		return;
	conn_text(s->conn, ".\r\n");
	s->list = NULL;
}

/* The last block goes out together with the final dot. */
static void
send_block(struct pop3_session *s)
{
	struct buf *out = conn_output(s->conn);
	bool more;

	if (pop3_drop_block(
		s->drop, &s->row, &s->offset, &s->dot, out, &more) != H_OK) {
		s->ended = true; /* better cut off than passed off as whole */
	} else if (!more) {
		pop3_dot_end(&s->dot, out);
		s->sending = false;
	}
}

/* ---- answers ahead ---- */

/* What RETR would say, but for its errors: those are said when it comes. */
static bool
answer_ahead(void *arg, uint32_t number, struct buf *out)
{
	struct pop3_session *s = arg;
	const struct pop3_entry *e = pop3_drop_entry(s->drop, number);
	struct pop3_dot dot;
	struct store_row row;
	uint64_t offset = 0;
	bool more = true;

	if (e == NULL || e->size >= out->limit ||
	    pop3_drop_find(s->drop, number, &row) != H_OK)
		return false;
	pop3_put(out, POP3_OK);
	pop3_dot_begin(&dot);
	while (more && !out->bad)
		if (pop3_drop_block(s->drop, &row, &offset, &dot, out, &more) !=
		    H_OK)
			return false;
	pop3_dot_end(&dot, out);
	return true;
}

static void
used_ahead(void *arg)
{
	struct pop3_session *s = arg;

	conn_deadline(s->conn, AUTOLOGOUT_MS);
}

/* ---- the session ---- */

static void
finish(struct pop3_session *s)
{
	void (*over)(void *) = s->over;
	void *arg = s->arg;

	timer_free(&s->again);
	pop3_ahead_free(&s->ahead);
	pop3_drop_close(&s->drop);
	conn_finish(&s->conn);
	mem_free(&s);
	over(arg);
}

static void
take_line(struct pop3_session *s, bool *none)
{
	struct span line;

	switch (conn_line(s->conn, POP3_LINE_MAX, &line)) {
	case CONN_LINE: run_line(s, line); break;
	case CONN_LINE_NONE:
		*none = true;
		s->ended = s->eof; /* without QUIT: nothing is deleted */
		break;
	case CONN_LINE_TOO_LONG:
		say(s, POP3_TOO_LONG);
		s->ended = true;
		break;
	case CONN_LINE_BARE:
		say(s, POP3_BARE);
		s->ended = true;
		break;
	}
}

static void
work(void *arg)
{
	struct pop3_session *s = arg;
	bool none = false;

	for (int n = 0; n < STEPS_A_TURN && !s->ended && !none; n++) {
		if (conn_full(s->conn))
			return; /* until CONN_DRAINED */
		if (s->list != NULL)
			list_some(s);
		else if (s->sending)
			send_block(s);
		else
			take_line(s, &none);
	}
	if (s->ended)
		finish(s);
	else if (!none)
		timer_set(s->again, 0);
	else {
		conn_flush(s->conn);
		pop3_ahead_lay_out(s->ahead);
	}
}

static void
event_of(void *arg, struct conn *conn, enum conn_event event)
{
	struct pop3_session *s = arg;

	(void)conn;
	switch (event) {
	case CONN_INPUT:
	case CONN_DRAINED:
		conn_deadline(s->conn, AUTOLOGOUT_MS);
		work(s);
		break;
	case CONN_EOF:
		s->eof = true;
		work(s);
		break;
	case CONN_TIMEOUT: /* RFC 1939, 3: as if the connection were lost */
		if (s->list == NULL && !s->sending)
			say(s, POP3_IDLE_TOO_LONG);
		finish(s);
		break;
	case CONN_ERROR: finish(s); break;
	case CONN_TLS: break; /* the front's affair */
	}
}

void
pop3_session_without(struct pop3_session *s, uint64_t without)
{
	s->without = without;
}

struct pop3_session *
pop3_session_new(struct loop *loop, int fd, int ahead, struct pop3_drop *drop,
    void (*over)(void *arg), void *arg)
{
	static const struct pop3_ahead_owner owner = { answer_ahead,
		used_ahead };
	struct pop3_session *s = mem_alloc(sizeof(*s));

	s->drop = drop;
	s->over = over;
	s->arg = arg;
	s->again = timer_new(loop, work, s);
	s->conn = conn_new(loop, fd, event_of, s);
	s->ahead = pop3_ahead_new(loop, ahead, s->conn, &owner, s);
	conn_deadline(s->conn, AUTOLOGOUT_MS);
	return s;
}

void
pop3_session_goodbye(struct pop3_session *s)
{
	if (s->list == NULL && !s->sending)
		say(s, POP3_GOING_DOWN);
	finish(s);
}
