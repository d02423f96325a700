/* The keys of SEARCH, answered. */
#include "imapd/imap_search.h"

#include "imapd/imap_recent.h"

enum { DAY_S = 86400 };

enum imap_depth
imap_key_depth(enum imap_key_kind kind)
{
	switch (kind) {
	case IMAP_KEY_AND:
	case IMAP_KEY_OR:
	case IMAP_KEY_NOT:
	case IMAP_KEY_ALL:
	case IMAP_KEY_FLAG:
	case IMAP_KEY_KEYWORD:
	case IMAP_KEY_RECENT:
	case IMAP_KEY_NEW:
	case IMAP_KEY_UIDS:
	case IMAP_KEY_BEFORE:
	case IMAP_KEY_ON:
	case IMAP_KEY_SINCE:
	case IMAP_KEY_LARGER:
	case IMAP_KEY_SMALLER:
	case IMAP_KEY_OLDER:
	case IMAP_KEY_YOUNGER:
	case IMAP_KEY_MODSEQ: return IMAP_BY_ROW;
	case IMAP_KEY_SENT_BEFORE:
	case IMAP_KEY_SENT_ON:
	case IMAP_KEY_SENT_SINCE:
	case IMAP_KEY_SUBJECT:
	case IMAP_KEY_ADDRESS: return IMAP_BY_RECORD;
	case IMAP_KEY_HEADER: return IMAP_BY_HEADER;
	case IMAP_KEY_BODY:
	case IMAP_KEY_TEXT: return IMAP_BY_TEXT;
	}
	return IMAP_BY_ROW;
}

static bool
is_operator(enum imap_key_kind kind)
{
	return kind == IMAP_KEY_AND || kind == IMAP_KEY_OR ||
	       kind == IMAP_KEY_NOT;
}

void
imap_search_reset(struct imap_search *q)
{
	for (size_t i = 0; i < q->len; i++)
		q->key[i].truth = IMAP_MAYBE;
}

int64_t
imap_day_of(int64_t seconds)
{
	return seconds >= 0 ? seconds / DAY_S
	                    : -((-seconds + DAY_S - 1) / DAY_S);
}

static bool
has_keyword(const struct store_flags *f, int number)
{
	if (number < 0 || number >= STORE_KEYWORDS_MAX)
		return false;
	return f->keyword[number / 64] >> (number % 64) & 1;
}

static bool
row_matches(struct imap_session *s, const struct imap_search *q,
    const struct imap_key *k, const struct store_row *row)
{
	int64_t age = q->now - row->internaldate;
	bool seen = row->flags.system & STORE_SEEN;

	switch (k->kind) {
	case IMAP_KEY_FLAG: return row->flags.system & k->number;
	case IMAP_KEY_KEYWORD: return has_keyword(&row->flags, k->number);
	case IMAP_KEY_RECENT: return imap_is_recent(s, row->uid);
	case IMAP_KEY_NEW: return imap_is_recent(s, row->uid) && !seen;
	case IMAP_KEY_UIDS: return imap_set_has(&k->uids, row->uid);
	case IMAP_KEY_BEFORE: return imap_day_of(row->internaldate) < k->day;
	case IMAP_KEY_ON: return imap_day_of(row->internaldate) == k->day;
	case IMAP_KEY_SINCE: return imap_day_of(row->internaldate) >= k->day;
	case IMAP_KEY_LARGER: return row->size > k->value;
	case IMAP_KEY_SMALLER: return row->size < k->value;
	case IMAP_KEY_OLDER: return age >= (int64_t)k->value;
	case IMAP_KEY_YOUNGER: return age <= (int64_t)k->value;
	case IMAP_KEY_MODSEQ: return row->modseq >= k->value;
	case IMAP_KEY_ALL:
	case IMAP_KEY_AND:
	case IMAP_KEY_OR:
	case IMAP_KEY_NOT:
	case IMAP_KEY_SENT_BEFORE:
	case IMAP_KEY_SENT_ON:
	case IMAP_KEY_SENT_SINCE:
	case IMAP_KEY_SUBJECT:
	case IMAP_KEY_ADDRESS:
	case IMAP_KEY_HEADER:
	case IMAP_KEY_BODY:
	case IMAP_KEY_TEXT: break;
	}
	return true;
}

void
imap_search_row(
    struct imap_session *s, struct imap_search *q, const struct store_row *row)
{
	for (size_t i = 0; i < q->len; i++) {
		struct imap_key *k = &q->key[i];

		if (is_operator(k->kind) ||
		    imap_key_depth(k->kind) != IMAP_BY_ROW)
			continue;
		k->truth = row_matches(s, q, k, row) != k->negated ? IMAP_YES
		                                                   : IMAP_NO;
	}
}

static enum imap_truth
all_of(const unsigned char *truth, unsigned n)
{
	enum imap_truth result = IMAP_YES;

	for (unsigned i = 0; i < n; i++) {
		if (truth[i] == IMAP_NO)
			return IMAP_NO;
		if (truth[i] == IMAP_MAYBE)
			result = IMAP_MAYBE;
	}
	return result;
}

static enum imap_truth not(enum imap_truth t) {
	return t == IMAP_MAYBE ? IMAP_MAYBE
	       : t == IMAP_YES ? IMAP_NO
	                       : IMAP_YES;
}

static enum imap_truth
either(enum imap_truth a, enum imap_truth b)
{
	if (a == IMAP_YES || b == IMAP_YES)
		return IMAP_YES;
	return a == IMAP_MAYBE || b == IMAP_MAYBE ? IMAP_MAYBE : IMAP_NO;
}

enum imap_truth
imap_search_truth(struct imap_search *q)
{
	unsigned char *stack = q->stack;
	size_t n = 0;

	if (q->len == 1)
		return q->key[0].truth;
	for (size_t i = 0; i < q->len; i++) {
		const struct imap_key *k = &q->key[i];

		if (k->kind == IMAP_KEY_AND) {
			n -= k->count;
			stack[n] = (unsigned char)all_of(stack + n, k->count);
		} else if (k->kind == IMAP_KEY_OR) {
			n -= 2;
			stack[n] =
			    (unsigned char)either(stack[n], stack[n + 1]);
		} else if (k->kind == IMAP_KEY_NOT) {
			n -= 1;
			stack[n] = (unsigned char)not(stack[n]);
		} else {
			stack[n] = (unsigned char)k->truth;
		}
		n++;
	}
	return (enum imap_truth)stack[0];
}
