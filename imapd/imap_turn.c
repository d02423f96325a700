/* A turn of the account role. */
#include "imapd/imap_turn.h"

#include "common/clock.h"

enum {
	SLICE_MS = 10,
	FLUSH_AT = 32 * 1024, /* bytes written into a connection's output before
	                         it is asked to send */
};

void
imap_ready(struct imap_session *s)
{
	struct imap_account *a = s->account;

	if (s->is_ready)
		return;
	s->is_ready = true;
	s->next_ready = NULL;
	*a->ready_end = s;
	a->ready_end = &s->next_ready;
	if (a->plan_turn != NULL)
		a->plan_turn(a);
}

struct imap_session *
imap_next_ready(struct imap_account *a)
{
	struct imap_session *s = a->ready;

	if (s == NULL)
		return NULL;
	a->ready = s->next_ready;
	if (a->ready == NULL)
		a->ready_end = &a->ready;
	s->is_ready = false;
	return s;
}

void
imap_want_write(struct imap_session *s)
{
	if (s->is_writer)
		return;
	s->is_writer = true;
	s->next_writer = s->account->writers;
	s->account->writers = s;
}

void
imap_forget_session(struct imap_session *s)
{
	struct imap_account *a = s->account;

	a->ready_end = &a->ready;
	while (*a->ready_end != NULL)
		if (*a->ready_end == s)
			*a->ready_end = s->next_ready;
		else
			a->ready_end = &(*a->ready_end)->next_ready;
	for (struct imap_session **w = &a->writers; *w != NULL;)
		if (*w == s)
			*w = s->next_writer;
		else
			w = &(*w)->next_writer;
	s->is_ready = s->is_writer = false;
}

void
imap_slice_begin(struct imap_account *a)
{
	a->slice_end = clock_mono_ms() + SLICE_MS;
}

bool
imap_slice_over(const struct imap_account *a)
{
	return clock_mono_ms() >= a->slice_end;
}

struct store_txn *
imap_read(struct imap_account *a)
{
	if (a->txn == NULL)
		a->txn = store_begin(a->store, STORE_READ);
	return a->txn;
}

void
imap_read_end(struct imap_account *a)
{
	if (a->txn != NULL)
		store_abort(&a->txn);
}

bool
imap_has_room(struct imap_session *s)
{
	if (conn_output(s->conn)->len >= FLUSH_AT)
		conn_flush(s->conn);
	return !conn_full(s->conn);
}
