/*
 * Capabilities that can be left out for one account, where a mail program trips
 * over them (hearth account set --without).  They are a set of bits, in the
 * directory and on the way from auth to those who announce; what is left out is
 * no longer announced after login, and works all the same.
 */
#ifndef COMMON_CAPABILITY_H
#define COMMON_CAPABILITY_H

#include "common/buf.h"

enum { CAPABILITIES_MAX = 64 };

/* The bit of a name, in any case; 0: it cannot be left out, or is none. */
uint64_t capability_bit(struct span name);
/* NULL: none has that number. */
const char *capability_name(unsigned number);
/* The words of `text` that are not left out, each with the `between` behind it; a word may have arguments behind a space. */
void capability_put(struct buf *out, struct span text, const char *between, uint64_t without);

#endif
