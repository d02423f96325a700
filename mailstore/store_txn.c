/*
 * What a transaction keeps while it runs: the rows that it reads and changes
 * many times, as working copies.
 */
#include "common/mem.h"
#include "mailstore/store_int.h"

enum herr
store_error(const struct store_txn *t)
{
	return db_error(t->db);
}

uint64_t
store_modseq(const struct store_txn *t)
{
	return t->account.modseq + t->write;
}

bool
txn_may_write(struct store_txn *t)
{
	assert(t->write);
	return db_error(t->db) == H_OK;
}

void
txn_corrupt(
    struct store_txn *t, enum store_tree tree, struct key key, const char *why)
{
	if (db_error(t->db) == H_OK)
		db_corrupt(t->db, tree, key_span(&key), why);
}

void
txn_put(struct store_txn *t, struct key key, struct span value)
{
	t->changed = true;
	db_put(t->db, TREE_MAILBOX, key_span(&key), value);
}

bool
txn_get(struct store_txn *t, struct key key, struct span *value)
{
	return db_get(t->db, TREE_MAILBOX, key_span(&key), value);
}

bool
txn_delete(struct store_txn *t, struct key key)
{
	t->changed = true;
	return db_delete(t->db, TREE_MAILBOX, key_span(&key));
}

/* ---- working copies ---- */

static void
box_write_back(struct store_txn *t, struct box *b)
{
	unsigned char row[BOX_ROW_LEN];

	if (!b->changed)
		return;
	b->changed = false;
	box_put(row, &b->row);
	txn_put(t, key_box(b->id, BOX_STATE, 0),
	    (struct span){ (char *)row, sizeof row });
}

static void
page_write_back(struct store_txn *t, struct page *p)
{
	unsigned char row[PAGE_ROW_LEN];
	struct key key = key_box(p->mailbox, BOX_PAGE, p->number);

	if (!p->changed)
		return;
	p->changed = false;
	if (p->row.count[SET_EXISTS] == 0) {
		txn_delete(t, key);
		return;
	}
	page_put(row, &p->row);
	txn_put(t, key, (struct span){ (char *)row, sizeof row });
}

static void
block_write_back(struct store_txn *t, struct block *b)
{
	struct key key = key_box(b->mailbox, BOX_INDEX, b->number);

	if (!b->changed)
		return;
	b->changed = false;
	if (b->n == 0)
		txn_delete(t, key);
	else
		txn_put(t, key, (struct span){ b->own, b->n * INDEX_ROW_LEN });
}

void
txn_write_back(struct store_txn *t)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		block_write_back(t, &t->blocks[i]);
		box_write_back(t, &t->boxes[i]);
		page_write_back(t, &t->pages[i]);
	}
}

struct box *
txn_new_box(struct store_txn *t, uint32_t mailbox)
{
	struct box *b = &t->boxes[t->box_turn++ % SLOTS];

	box_write_back(t, b);
	*b = (struct box){ .id = mailbox };
	return b;
}

struct box *
txn_box(struct store_txn *t, uint32_t mailbox)
{
	struct key key = key_box(mailbox, BOX_STATE, 0);
	struct span row;
	struct box_row got;
	struct box *b;

	if (db_error(t->db) != H_OK || mailbox == 0)
		return NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (t->boxes[i].id == mailbox)
			return &t->boxes[i];
	if (!txn_get(t, key, &row))
		return NULL;
	if (!box_get(row, &got)) {
		txn_corrupt(t, TREE_MAILBOX, key, "state of a mailbox");
		return NULL;
	}
	b = txn_new_box(t, mailbox);
	b->row = got;
	return b;
}

struct page *
txn_page(struct store_txn *t, uint32_t mailbox, uint32_t number)
{
	struct key key = key_box(mailbox, BOX_PAGE, number);
	struct page *p;
	struct span row;

	if (db_error(t->db) != H_OK)
		return NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (t->pages[i].mailbox == mailbox &&
		    t->pages[i].number == number)
			return &t->pages[i];
	p = &t->pages[t->page_turn++ % SLOTS];
	page_write_back(t, p);
	*p = (struct page){ 0 };
	if (txn_get(t, key, &row) && !page_get(row, &p->row))
		txn_corrupt(t, TREE_MAILBOX, key, "page of a UID set");
	if (db_error(t->db) != H_OK)
		return NULL;
	p->mailbox = mailbox;
	p->number = number;
	return p;
}

struct block *
txn_block(struct store_txn *t, uint32_t mailbox, uint32_t number)
{
	struct key key = key_box(mailbox, BOX_INDEX, number);
	struct block *b;
	struct span value;

	if (db_error(t->db) != H_OK)
		return NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (t->blocks[i].mailbox == mailbox &&
		    t->blocks[i].number == number)
			return &t->blocks[i];
	b = &t->blocks[t->block_turn++ % SLOTS];
	block_write_back(t, b);
	b->mailbox = 0;
	b->n = 0;
	b->rows = b->own;
	if (txn_get(t, key, &value)) {
		if (!index_block_is_good(value, number)) {
			txn_corrupt(t, TREE_MAILBOX, key, "block of rows");
			return NULL;
		}
		b->n = value.len / INDEX_ROW_LEN;
		/* In a write it will be changed, and what is lent would move.
		 */
		if (t->write)
			memcpy(b->own, value.ptr, value.len);
		else
			b->rows = value.ptr;
	}
	if (db_error(t->db) != H_OK)
		return NULL;
	b->mailbox = mailbox;
	b->number = number;
	return b;
}

void
txn_forget_mailbox(struct store_txn *t, uint32_t mailbox)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (t->boxes[i].id == mailbox)
			t->boxes[i] = (struct box){ 0 };
		if (t->pages[i].mailbox == mailbox)
			t->pages[i] = (struct page){ 0 };
		if (t->blocks[i].mailbox == mailbox) {
			t->blocks[i].mailbox = 0;
			t->blocks[i].changed = false;
		}
	}
}
