/*
 * Copies, moves and expunges.  A copy is a row that names the same message.
 */
#include "mailstore/store_int.h"

static enum herr
copy_row(struct store_txn *t, uint32_t mailbox, uint32_t uid, uint32_t to,
    bool ask_quota, uint32_t *newuid)
{
	struct index_row row;
	struct box *b;
	enum herr err = H_OK;

	if (!txn_may_write(t))
		return store_error(t);
	if (mailbox == 0 || !row_get(t, mailbox, uid, &row) ||
	    (b = txn_box(t, to)) == NULL)
		return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
	if (ask_quota)
		err = row_quota(t, row.size);
	if (err == H_OK)
		err = row_add(t, b, &row);
	if (err == H_OK) {
		message_hold(t, row.message);
		*newuid = row.uid;
	}
	return err == H_OK ? store_error(t) : err;
}

enum herr
store_copy(struct store_txn *t, uint32_t mailbox, uint32_t uid, uint32_t to,
    uint32_t *newuid)
{
	return copy_row(t, mailbox, uid, to, true, newuid);
}

enum herr
store_move(struct store_txn *t, uint32_t mailbox, uint32_t uid, uint32_t to,
    uint32_t *newuid)
{
	enum herr err = copy_row(t, mailbox, uid, to, false, newuid);

	return err == H_OK ? store_expunge(t, mailbox, uid) : err;
}

enum herr
store_expunge(struct store_txn *t, uint32_t mailbox, uint32_t uid)
{
	struct index_row row;
	struct box *b;

	if (!txn_may_write(t))
		return store_error(t);
	if ((b = txn_box(t, mailbox)) == NULL ||
	    !row_get(t, mailbox, uid, &row))
		return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
	row_remove(t, b, &row);
	return store_error(t);
}
