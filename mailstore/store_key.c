#include "mailstore/store_key.h"

#include "common/wire.h"

/* Rows are written and read field by field, in one order that stands in both
 * directions below each other. */

struct out {
	unsigned char *at;
};

static void
out8(struct out *o, uint8_t v)
{
	*o->at++ = v;
}

static void
out16(struct out *o, uint16_t v)
{
	put_le16(o->at, v);
	o->at += 2;
}

static void
out32(struct out *o, uint32_t v)
{
	put_le32(o->at, v);
	o->at += 4;
}

static void
out64(struct out *o, uint64_t v)
{
	put_le64(o->at, v);
	o->at += 8;
}

static void
out_bytes(struct out *o, const uint8_t *bytes, size_t len)
{
	memcpy(o->at, bytes, len);
	o->at += len;
}

struct in {
	const char *at;
};

static uint8_t
in8(struct in *i)
{
	return (uint8_t)*i->at++;
}

static uint16_t
in16(struct in *i)
{
	i->at += 2;
	return le16(i->at - 2);
}

static uint32_t
in32(struct in *i)
{
	i->at += 4;
	return le32(i->at - 4);
}

static uint64_t
in64(struct in *i)
{
	i->at += 8;
	return le64(i->at - 8);
}

static void
in_bytes(struct in *i, uint8_t *bytes, size_t len)
{
	memcpy(bytes, i->at, len);
	i->at += len;
}

/* ---- account ---- */

struct key
key_account(void)
{
	/* Never the name of a tree: those have no NUL. */
	return (struct key){ .bytes = "account", .len = sizeof "account" };
}

void
account_put(unsigned char out[ACCOUNT_ROW_LEN], const struct account_row *a)
{
	struct out o = { out };

	out16(&o, a->schema);
	out16(&o, 0);
	out64(&o, a->account);
	out64(&o, (uint64_t)a->created);
	out64(&o, a->next_message);
	out64(&o, a->next_uidl);
	out64(&o, a->modseq);
	out64(&o, a->log_floor);
	out64(&o, a->log_bytes);
	out64(&o, a->names_modseq);
	out32(&o, a->next_mailbox);
	out32(&o, a->uidvalidity);
	out32(&o, a->mailboxes);
	out32(&o, a->keywords);
	out64(&o, a->quota);
	out64(&o, a->bytes);
	out64(&o, a->messages);
	assert(o.at == out + ACCOUNT_ROW_LEN);
}

bool
account_get(struct span row, struct account_row *a)
{
	struct in i = { row.ptr };

	*a = (struct account_row){ 0 };
	if (row.len < 2)
		return false;
	a->schema = in16(&i);
	if (a->schema != STORE_SCHEMA)
		return true;
	if (row.len != ACCOUNT_ROW_LEN)
		return false;
	in16(&i);
	a->account = in64(&i);
	a->created = (int64_t)in64(&i);
	a->next_message = in64(&i);
	a->next_uidl = in64(&i);
	a->modseq = in64(&i);
	a->log_floor = in64(&i);
	a->log_bytes = in64(&i);
	a->names_modseq = in64(&i);
	a->next_mailbox = in32(&i);
	a->uidvalidity = in32(&i);
	a->mailboxes = in32(&i);
	a->keywords = in32(&i);
	a->quota = in64(&i);
	a->bytes = in64(&i);
	a->messages = in64(&i);
	return true;
}

/* ---- messages ---- */

struct key
key_message(uint64_t message)
{
	struct key k = { .len = 8 };

	put_be64(k.bytes, message);
	return k;
}

void
message_put(unsigned char out[MESSAGE_HEAD_LEN], const struct message_row *m)
{
	struct out o = { out };

	out32(&o, m->has_delivery_id ? MESSAGE_HAS_DELIVERY_ID : 0);
	out64(&o, m->size);
	out64(&o, (uint64_t)m->delivered);
	out_bytes(&o, m->digest, BODY_DIGEST_LEN);
	out_bytes(&o, m->delivery_id, DELIVERY_ID);
	assert(o.at == out + MESSAGE_HEAD_LEN);
}

bool
message_get(struct span row, struct message_row *m)
{
	struct in i = { row.ptr };

	if (row.len < MESSAGE_HEAD_LEN)
		return false;
	m->has_delivery_id = in32(&i) & MESSAGE_HAS_DELIVERY_ID;
	m->size = in64(&i);
	m->delivered = (int64_t)in64(&i);
	in_bytes(&i, m->digest, BODY_DIGEST_LEN);
	in_bytes(&i, m->delivery_id, DELIVERY_ID);
	m->record = (struct span){ i.at, row.len - MESSAGE_HEAD_LEN };
	return m->size <= BODY_MAX;
}

/* ---- mailboxes ---- */

struct key
key_box(uint32_t mailbox, enum box_kind kind, uint32_t number)
{
	struct key k = { .len = 9 };
	uint32_t uid = kind == BOX_INDEX  ? number * BLOCK_UIDS
	               : kind == BOX_PAGE ? number * PAGE_UIDS + (PAGE_UIDS - 1)
	                                  : UINT32_MAX;

	put_be32(k.bytes, mailbox);
	put_be32(k.bytes + 4, uid);
	k.bytes[8] = (unsigned char)kind;
	return k;
}

bool
key_is_box(
    struct span key, uint32_t mailbox, enum box_kind *kind, uint32_t *number)
{
	uint32_t uid;

	if (key.len != 9 || be32(key.ptr) != mailbox)
		return false;
	uid = be32(key.ptr + 4);
	*kind = (enum box_kind)key.ptr[8];
	*number = *kind == BOX_INDEX  ? block_of(uid)
	          : *kind == BOX_PAGE ? page_of(uid)
	                              : 0;
	return *kind == BOX_INDEX || *kind == BOX_PAGE || *kind == BOX_STATE;
}

void
box_put(unsigned char out[BOX_ROW_LEN], const struct box_row *b)
{
	struct out o = { out };

	out32(&o, b->uidvalidity);
	out32(&o, b->uidnext);
	out32(&o, b->messages);
	out32(&o, b->unseen);
	out32(&o, b->deleted);
	out64(&o, b->highestmodseq);
	out64(&o, b->set_modseq);
	out64(&o, b->bytes);
	out64(&o, (uint64_t)b->created);
	assert(o.at == out + BOX_ROW_LEN);
}

bool
box_get(struct span row, struct box_row *b)
{
	struct in i = { row.ptr };

	if (row.len != BOX_ROW_LEN)
		return false;
	b->uidvalidity = in32(&i);
	b->uidnext = in32(&i);
	b->messages = in32(&i);
	b->unseen = in32(&i);
	b->deleted = in32(&i);
	b->highestmodseq = in64(&i);
	b->set_modseq = in64(&i);
	b->bytes = in64(&i);
	b->created = (int64_t)in64(&i);
	return true;
}

void
page_put(unsigned char out[PAGE_ROW_LEN], const struct page_row *p)
{
	struct out o = { out };

	out64(&o, p->modseq);
	for (unsigned s = 0; s < SETS; s++)
		out16(&o, p->count[s]);
	out16(&o, 0);
	for (unsigned s = 0; s < SETS; s++)
		for (unsigned w = 0; w < PAGE_WORDS; w++)
			out64(&o, p->bits[s][w]);
	assert(o.at == out + PAGE_ROW_LEN);
}

bool
page_get(struct span row, struct page_row *p)
{
	struct in i = { row.ptr };

	if (row.len != PAGE_ROW_LEN)
		return false;
	p->modseq = in64(&i);
	for (unsigned s = 0; s < SETS; s++)
		p->count[s] = in16(&i);
	in16(&i);
	for (unsigned s = 0; s < SETS; s++)
		for (unsigned w = 0; w < PAGE_WORDS; w++)
			p->bits[s][w] = in64(&i);
	return true;
}

bool
index_block_is_good(struct span block, uint32_t number)
{
	uint32_t last = 0;

	if (block.len == 0 || block.len % INDEX_ROW_LEN != 0 ||
	    block.len > BLOCK_LEN)
		return false;
	for (size_t at = 0; at < block.len; at += INDEX_ROW_LEN) {
		uint32_t uid = le32(block.ptr + at);

		if (uid <= last || block_of(uid) != number)
			return false;
		last = uid;
	}
	return true;
}

void
index_put(char out[INDEX_ROW_LEN], const struct index_row *r)
{
	struct out o = { (unsigned char *)out };

	out32(&o, r->uid);
	out32(&o, r->system);
	out64(&o, r->message);
	out64(&o, r->modseq);
	out64(&o, r->size);
	out64(&o, r->uidl);
	out64(&o, (uint64_t)r->internaldate);
	out64(&o, (uint64_t)r->saved);
	out64(&o, r->keyword[0]);
	out64(&o, r->keyword[1]);
	assert(o.at == (unsigned char *)out + INDEX_ROW_LEN);
}

void
index_get(const char in[INDEX_ROW_LEN], struct index_row *r)
{
	struct in i = { in };

	r->uid = in32(&i);
	r->system = (uint8_t)in32(&i);
	r->message = in64(&i);
	r->modseq = in64(&i);
	r->size = in64(&i);
	r->uidl = in64(&i);
	r->internaldate = (int64_t)in64(&i);
	r->saved = (int64_t)in64(&i);
	r->keyword[0] = in64(&i);
	r->keyword[1] = in64(&i);
}

/* ---- the account's own rows ---- */

struct key
key_own(enum own_kind kind, uint64_t number)
{
	struct key k = { .len = 13 };

	k.bytes[4] = (unsigned char)kind;
	put_be64(k.bytes + 5, number);
	return k;
}

struct key
key_own_end(enum own_kind kind)
{
	struct key k = { .len = 5 };

	k.bytes[4] = (unsigned char)(kind + 1);
	return k;
}

bool
key_is_own(struct span key, enum own_kind kind, uint64_t *number)
{
	if (key.len != 13 || be32(key.ptr) != 0 || key.ptr[4] != (char)kind)
		return false;
	*number = be64(key.ptr + 5);
	return true;
}

struct key
key_timed(enum own_kind kind, int64_t time, uint64_t message)
{
	struct key k = key_own(kind, (uint64_t)time);

	put_be64(k.bytes + k.len, message);
	k.len += 8;
	return k;
}

bool
key_is_timed(
    struct span key, enum own_kind kind, int64_t *time, uint64_t *message)
{
	if (key.len != 21 || be32(key.ptr) != 0 || key.ptr[4] != (char)kind)
		return false;
	*time = (int64_t)be64(key.ptr + 5);
	*message = be64(key.ptr + 13);
	return true;
}

/* ---- log ---- */

struct key
key_log(uint64_t modseq)
{
	return key_message(modseq);
}

bool
key_is_log(struct span key, uint64_t *modseq)
{
	if (key.len != 8)
		return false;
	*modseq = be64(key.ptr);
	return true;
}

void
log_run_put(unsigned char out[LOG_RUN_LEN], const struct log_run *r)
{
	struct out o = { out };

	out32(&o, r->mailbox);
	out8(&o, r->kind);
	out32(&o, r->first);
	out32(&o, r->last);
}

void
log_run_get(const char in[LOG_RUN_LEN], struct log_run *r)
{
	struct in i = { in };

	r->mailbox = in32(&i);
	r->kind = in8(&i);
	r->first = in32(&i);
	r->last = in32(&i);
}
