/*
 * The keys of SEARCH, from text to postfix order.  Nesting is kept on a stack
 * of its own: no input can make us recurse.
 */
#include "common/clock.h"
#include "common/date.h"
#include "common/decode.h"
#include "common/mem.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_numbers.h"
#include "imapd/imap_search.h"

enum { NEEDLE_MAX = 512 * 1024 };

enum argument {
	NOTHING,
	STRING,
	FIELD_STRING,
	DAY,
	SIZE,
	SECONDS,
	ATOM,
	UID_SET,
	MODSEQ
};

/* clang-format off */
static const struct {
	const char *name;
	enum imap_key_kind kind;
	enum argument argument;
	int number;
	bool negated;
} keys[] = {
	{ "ALL",        IMAP_KEY_ALL,         NOTHING,      0, false },
	{ "ANSWERED",   IMAP_KEY_FLAG,        NOTHING,      STORE_ANSWERED, false },
	{ "BCC",        IMAP_KEY_ADDRESS,     STRING,       RECORD_BCC, false },
	{ "BEFORE",     IMAP_KEY_BEFORE,      DAY,          0, false },
	{ "BODY",       IMAP_KEY_BODY,        STRING,       0, false },
	{ "CC",         IMAP_KEY_ADDRESS,     STRING,       RECORD_CC, false },
	{ "DELETED",    IMAP_KEY_FLAG,        NOTHING,      STORE_DELETED, false },
	{ "DRAFT",      IMAP_KEY_FLAG,        NOTHING,      STORE_DRAFT, false },
	{ "FLAGGED",    IMAP_KEY_FLAG,        NOTHING,      STORE_FLAGGED_FLAG, false },
	{ "FROM",       IMAP_KEY_ADDRESS,     STRING,       RECORD_FROM, false },
	{ "HEADER",     IMAP_KEY_HEADER,      FIELD_STRING, 0, false },
	{ "KEYWORD",    IMAP_KEY_KEYWORD,     ATOM,         0, false },
	{ "LARGER",     IMAP_KEY_LARGER,      SIZE,         0, false },
	{ "MODSEQ",     IMAP_KEY_MODSEQ,      MODSEQ,       0, false },
	{ "NEW",        IMAP_KEY_NEW,         NOTHING,      0, false },
	{ "OLD",        IMAP_KEY_RECENT,      NOTHING,      0, true },
	{ "OLDER",      IMAP_KEY_OLDER,       SECONDS,      0, false },
	{ "ON",         IMAP_KEY_ON,          DAY,          0, false },
	{ "RECENT",     IMAP_KEY_RECENT,      NOTHING,      0, false },
	{ "SEEN",       IMAP_KEY_FLAG,        NOTHING,      STORE_SEEN, false },
	{ "SENTBEFORE", IMAP_KEY_SENT_BEFORE, DAY,          0, false },
	{ "SENTON",     IMAP_KEY_SENT_ON,     DAY,          0, false },
	{ "SENTSINCE",  IMAP_KEY_SENT_SINCE,  DAY,          0, false },
	{ "SINCE",      IMAP_KEY_SINCE,       DAY,          0, false },
	{ "SMALLER",    IMAP_KEY_SMALLER,     SIZE,         0, false },
	{ "SUBJECT",    IMAP_KEY_SUBJECT,     STRING,       0, false },
	{ "TEXT",       IMAP_KEY_TEXT,        STRING,       0, false },
	{ "TO",         IMAP_KEY_ADDRESS,     STRING,       RECORD_TO, false },
	{ "UID",        IMAP_KEY_UIDS,        UID_SET,      0, false },
	{ "UNANSWERED", IMAP_KEY_FLAG,        NOTHING,      STORE_ANSWERED, true },
	{ "UNDELETED",  IMAP_KEY_FLAG,        NOTHING,      STORE_DELETED, true },
	{ "UNDRAFT",    IMAP_KEY_FLAG,        NOTHING,      STORE_DRAFT, true },
	{ "UNFLAGGED",  IMAP_KEY_FLAG,        NOTHING,      STORE_FLAGGED_FLAG, true },
	{ "UNKEYWORD",  IMAP_KEY_KEYWORD,     ATOM,         0, true },
	{ "UNSEEN",     IMAP_KEY_FLAG,        NOTHING,      STORE_SEEN, true },
	{ "YOUNGER",    IMAP_KEY_YOUNGER,     SECONDS,      0, false },
};
/* clang-format on */

/* What is open around the key at hand. */
struct frame {
	enum { WHOLE, LIST, NOT, OR } kind;
	unsigned count; /* keys in it so far */
};

struct parser {
	struct imap_session *session;
	struct imap_args *args;
	struct imap_search *search;
	struct frame frame[IMAP_NESTING_MAX + 1];
	unsigned depth; /* of the innermost frame */
	enum imap_reply reply;
};

void
imap_search_free(struct imap_search *q)
{
	for (size_t i = 0; i < q->len; i++) {
		imap_set_free(&q->key[i].uids);
		buf_free(&q->key[i].needle);
	}
	mem_free(&q->key);
	mem_free(&q->stack);
	imap_set_free(&q->among);
	*q = (struct imap_search){ 0 };
}

static void
stop(struct parser *p, enum imap_reply why)
{
	if (p->reply == IMAP_REPLY_DONE)
		p->reply = why;
	scan_fail(&p->args->scan);
}

static struct imap_key *
add_key(struct parser *p, enum imap_key_kind kind)
{
	struct imap_search *q = p->search;
	struct imap_key *k;

	if (q->len >= IMAP_SEARCH_TERMS_MAX)
		stop(p, IMAP_REPLY_TOO_MANY);
	if (q->len == q->room) {
		q->room = q->room == 0 ? 8 : 2 * q->room;
		q->key = mem_resize(q->key, q->room, sizeof(q->key[0]));
	}
	k = &q->key[q->len++];
	*k = (struct imap_key){ .kind = kind };
	q->depths |= 1U << imap_key_depth(kind);
	return k;
}

static void
open_frame(struct parser *p, int kind)
{
	if (p->depth == IMAP_NESTING_MAX) {
		stop(p, IMAP_REPLY_TOO_MANY);
		return;
	}
	p->frame[++p->depth] = (struct frame){ .kind = kind };
}

/* ---- one key ---- */

static void
parse_needle(struct parser *p, struct imap_key *k)
{
	struct span s;

	imap_sp(p->args);
	s = imap_astring(p->args);
	k->needle = BUF_INIT(NEEDLE_MAX);
	if (!p->args->scan.bad)
		decode_fold(&k->needle, s);
	if (k->needle.bad)
		stop(p, IMAP_REPLY_TOO_MANY);
}

/* MODSEQ [SP entry-name SP entry-type] SP number: one modseq covers all of a
 * message. */
static void
parse_modseq(struct parser *p, struct imap_key *k)
{
	struct imap_args *a = p->args;

	imap_sp(a);
	if (scan_peek(&a->scan) == '"') {
		(void)imap_string(a);
		imap_sp(a);
		(void)imap_atom(a);
		imap_sp(a);
	}
	k->value = imap_modseq(a);
	p->search->by_modseq = true;
}

static void
parse_argument(struct parser *p, struct imap_key *k, enum argument argument)
{
	struct imap_args *a = p->args;

	switch (argument) {
	case NOTHING: break;
	case FIELD_STRING:
		imap_sp(a);
		k->field = imap_astring(a);
		parse_needle(p, k);
		break;
	case STRING: parse_needle(p, k); break;
	case DAY:
		imap_sp(a);
		if (!date_get_imap_day(imap_astring(a), &k->day))
			scan_fail(&a->scan);
		break;
	case SIZE:
		imap_sp(a);
		k->value = scan_number(&a->scan, INT64_MAX);
		break;
	case SECONDS:
		imap_sp(a);
		k->value = imap_number(a);
		if (k->value == 0)
			scan_fail(&a->scan);
		break;
	case ATOM:
		imap_sp(a);
		k->number =
		    imap_flags_keyword(p->session->account, imap_atom(a));
		break;
	case UID_SET:
		imap_sp(a);
		imap_numbers_parse_loosely(p->session, a, true, &k->uids);
		break;
	case MODSEQ: parse_modseq(p, k); break;
	}
}

/* True if a key is complete with it; not so for what opens a frame. */
static bool
parse_key(struct parser *p)
{
	struct imap_args *a = p->args;
	struct imap_key *k;
	struct span name;
	int c = scan_peek(&a->scan);

	if (scan_try(&a->scan, '(')) {
		open_frame(p, LIST);
		return false;
	}
	if (c == '*' || c == '$' || (c >= '0' && c <= '9')) {
		k = add_key(p, IMAP_KEY_UIDS);
		p->search->by_numbers |= c != '$';
		imap_numbers_parse_loosely(p->session, a, false, &k->uids);
		return true;
	}
	name = imap_atom(a);
	if (span_is_nocase(name, "NOT") || span_is_nocase(name, "OR")) {
		open_frame(p, name.len == 3 ? NOT : OR);
		imap_sp(a);
		return false;
	}
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (!span_is_nocase(name, keys[i].name))
			continue;
		k = add_key(p, keys[i].kind);
		k->number = keys[i].number;
		k->negated = keys[i].negated;
		parse_argument(p, k, keys[i].argument);
		return true;
	}
	scan_fail(&a->scan);
	return false;
}

/* ---- all keys ---- */

/* AND of `count` keys; of one it is that key. */
static void
close_list(struct parser *p, unsigned count)
{
	if (count > 1)
		add_key(p, IMAP_KEY_AND)->count = count;
}

/*
 * A key is complete: so may be what it stands in.  Afterwards the next key
 * follows, or all is read.
 */
static bool
complete(struct parser *p)
{
	struct scan *s = &p->args->scan;

	for (;;) {
		struct frame *f = &p->frame[p->depth];

		f->count++;
		switch (f->kind) {
		case WHOLE:
			if (scan_try(s, ' ') && scan_more(s))
				return true;
			close_list(p, f->count);
			return false;
		case LIST:
			if (scan_try(s, ' '))
				return true;
			scan_need(s, ')');
			close_list(p, f->count);
			break;
		case NOT: add_key(p, IMAP_KEY_NOT); break;
		case OR:
			if (f->count == 1) {
				imap_sp(p->args);
				return true;
			}
			add_key(p, IMAP_KEY_OR);
			break;
		}
		if (s->bad)
			return false;
		p->depth--;
	}
}

enum imap_reply
imap_search_parse(
    struct imap_session *s, struct imap_args *a, struct imap_search *q)
{
	struct parser p = { .session = s, .args = a, .search = q };
	uint32_t last = store_view_uid(s->view, store_view_count(s->view));

	q->now = clock_wall();
	if (last != 0)
		imap_set_add(&q->among, 1, last);
	do {
		bool outermost = p.depth == 0;

		if (!parse_key(&p))
			continue;
		if (outermost && !a->scan.bad &&
		    q->key[q->len - 1].kind == IMAP_KEY_UIDS)
			imap_set_and(&q->among, &q->key[q->len - 1].uids);
		if (!complete(&p))
			break;
	} while (!a->scan.bad);
	if (!imap_end(a))
		return p.reply != IMAP_REPLY_DONE ? p.reply : IMAP_REPLY_SYNTAX;
	q->stack = mem_array(q->len, 1);
	return IMAP_REPLY_DONE;
}
