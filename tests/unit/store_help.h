/* A store in a temporary folder, and messages to put into it. */
#ifndef TESTS_UNIT_STORE_HELP_H
#define TESTS_UNIT_STORE_HELP_H

#include <sys/stat.h>

#include <unistd.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/mime.h"
#include "common/record.h"
#include "mailstore/store.h"

static inline void
help_remove(const char *folder)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "wake" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *path = file_path(folder, names[i]);

		unlink(path);
		mem_free(&path);
	}
	rmdir(folder);
}

/* A small generator: the same numbers for the same seed. */
static inline uint64_t
help_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A message of about that many bytes that says its number. */
static inline void
help_message(struct buf *b, unsigned number, size_t len)
{
	uint64_t state = number * UINT64_C(2654435761) + 1;

	buf_clear(b);
	buf_format(b,
	    "From: sender%u@example.test\r\nTo: alice@example.test\r\n"
	    "Subject: message %u\r\nMessage-ID: <%u@example.test>\r\n"
	    "Date: Sun, 22 Nov 2026 20:53:10 +0000\r\n\r\n",
	    number % 97, number, number);
	while (b->len < len) {
		uint64_t r = help_random(&state);

		if (r % 11 == 0)
			buf_text(b, "\r\n");
		else
			buf_format(b, "w%x ", (unsigned)(r >> 40) % 5000);
	}
	buf_text(b, "\r\n");
}

static inline void
help_record(struct span message, struct buf *record)
{
	struct mime *m = mime_new();

	buf_clear(record);
	mime_feed(m, message);
	mime_end(m, record);
	mime_free(&m);
}

struct help_mail {
	struct buf message, record;
};

static inline struct help_mail
help_mail_new(unsigned number, size_t len)
{
	struct help_mail m = {
		.message = BUF_INIT(64 * 1024 * 1024),
		.record = BUF_INIT(RECORD_MAX),
	};

	help_message(&m.message, number, len);
	help_record(buf_span(&m.message), &m.record);
	return m;
}

static inline void
help_mail_free(struct help_mail *m)
{
	buf_free(&m->message);
	buf_free(&m->record);
}

static inline struct store_blob *
help_blob(struct store *st, struct span bytes)
{
	struct store_blob *b = store_blob_new(st);

	if (store_blob_write(b, bytes) != H_OK)
		store_blob_free(&b);
	return b;
}

/* Appends in a transaction that is open. */
static inline enum herr
help_append(struct store *st, struct store_txn *t, uint32_t mailbox,
    unsigned number, size_t len, uint8_t flags, uint32_t *uid)
{
	struct help_mail m = help_mail_new(number, len);
	struct store_blob *b = help_blob(st, buf_span(&m.message));
	struct store_append a = {
		.mailbox = mailbox,
		.flags = { .system = flags },
		.internaldate = 1700000000 + number,
		.record = buf_span(&m.record),
	};
	enum herr err = store_append(t, b, &a, uid);

	store_blob_free(&b);
	help_mail_free(&m);
	return err;
}

static inline uint32_t
help_mailbox(struct store *st, const char *name)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;
	uint32_t id =
	    store_find_mailbox(t, span_of(name), &m) == H_OK ? m.id : 0;

	store_abort(&t);
	return id;
}

#endif
