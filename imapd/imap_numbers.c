/*
 * The messages that a command names.  Numbers and UIDs ascend together, so a
 * range of one is a range of the other: what came since lies behind the view's
 * last UID, what went is found missing when its row is looked for.
 */
#include "imapd/imap_numbers.h"

/* Leaves in the set what is at most `last`. */
static void
cut(struct imap_set *set, uint32_t last)
{
	struct imap_set known = { 0 };

	if (last != 0)
		imap_set_add(&known, 1, last);
	imap_set_and(set, &known);
	imap_set_free(&known);
}

static void
to_uids(const struct imap_session *s, const struct imap_set *seqs,
    struct imap_set *uids)
{
	for (size_t i = 0; i < seqs->len; i++)
		imap_set_add(uids,
		    store_view_uid(s->view, seqs->range[i].first),
		    store_view_uid(s->view, seqs->range[i].last));
}

/* "$": what was saved, as far as it is there (RFC 5182, 2.1). */
static bool
parse_saved(struct imap_session *s, struct imap_args *a, struct imap_set *uids)
{
	uint32_t last = store_view_uid(s->view, store_view_count(s->view));

	if (!scan_try(&a->scan, '$'))
		return false;
	for (size_t i = 0; i < s->saved.len; i++)
		imap_set_add(
		    uids, s->saved.range[i].first, s->saved.range[i].last);
	cut(uids, last);
	return true;
}

enum imap_reply
imap_numbers_parse(struct imap_session *s, struct imap_args *a, bool by_uid,
    struct imap_set *uids)
{
	uint32_t count = store_view_count(s->view);
	struct imap_set seqs = { 0 };
	enum imap_reply reply = IMAP_REPLY_DONE;

	if (by_uid) {
		imap_numbers_parse_loosely(s, a, true, uids);
		return IMAP_REPLY_DONE;
	}
	if (parse_saved(s, a, uids))
		return IMAP_REPLY_DONE;
	imap_set_parse(&a->scan, count, UINT32_MAX, &seqs);
	/* RFC 9051, 9 (seq-number): where nothing is, "*" is no number. */
	if (count == 0 || imap_set_last(&seqs) > count)
		reply = IMAP_REPLY_NUMBER;
	else
		to_uids(s, &seqs, uids);
	imap_set_free(&seqs);
	return reply;
}

void
imap_numbers_parse_loosely(struct imap_session *s, struct imap_args *a,
    bool by_uid, struct imap_set *uids)
{
	uint32_t count = store_view_count(s->view);
	uint32_t last = store_view_uid(s->view, count);
	struct imap_set seqs = { 0 };

	if (parse_saved(s, a, uids))
		return;
	if (by_uid) {
		imap_set_parse(&a->scan, last, UINT32_MAX, uids);
		cut(uids, last);
		return;
	}
	imap_set_parse(&a->scan, count, UINT32_MAX, &seqs);
	cut(&seqs, count);
	to_uids(s, &seqs, uids);
	imap_set_free(&seqs);
}

uint32_t
imap_numbers_count(const struct imap_session *s, const struct imap_set *uids)
{
	uint32_t n = 0;

	for (size_t i = 0; i < uids->len; i++)
		n += store_view_rank(s->view, uids->range[i].last) -
		     store_view_rank(s->view, uids->range[i].first - 1);
	return n;
}

void
imap_numbers_of(const struct imap_session *s, const struct imap_set *uids,
    struct imap_set *seqs)
{
	for (size_t i = 0; i < uids->len; i++) {
		uint32_t first =
		    store_view_rank(s->view, uids->range[i].first - 1) + 1;
		uint32_t last = store_view_rank(s->view, uids->range[i].last);

		if (first <= last)
			imap_set_add(seqs, first, last);
	}
}

void
imap_numbers_put(struct buf *out, const struct imap_session *s,
    const struct imap_set *uids, bool by_uid)
{
	struct imap_set seqs = { 0 };

	if (by_uid) {
		imap_set_put(out, uids);
		return;
	}
	imap_numbers_of(s, uids, &seqs);
	imap_set_put(out, &seqs);
	imap_set_free(&seqs);
}
