/*
 * LIST and LSUB (RFC 3501, 6.3.8, 6.3.9; RFC 3348; RFC 6154).  LIST also takes
 * the forms of RFC 5258 that clients send unasked: selection by subscription or
 * special use, several patterns, RETURN.  Special use is always told, since
 * there are clients that look for it and do not ask.
 */
#include "common/mem.h"
#include "common/utf7.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_pattern.h"
#include "imapd/imap_turn.h"

enum {
	PATTERNS_MAX = 100,
	PATTERN_MAX = 2 * STORE_NAME_MAX,
};

struct list {
	bool lsub, extended;
	bool only_subscribed, only_special, tell_subscribed;
	bool only_root; /* an empty pattern asks for the delimiter */
	struct buf reference;
	struct buf patterns[PATTERNS_MAX]; /* with the reference in front */
	size_t npatterns;
	struct buf before; /* LSUB: the subscribed name before this one */
	struct store_mailbox_cursor at;
};

static void
release(void *state)
{
	struct list *l = state;

	buf_free(&l->reference);
	buf_free(&l->before);
	for (size_t i = 0; i < l->npatterns; i++)
		buf_free(&l->patterns[i]);
}

/* ---- arguments ---- */

static void
parse_option(struct imap_args *a, struct list *l, bool selection)
{
	struct span name = imap_atom(a);

	if (span_is_nocase(name, "SUBSCRIBED")) {
		l->tell_subscribed = true;
		l->only_subscribed |= selection;
	} else if (span_is_nocase(name, "SPECIAL-USE")) {
		l->only_special |= selection;
	} else if (selection ? !span_is_nocase(name, "REMOTE")
			     : !span_is_nocase(name, "CHILDREN")) {
		scan_fail(&a->scan);
	}
}

static void
parse_options(struct imap_args *a, struct list *l, bool selection)
{
	l->extended = true;
	scan_need(&a->scan, '(');
	while (scan_more(&a->scan) && !scan_try(&a->scan, ')')) {
		parse_option(a, l, selection);
		if (scan_peek(&a->scan) != ')')
			imap_sp(a);
	}
}

/* What is no modified UTF-7 matches nothing. */
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
	if (utf7_decode(pattern, wire))
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
	l->reference = BUF_INIT(STORE_NAME_MAX);
	l->before = BUF_INIT(STORE_NAME_MAX);
	imap_sp(a);
	if (!l->lsub && scan_peek(&a->scan) == '(') {
		parse_options(a, l, true);
		imap_sp(a);
	}
	if (!utf7_decode(&l->reference, imap_astring(a)))
		buf_clear(&l->reference);
	imap_sp(a);
	if (l->lsub)
		parse_pattern(a, l);
	else
		parse_patterns(a, l);
	if (!l->lsub && scan_try_word(&a->scan, " RETURN "))
		parse_options(a, l, false);
	return imap_end(a);
}

/* ---- answers ---- */

static const char *
role_attribute(enum store_role role)
{
	switch (role) {
	case STORE_NO_ROLE: return NULL;
	case STORE_DRAFTS: return "\\Drafts";
	case STORE_SENT: return "\\Sent";
	case STORE_JUNK: return "\\Junk";
	case STORE_TRASH: return "\\Trash";
	case STORE_ARCHIVE: return "\\Archive";
	case STORE_FLAGGED: return "\\Flagged";
	case STORE_ALL: return "\\All";
	}
	return NULL;
}

static void
put_line(struct imap_session *s, const struct list *l, struct span name,
    const struct store_mailbox *mb, bool only_parent)
{
	struct buf *out = conn_output(s->conn);
	const char *role = role_attribute(mb->role);

	buf_text(out, l->lsub ? "* LSUB (" : "* LIST (");
	if (only_parent || (!mb->exists && !l->lsub))
		buf_text(out, l->extended ? "\\NonExistent " : "\\Noselect ");
	if (l->tell_subscribed && mb->subscribed)
		buf_text(out, "\\Subscribed ");
	buf_text(out, mb->has_children ? "\\HasChildren" : "\\HasNoChildren");
	if (role != NULL) {
		buf_byte(out, ' ');
		buf_text(out, role);
	}
	buf_text(out, ") \"/\" ");
	imap_put_mailbox(out, name);
	buf_text(out, "\r\n");
}

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
	if (l->lsub || l->only_subscribed)
		return mb->subscribed &&
		       (!l->only_special || mb->role != STORE_NO_ROLE);
	if (l->only_special)
		return mb->role != STORE_NO_ROLE;
	return mb->exists || mb->has_children;
}

/* Whether `name` lies below `parent`. */
static bool
is_below(struct span name, struct span parent)
{
	return name.len > parent.len && name.ptr[parent.len] == '/' &&
	       memcmp(name.ptr, parent.ptr, parent.len) == 0;
}

/*
 * RFC 3501, 6.3.9: where "%" hides a subscribed mailbox, a parent of it that
 * matches is told with \Noselect.  Names come sorted, so a parent was told
 * already if the subscribed name before this one lies below it as well.
 */
static void
tell_parents(struct imap_session *s, struct list *l, struct span name)
{
	for (size_t i = 1; i < name.len; i++) {
		struct span parent = { name.ptr, i };
		struct store_mailbox mb = { .has_children = true };

		if (name.ptr[i] != '/' || !matches(l, parent) ||
		    is_below(buf_span(&l->before), parent))
			continue;
		if (store_find_mailbox(imap_read(s->account), parent, &mb) ==
			H_OK &&
		    mb.subscribed)
			continue;
		mb.has_children = true;
		put_line(s, l, parent, &mb, true);
	}
}

static enum imap_step
list(struct imap_session *s, struct imap_request *r)
{
	struct list *l = r->state;
	struct store_txn *txn = imap_read(s->account);
	struct buf *copy = &s->account->scratch;
	struct store_mailbox mb;

	while (store_next_mailbox(txn, &l->at, &mb)) {
		if (wanted(l, &mb)) {
			buf_clear(copy);
			buf_add(copy, mb.name);
			if (matches(l, buf_span(copy)))
				put_line(s, l, buf_span(copy), &mb, false);
			if (l->lsub) {
				tell_parents(s, l, buf_span(copy));
				buf_clear(&l->before);
				buf_add(&l->before, buf_span(copy));
			}
		}
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	return imap_done(r, imap_reply_for(store_error(txn)));
}

static enum imap_step
begin(struct imap_session *s, struct imap_request *r, bool lsub)
{
	struct imap_args a = imap_request_args(r);
	struct list *l = mem_alloc(sizeof(*l));

	l->lsub = lsub;
	r->state = l;
	r->release = release;
	if (!parse(&a, l))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	if (l->only_root && !l->extended) {
		conn_text(s->conn, lsub ? "* LSUB (\\Noselect) \"/\" \"\"\r\n"
					: "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return imap_done(r, IMAP_REPLY_DONE);
	}
	r->run = list;
	return list(s, r);
}

enum imap_step
imap_cmd_list(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, false);
}

enum imap_step
imap_cmd_lsub(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, true);
}
