/*
 * What is gone since a modseq: by the change log, or, where that does not reach
 * back so far, by the UID set itself.  Whatever it lacks below UIDNEXT is gone.
 */
#include "mailstore/store_int.h"

static int
by_first(const void *a, const void *b)
{
	const struct log_run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* From the log: runs of this mailbox since then, sorted. */
static void
gone_by_log(
    struct store_txn *t, uint32_t mailbox, uint64_t since, struct run_list *l)
{
	struct store_change_cursor at = { .modseq = since };
	struct store_change change;

	while (store_next_change(t, &at, &change))
		if (change.mailbox == mailbox && change.kind == STORE_EXPUNGED)
			run_list_add(
			    l, &(struct log_run){ mailbox, STORE_EXPUNGED,
				   change.first, change.last });
	if (l->n > 1)
		qsort(l->runs, l->n, sizeof *l->runs, by_first);
}

/* From the set: all that it lacks. */
static void
gone_by_set(struct store_txn *t, uint32_t mailbox, struct run_list *l)
{
	struct log_run run = { mailbox, STORE_EXPUNGED, 1, 0 };
	struct store_view *view = store_view_get(t, mailbox);
	uint32_t uid = 0, end;

	if (view == NULL)
		return;
	end = store_view_uidnext(view);
	while ((uid = store_view_next(view, uid + 1)) != 0) {
		run.last = uid - 1;
		if (run.first <= run.last)
			run_list_add(l, &run);
		run.first = uid + 1;
		if (uid == UINT32_MAX)
			break;
	}
	run.last = end - 1;
	if (run.first <= run.last)
		run_list_add(l, &run);
	store_view_unref(&view);
}

/* The first run that ends at or behind `uid`.  (A UID goes once, so runs are
 * apart.) */
static size_t
run_reaching(const struct run_list *l, uint32_t uid)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->runs[middle].last >= uid)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool
store_next_vanished(struct store_txn *t, uint32_t mailbox, uint64_t since,
    struct store_vanished_cursor *at, uint32_t *first, uint32_t *last)
{
	struct run_list *l = &t->vanished.list;
	bool found = false;

	if (!t->vanished.good || t->vanished.mailbox != mailbox ||
	    t->vanished.since != since || t->write) {
		l->n = 0;
		if (store_log_covers(t, since))
			gone_by_log(t, mailbox, since, l);
		else
			gone_by_set(t, mailbox, l);
		t->vanished.good = true;
		t->vanished.mailbox = mailbox;
		t->vanished.since = since;
	}
	for (size_t i = run_reaching(l, at->from); i < l->n; i++) {
		const struct log_run *r = &l->runs[i];

		if (!found) {
			found = true;
			*first = r->first < at->from ? at->from : r->first;
		} else if (r->first != *last + 1) /* runs that touch are one */
			break;
		*last = r->last;
	}
	if (found)
		at->from = *last + 1;
	return found;
}
