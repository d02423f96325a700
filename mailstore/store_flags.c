/*
 * Flags and keywords.  A keyword is a number of the account, given once; rows
 * hold numbers, the names stand in rows of their own.
 */
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/store_int.h"

enum herr
store_set_flags(struct store_txn *t, uint32_t mailbox, uint32_t uid,
    const struct store_flags *flags)
{
	uint8_t system = flags->system & STORE_SYSTEM_FLAGS;
	struct index_row row;
	struct box *b;

	if (!txn_may_write(t))
		return store_error(t);
	if ((b = txn_box(t, mailbox)) == NULL ||
	    !row_get(t, mailbox, uid, &row))
		return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
	if (row.system == system && row.keyword[0] == flags->keyword[0] &&
	    row.keyword[1] == flags->keyword[1])
		return H_OK;
	pages_mark(t, b, uid, row.system, system);
	row.system = system;
	row.keyword[0] = flags->keyword[0];
	row.keyword[1] = flags->keyword[1];
	row.modseq = store_modseq(t);
	row_put(t, mailbox, &row);
	change_note(t, mailbox, STORE_FLAGS, uid);
	return store_error(t);
}

/* ---- keywords ---- */

void
keywords_forget(struct store *st)
{
	for (uint32_t i = 0; i < st->nkeywords; i++)
		mem_free(&st->keywords[i]);
	st->nkeywords = 0;
}

static bool
keyword_is_good(struct span name)
{
	if (name.len == 0 || name.len > STORE_KEYWORD_LEN_MAX)
		return false;
	for (size_t i = 0; i < name.len;
	     i++) /* visible: what an atom of IMAP may be is IMAP's to say */
		if (name.ptr[i] <= 0x20 || name.ptr[i] >= 0x7F)
			return false;
	return true;
}

/* Numbers are given in order and never taken back: what is remembered need only
 * be added to. */
static bool
keywords_load(struct store_txn *t)
{
	struct store *st = t->store;

	if (t->account.keywords > STORE_KEYWORDS_MAX)
		txn_corrupt(t, TREE_MAIN, key_account(), "number of keywords");
	while (store_error(t) == H_OK && st->nkeywords < t->account.keywords) {
		struct key key = key_own(OWN_KEYWORD, st->nkeywords);
		struct span row;

		if (!txn_get(t, key, &row) || !keyword_is_good(row)) {
			txn_corrupt(t, TREE_MAILBOX, key, "keyword");
			break;
		}
		st->keywords[st->nkeywords++] = mem_string(row);
	}
	return store_error(t) == H_OK;
}

int
store_keyword(struct store_txn *t, struct span name, bool create)
{
	struct store *st = t->store;

	if (!keyword_is_good(name) || !keywords_load(t))
		return -1;
	for (uint32_t i = 0; i < st->nkeywords; i++)
		if (span_is_nocase(name, st->keywords[i]))
			return (int)i;
	if (!create || !txn_may_write(t) || st->nkeywords == STORE_KEYWORDS_MAX)
		return -1;
	txn_put(t, key_own(OWN_KEYWORD, st->nkeywords), name);
	t->caches_used = true;
	t->account.keywords++;
	st->keywords[st->nkeywords] = mem_string(name);
	return (int)st->nkeywords++;
}

struct span
store_keyword_name(struct store_txn *t, int number)
{
	if (!keywords_load(t) || number < 0 ||
	    (uint32_t)number >= t->store->nkeywords)
		return NO_SPAN;
	return span_of(t->store->keywords[number]);
}
