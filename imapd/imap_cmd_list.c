/*
 * LIST, LSUB and XLIST (RFC 9051, 6.3.9; RFC 3501, 6.3.9; RFC 5258, 5819,
 * 6154). Special use is always told, since there are clients that look for it
 * and do not ask; XLIST is what the first of them said.
 */
#include "common/mem.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_name.h"
#include "imapd/imap_pattern.h"
#include "imapd/imap_status.h"
#include "imapd/imap_turn.h"

enum {
	PATTERNS_MAX = 100,
	PATTERN_MAX = 2 * STORE_NAME_MAX,
};

struct list {
	struct imap_list_line line; /* what is the same in all */
	bool extended;
	bool only_subscribed, only_special, recursive;
	bool only_root; /* an empty pattern asks for the delimiter */
	struct imap_status status;
	struct buf reference;
	struct buf patterns[PATTERNS_MAX]; /* with the reference in front */
	size_t npatterns;
	struct buf told; /* the last name that was told, */
	uint64_t
	    told_levels; /* and which levels of it were: bit 0 is the first */
	struct store_mailbox_cursor at;
};

static void
release(void *state)
{
	struct list *l = state;

	buf_free(&l->reference);
	buf_free(&l->told);
	for (size_t i = 0; i < l->npatterns; i++)
		buf_free(&l->patterns[i]);
}

/* ---- arguments ---- */

static void
parse_selection(struct imap_args *a, struct list *l)
{
	struct span name = imap_atom(a);

	if (span_is_nocase(name, "SUBSCRIBED"))
		l->only_subscribed = l->line.subscribed = true;
	else if (span_is_nocase(name, "SPECIAL-USE"))
		l->only_special = true;
	else if (span_is_nocase(name, "RECURSIVEMATCH"))
		l->recursive = true;
	else if (!span_is_nocase(name, "REMOTE")) /* there are none */
		scan_fail(&a->scan);
}

static void
parse_return(struct imap_args *a, struct list *l)
{
	struct span name = imap_atom(a);

	if (span_is_nocase(name, "SUBSCRIBED")) {
		l->line.subscribed = true;
	} else if (span_is_nocase(name, "STATUS")) {
		imap_sp(a);
		imap_status_parse(a, &l->status);
	} else if (!span_is_nocase(name, "CHILDREN") &&
		   !span_is_nocase(name, "SPECIAL-USE")) {
		scan_fail(&a->scan);
	}
}

static void
parse_options(struct imap_args *a, struct list *l,
    void (*option)(struct imap_args *, struct list *))
{
	l->extended = true;
	scan_need(&a->scan, '(');
	while (scan_more(&a->scan) && !scan_try(&a->scan, ')')) {
		option(a, l);
		if (scan_peek(&a->scan) != ')')
			imap_sp(a);
	}
}

/* What no mailbox can be called matches nothing. */
static void
parse_pattern(struct imap_args *a, struct list *l)
{
	struct span wire = imap_list_mailbox(a);
	struct buf *pattern = &l->patterns[l->npatterns];

	if (a->scan.bad)
		return;
	if (wire.len == 0) {
		l->only_root = true;
		return;
	}
	*pattern = BUF_INIT(PATTERN_MAX);
	buf_add(pattern, buf_span(&l->reference));
	if (!l->reference.bad && imap_name_decode(pattern, wire, a->utf8))
		l->npatterns++;
	else
		buf_free(pattern);
}

static void
parse_patterns(struct imap_args *a, struct list *l)
{
	if (!scan_try(&a->scan, '(')) {
		parse_pattern(a, l);
		return;
	}
	l->extended = true;
	do {
		if (l->npatterns == PATTERNS_MAX)
			scan_fail(&a->scan);
		else
			parse_pattern(a, l);
	} while (scan_try(&a->scan, ' '));
	scan_need(&a->scan, ')');
}

static bool
parse(struct imap_args *a, struct list *l)
{
	bool lsub = l->line.kind == IMAP_LSUB;

	l->reference = BUF_INIT(STORE_NAME_MAX);
	l->told = BUF_INIT(STORE_NAME_MAX);
	imap_sp(a);
	if (!lsub && scan_peek(&a->scan) == '(') {
		parse_options(a, l, parse_selection);
		imap_sp(a);
	}
	l->reference.bad =
	    !imap_name_decode(&l->reference, imap_astring(a), a->utf8);
	imap_sp(a);
	if (lsub)
		parse_pattern(a, l);
	else
		parse_patterns(a, l);
	if (!lsub && scan_try_word(&a->scan, " RETURN "))
		parse_options(a, l, parse_return);
	/* RFC 5258, 3.1: it modifies another. */
	if (l->recursive && !l->only_subscribed)
		scan_fail(&a->scan);
	return imap_end(a);
}

/* ---- which names ---- */

static bool
matches(const struct list *l, struct span name)
{
	for (size_t i = 0; i < l->npatterns; i++)
		if (imap_pattern_match(buf_span(&l->patterns[i]), name))
			return true;
	return false;
}

static bool
wanted(const struct list *l, const struct store_mailbox *mb)
{
	if (l->only_special && mb->role == STORE_NO_ROLE)
		return false;
	if (l->only_subscribed)
		return mb->subscribed;
	return mb->exists || mb->has_children;
}

/* Whether `name` lies below `parent`. */
static bool
is_below(struct span name, struct span parent)
{
	return name.len > parent.len && name.ptr[parent.len] == '/' &&
	       memcmp(name.ptr, parent.ptr, parent.len) == 0;
}

/* Whether a name below this one exists, or (`l`) is wanted. */
static bool
any_below(struct imap_session *s, const struct list *l, struct span parent)
{
	struct store_mailbox_cursor at = { .begun = true };
	struct store_txn *txn = imap_read(s->account);
	struct store_mailbox mb;

	if (parent.len > STORE_NAME_MAX)
		return false;
	memcpy(at.name, parent.ptr, parent.len);
	at.len = parent.len;
	while (store_next_mailbox(txn, &at, &mb) && is_below(mb.name, parent))
		if (l == NULL ? mb.exists : wanted(l, &mb))
			return true;
	return false;
}

/* ---- what was told ---- */

/* How many levels two names begin with in common. */
static unsigned
common_levels(struct span a, struct span b)
{
	unsigned n = 0;
	size_t i = 0;

	for (; i < a.len && i < b.len && a.ptr[i] == b.ptr[i]; i++)
		n += a.ptr[i] == '/';
	if ((i == a.len || a.ptr[i] == '/') && (i == b.len || b.ptr[i] == '/'))
		n++;
	return n;
}

static void
note_told(struct list *l, struct span name)
{
	unsigned same = common_levels(buf_span(&l->told), name);
	unsigned level = common_levels(name, name) - 1;

	l->told_levels &= (UINT64_C(1) << same) - 1;
	l->told_levels |= UINT64_C(1) << level;
	buf_clear(&l->told);
	buf_add(&l->told, name);
}

/* Names come sorted, so what lies above this one was told lately, if at all. */
static bool
was_told(const struct list *l, struct span name)
{
	unsigned levels = common_levels(name, name);

	return common_levels(buf_span(&l->told), name) == levels &&
	       (l->told_levels >> (levels - 1) & 1) != 0;
}

/* ---- answers ---- */

static void
put_line(struct imap_session *s, struct list *l, struct span name,
    const struct store_mailbox *mb, bool only_parent)
{
	struct imap_list_line line = l->line;

	note_told(l, name);
	line.name = name;
	line.only_parent = only_parent && line.kind == IMAP_LSUB;
	line.child_info =
	    l->recursive && (only_parent || any_below(s, l, name));
	imap_put_list(conn_output(s->conn), &line, mb);
	if (l->status.len > 0 && mb->exists && !only_parent)
		imap_status_put(s, &l->status, name, mb);
}

/*
 * Where the patterns do not show a name that is wanted, a parent of it that
 * they show is told for its sake: LSUB with "%" (RFC 3501, 6.3.9),
 * RECURSIVEMATCH (RFC 5258, 3.3).
 */
static void
tell_parents(struct imap_session *s, struct list *l, struct span name)
{
	for (size_t i = 1; i < name.len; i++) {
		struct span parent = { name.ptr, i };
		struct store_mailbox mb = { .exists = false };
		bool known;

		if (name.ptr[i] != '/' || !matches(l, parent) ||
		    was_told(l, parent))
			continue;
		known = store_find_mailbox(
			    imap_read(s->account), parent, &mb) == H_OK;
		if (!known)
			mb = (struct store_mailbox){ .exists = false };
		mb.has_children =
		    l->line.kind == IMAP_LSUB || any_below(s, NULL, parent);
		put_line(s, l, parent, &mb, true);
	}
}

static void
tell(struct imap_session *s, struct list *l, struct store_mailbox *mb)
{
	struct buf *copy = &s->account->scratch;

	buf_clear(copy);
	buf_add(copy, mb->name);
	mb->name = buf_span(copy);
	if (matches(l, mb->name))
		put_line(s, l, mb->name, mb, false);
	else if (l->line.kind == IMAP_LSUB || l->recursive)
		tell_parents(s, l, mb->name);
}

static enum imap_step
list(struct imap_session *s, struct imap_request *r)
{
	struct list *l = r->state;
	struct store_txn *txn = imap_read(s->account);
	struct store_mailbox mb;

	while (store_next_mailbox(txn, &l->at, &mb)) {
		if (wanted(l, &mb))
			tell(s, l, &mb);
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	return imap_done(r, imap_reply_for(store_error(txn)));
}

static void
put_root(struct imap_session *s, enum imap_list_kind kind)
{
	static const char *const root[] = {
		[IMAP_LIST] = "* LIST (\\Noselect) \"/\" \"\"\r\n",
		[IMAP_LSUB] = "* LSUB (\\Noselect) \"/\" \"\"\r\n",
		[IMAP_XLIST] = "* XLIST (\\Noselect) \"/\" \"\"\r\n",
	};

	conn_text(s->conn, root[kind]);
}

static enum imap_step
begin(struct imap_session *s, struct imap_request *r, enum imap_list_kind kind)
{
	struct imap_args a = imap_request_args(s, r);
	struct list *l = mem_alloc(sizeof(*l));

	r->state = l;
	r->release = release;
	l->line.kind = kind;
	l->line.utf8 = s->utf8 || s->rev2;
	l->only_subscribed = kind == IMAP_LSUB;
	if (!parse(&a, l))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	if (l->only_root && !l->extended) {
		put_root(s, kind);
		return imap_done(r, IMAP_REPLY_DONE);
	}
	l->line.extended = l->extended || s->rev2;
	imap_status_begin(s, &l->status);
	r->run = list;
	return list(s, r);
}

enum imap_step
imap_cmd_list(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, IMAP_LIST);
}

enum imap_step
imap_cmd_lsub(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, IMAP_LSUB);
}

enum imap_step
imap_cmd_xlist(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, IMAP_XLIST);
}
