/* SHA-256 of bytes as they come: for what must not be made to collide. */
#ifndef MAILSTORE_DIGEST_H
#define MAILSTORE_DIGEST_H

#include "common/base.h"

enum { DIGEST_LEN = 32 };

struct digest;

/* The first of a process must be made before it locks itself in: libcrypto reads its configuration then. */
struct digest *digest_new(void);
void digest_free(struct digest **);
void digest_begin(struct digest *);
void digest_add(struct digest *, struct span);
void digest_end(struct digest *, uint8_t out[DIGEST_LEN]);

#endif
