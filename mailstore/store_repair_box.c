/*
 * Mailboxes from the rows that were found: names, states, index rows.  Sets,
 * counts and the number of copies follow from the index rows.
 */
#include "common/clock.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/store_repair.h"

enum { ROW_COST = 2 * INDEX_ROW_LEN };
#define FOUND_NAME SPAN("Recovered")

/* ---- keywords ---- */

/* Numbers stay: one whose name is lost gets another. */
void
repair_keywords(struct repair *r)
{
	uint32_t n = r->account.keywords;

	for (uint32_t i = 0; i < n; i++) {
		struct key key = key_own(OWN_KEYWORD, i);
		size_t at = salvage_seek(r->from, TREE_MAILBOX, key_span(&key));
		char stand_in[32];
		int got = -1;

		if (salvage_is_in(r->from, at, TREE_MAILBOX) &&
		    span_same(salvage_key(r->from, at), key_span(&key)) &&
		    salvage_value(r->from, at, &r->value))
			got = store_keyword(r->t, buf_span(&r->value), true);
		if (got == (int)i)
			continue;
		snprintf(stand_in, sizeof stand_in, "recovered-%u", i);
		repair_tell(r, "the name of keyword %u is lost", i);
		if (store_keyword(r->t, span_of(stand_in), true) != (int)i) {
			r->err = store_error(r->t) != H_OK ? store_error(r->t)
			                                   : H_CORRUPT;
			return;
		}
	}
}

/* ---- names and states ---- */

static bool
state_of(struct repair *r, uint32_t mailbox, struct box_row *row)
{
	struct key key = key_box(mailbox, BOX_STATE, 0);
	size_t at = salvage_seek(r->from, TREE_MAILBOX, key_span(&key));

	return salvage_is_in(r->from, at, TREE_MAILBOX) &&
	       span_same(salvage_key(r->from, at), key_span(&key)) &&
	       salvage_value(r->from, at, &r->value) &&
	       box_get(buf_span(&r->value), row);
}

/* Its numbers; what is counted is counted as rows come. */
static void
make_state(struct repair *r, uint32_t mailbox)
{
	struct box *b = txn_new_box(r->t, mailbox);
	struct box_row old;

	b->changed = r->t->changed = true;
	b->row = (struct box_row){
		.uidnext = 1,
		.highestmodseq = store_modseq(r->t),
		.set_modseq = store_modseq(r->t),
		.created = clock_wall(),
	};
	if (state_of(r, mailbox, &old) && old.uidvalidity > 0 &&
	    old.uidnext > 0) {
		b->row.uidvalidity = old.uidvalidity;
		b->row.uidnext = old.uidnext;
		b->row.created = old.created;
	} else {
		b->row.uidvalidity = ++r->t->account.uidvalidity;
		repair_tell(r,
		    "mailbox %u: its state is lost; it has a new UIDVALIDITY",
		    mailbox);
	}
	r->t->account.mailboxes++;
}

static void
add_name(struct repair *r, struct span clean, uint32_t id, bool exists,
    bool subscribed, enum store_role role)
{
	struct names *names = names_load(r->t);

	if (names == NULL)
		return;
	if (role != STORE_NO_ROLE && role_holder(names, role) != NULL)
		role = STORE_NO_ROLE;
	if (names_add(r->t, clean, id, exists, subscribed, role) == NULL) {
		r->err = H_LIMIT;
		return;
	}
	if (exists)
		make_state(r, id);
}

/* A name row, as it is found; a name that is there already makes way. */
static void
take_name(struct repair *r, uint64_t id, struct span row)
{
	char clean[STORE_NAME_MAX + 1], other[STORE_NAME_MAX + 1];
	struct span text = { row.ptr + NAME_HEAD_LEN, row.len - NAME_HEAD_LEN };
	struct names *names = names_load(r->t);
	size_t len;

	if (names == NULL || row.len <= NAME_HEAD_LEN || id == 0 ||
	    id >= UINT32_MAX || (uint8_t)row.ptr[1] > STORE_ALL ||
	    names_clean(text, clean, &len) != H_OK)
		return;
	if (names_find(names, (struct span){ clean, len }) != NULL) {
		len = (size_t)snprintf(other, sizeof other, "Recovered %llu",
		    (unsigned long long)id);
		memcpy(clean, other, len + 1);
	}
	add_name(r, (struct span){ clean, len }, (uint32_t)id,
	    row.ptr[0] & NAME_EXISTS, row.ptr[0] & NAME_SUBSCRIBED,
	    (enum store_role)row.ptr[1]);
}

static void
need_mailbox(struct repair *r, uint32_t id)
{
	struct names *names = names_load(r->t);
	struct name *n;
	char text[32];

	if (names == NULL || r->err != H_OK)
		return;
	n = names_by_id(names, id);
	if (n != NULL && n->exists)
		return;
	if (n != NULL)
		names_remove(r->t, n);
	snprintf(text, sizeof text, "Recovered %u", id);
	repair_tell(
	    r, "the name of mailbox %u is lost: it is \"%s\"", id, text);
	add_name(r, span_of(text), id, true, true, STORE_NO_ROLE);
}

void
repair_mailboxes(struct repair *r)
{
	struct key key = key_own(OWN_NAME, 0);
	size_t at = salvage_seek(r->from, TREE_MAILBOX, key_span(&key));
	struct names *names;
	uint64_t id;

	for (; salvage_is_in(r->from, at, TREE_MAILBOX) &&
	       key_is_own(salvage_key(r->from, at), OWN_NAME, &id) &&
	       r->err == H_OK;
	     at++)
		if (salvage_value(r->from, at, &r->value))
			take_name(r, id, buf_span(&r->value));
	for (size_t i = 0; i < r->nrows; i++)
		if (i == 0 || r->rows[i].mailbox != r->rows[i - 1].mailbox)
			need_mailbox(r, r->rows[i].mailbox);
	names = names_load(r->t);
	if (names != NULL && names_find(names, SPAN("INBOX")) == NULL) {
		repair_tell(r, "INBOX is lost: it is made anew");
		add_name(r, SPAN("INBOX"), r->t->account.next_mailbox++, true,
		    true, STORE_NO_ROLE);
	}
	if (r->err == H_OK)
		r->err = store_error(r->t);
}

/* ---- rows ---- */

static void
only_known_keywords(const struct account_row *a, uint64_t keyword[2])
{
	for (unsigned i = a->keywords; i < STORE_KEYWORDS_MAX; i++)
		keyword[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static void
put_row(struct repair *r, uint32_t mailbox, struct index_row *row,
    const struct repair_message *m)
{
	struct account_row *a = &r->t->account;
	struct box *b = txn_box(r->t, mailbox);

	if (b == NULL) {
		r->err =
		    store_error(r->t) != H_OK ? store_error(r->t) : H_CORRUPT;
		return;
	}
	row->size = m->size;
	row->system &= STORE_SYSTEM_FLAGS;
	only_known_keywords(a, row->keyword);
	if (row->uidl == 0)
		row->uidl = a->next_uidl++;
	if (row->uid >= b->row.uidnext)
		b->row.uidnext = row->uid + 1;
	row_enter(r->t, b, row);
	r->result->messages++;
	(void)repair_turn(r, ROW_COST);
}

void
repair_rows(struct repair *r)
{
	for (size_t i = 0; i < r->nrows && r->err == H_OK; i++) {
		struct repair_row *row = &r->rows[i];
		struct repair_message *m = repair_find(r, row->row.message);

		if (m != NULL && m->whole)
			put_row(r, row->mailbox, &row->row, m);
		else
			repair_tell(r,
			    "mailbox %u, UID %u: its message %llu is not whole",
			    row->mailbox, row->row.uid,
			    (unsigned long long)row->row.message);
	}
}

/* ---- what no mailbox has ---- */

static void
put_found(struct repair *r, uint32_t mailbox, struct repair_message *m)
{
	struct box *b = txn_box(r->t, mailbox);
	struct index_row row = {
		.message = m->id,
		.modseq = store_modseq(r->t),
		.internaldate = m->date,
		.saved = clock_wall(),
	};

	if (b != NULL)
		row.uid = b->row.uidnext;
	put_row(r, mailbox, &row, m);
	m->held++;
	r->result->found++;
}

void
repair_found(struct repair *r)
{
	uint32_t mailbox = 0;
	enum herr err = H_OK;

	for (size_t i = 0; i < r->nmessages && r->err == H_OK; i++) {
		struct repair_message *m = &r->messages[i];
		struct store_mailbox there;

		if (!m->whole || m->held > 0)
			continue;
		if (mailbox == 0 &&
		    store_find_mailbox(r->t, FOUND_NAME, &there) == H_OK)
			mailbox = there.id;
		if (mailbox == 0)
			err = store_create_mailbox(
			    r->t, FOUND_NAME, STORE_NO_ROLE, &mailbox);
		if (err == H_OK)
			put_found(r, mailbox, m);
		else
			r->err = err;
	}
	if (r->result->found > 0)
		repair_tell(r,
		    "%llu messages that no mailbox had are in \"Recovered\"",
		    (unsigned long long)r->result->found);
}
