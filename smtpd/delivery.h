/*
 * A message on its way between processes of smtpd: what a receiver (mx,
 * submission) says to a deliver role or the queue, and the queue to a deliver
 * role.  One packet: the envelope as typed values, then the message, inline if
 * it is small, else as the content of a descriptor (sealed memory, or a spool
 * file from the parent).
 *
 * IPC_DELIVER (to the deliver role of one account); id = the sender's number
 * for it, echoed in IPC_DELIVER_RESULT:
 *	16 bytes delivery id		idempotent: storing it twice stores once
 *	u8  flags			bit 0: look the delivery id up first
 *	bytes trace			log id, visible ASCII
 *	bytes mailbox			"" = INBOX
 *	u64 internaldate
 *	bytes prefix			complete header fields that go in front (Return-Path, Delivered-To)
 *	bytes record			of the message without the prefix; "" if in the descriptor
 *	u64 size			of the message without the prefix
 *	bytes message			"" if in the descriptor
 * With a descriptor its content is the message, then the record (to its end).
 * Read it with pread(2): its offset, and its content, are shared.
 *
 * IPC_ENQUEUE (to the queue); answer IPC_ENQUEUE_RESULT:
 *	16 bytes delivery id, u8 flags, bytes trace, u64 internaldate,
 *	bytes reverse-path ("" = <>), u16 count, for each recipient: u64 account (0: outside), bytes address
 *	   (as the sender gave it), bytes prefix (without Return-Path, which the queue adds where the delivery is final);
 *	bytes record, u64 size, bytes message: as above.
 * Recipients with account 0 are refused (H_DENIED) on a channel that the
 * parent did not open for a login.
 */
#ifndef SMTPD_DELIVERY_H
#define SMTPD_DELIVERY_H

#include "common/buf.h"

enum {
	DELIVERY_ID_LEN = 16,
	DELIVERY_INLINE_MAX = 48 * 1024, /* message and record together */
	DELIVERY_SIZE_MAX = 1025 * 1024 * 1024, /* the most that message_size_limit allows, and what receivers add; a descriptor may claim anything */
	DELIVERY_PLENTY = 1024 * 1024 * 1024, /* room for that much is not asked for again for a moment */
	DELIVERY_PREFIX_MAX = 4096,
	DELIVERY_RECIPIENTS_MAX = 1000,
	DELIVERY_LOOK_UP = 1, /* flag */
	DELIVERY_TRACE_LEN = 16,
};

/* u64 of time (ms, big endian) then 8 random bytes, so that ids sort by age. */
void delivery_new_id(uint8_t id[DELIVERY_ID_LEN]);
/* A new log id: 16 digits and small letters, which sort by age.  Tells nothing of the delivery id. */
void delivery_new_trace(char trace[DELIVERY_TRACE_LEN + 1]);

/*
 * The readers check the shape as well: lengths, a trace that may stand in a log
 * line, a prefix that is whole header fields, and a size that is that of the
 * message if the message is inline.
 */
struct delivery {
	uint8_t id[DELIVERY_ID_LEN];
	unsigned flags;
	struct span trace, mailbox, prefix, record, message;
	int64_t internaldate;
	uint64_t size;
};
void delivery_put(struct buf *, const struct delivery *);
bool delivery_get(struct span payload, struct delivery *) MUST_USE; /* lent from the payload */

struct enqueue_recipient {
	uint64_t account;
	struct span address, prefix;
};
struct enqueue {
	uint8_t id[DELIVERY_ID_LEN];
	unsigned flags;
	struct span trace, reverse_path, record, message;
	int64_t internaldate;
	uint64_t size;
	struct enqueue_recipient *recipients; /* owned; enqueue_release() */
	size_t nrecipients;
};
void enqueue_put(struct buf *, const struct enqueue *);
bool enqueue_get(struct span payload, struct enqueue *) MUST_USE;
void enqueue_release(struct enqueue *);

#endif
