/* Rows of the store, the directory and the queue: what is accepted can be
 * written, and read again. */
#include "mailstore/directory_int.h"
#include "mailstore/spool_int.h"
#include "mailstore/store_key.h"
#include "tests/fuzz/fuzz.h"

/* What was read and written again is read and written the same. */
#define ROUND(kind, LEN)                                                 \
	do {                                                             \
		unsigned char once[LEN], twice[LEN];                     \
		struct kind##_row first, second;                         \
                                                                         \
		if (!kind##_get(row, &first))                            \
			break;                                           \
		kind##_put(once, &first);                                \
		assert(kind##_get(                                       \
		    (struct span){ (const char *)once, LEN }, &second)); \
		kind##_put(twice, &second);                              \
		assert(memcmp(once, twice, LEN) == 0);                   \
	} while (0)

static void
read_rows(struct span row)
{
	ROUND(account, ACCOUNT_ROW_LEN);
	ROUND(message, MESSAGE_HEAD_LEN);
	ROUND(box, BOX_ROW_LEN);
	ROUND(page, PAGE_ROW_LEN);
}

/* Rows of an index have no check of their own (their block has): any is read.
 */
static void
read_index(struct span row)
{
	char once[INDEX_ROW_LEN], twice[INDEX_ROW_LEN];
	struct index_row r;

	if (row.len < INDEX_ROW_LEN)
		return;
	index_get(row.ptr, &r);
	index_put(once, &r);
	index_get(once, &r);
	index_put(twice, &r);
	assert(memcmp(once, twice, INDEX_ROW_LEN) == 0);
	(void)index_block_is_good(row, block_of(r.uid));
}

static void
read_directory(struct span row)
{
	struct directory_account account;
	struct directory_name name;
	struct span target;
	size_t n = 0;

	(void)!directory_read_account(row, &account);
	if (!directory_read_name(row, &name))
		return;
	while (directory_next_target(&name, &target))
		n++;
	assert(n <= row.len);
}

/* The queue's. */
static void
read_spool(struct span row)
{
	struct spool_recipient r = { 0 };
	struct spool_head h;

	if (spool_read_head(row, &h))
		assert(h.trace.len + h.reverse_path.len <= row.len);
	(void)!spool_read_recipient(row, &r);
	spool_recipient_release(&r);
}

static void
read_key(struct span key)
{
	enum box_kind kind;
	uint64_t number, message;
	uint32_t place;
	int64_t time;

	(void)key_is_box(key, 1, &kind, &place);
	(void)key_is_own(key, OWN_NAME, &number);
	(void)key_is_timed(key, OWN_DEAD, &time, &message);
	(void)key_is_timed(key, OWN_DELIVERED, &time, &message);
	(void)key_is_log(key, &number);
}

/* The first byte says which. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span row = { (const char *)data, size };

	switch (fuzz_take_byte(&row) % 5) {
	case 0: read_rows(row); break;
	case 3: read_index(row); break;
	case 4: read_spool(row); break;
	case 1: read_directory(row); break;
	default: read_key(row); break;
	}
	return 0;
}
