/* What the two passes of verification share: store_verify.c, store_reread.c. */
#ifndef MAILSTORE_STORE_VERIFY_H
#define MAILSTORE_STORE_VERIFY_H

#include "mailstore/store_int.h"

struct verify {
	struct store *store;
	void (*found)(void *arg, const char *fault);
	void *arg;
	uint64_t faults;
	enum herr err; /* that kept us from looking */
};

void verify_fault(struct verify *, const char *format, ...) PRINTF_LIKE(2, 3);
/* Ends a read; what made it fail is a fault, or ends the verification. */
void verify_end(struct verify *, struct store_txn **);

/* Every message's bytes and record. */
void verify_reread(struct verify *);

#endif
