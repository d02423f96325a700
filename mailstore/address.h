/*
 * Addresses as the directory holds them and as they are looked up, so that
 * whoever writes one in another way means the same.
 */
#ifndef MAILSTORE_ADDRESS_H
#define MAILSTORE_ADDRESS_H

#include "common/buf.h"

enum { ADDRESS_CANONICAL_MAX = 320 };

/*
 * The canonical form (common/addr.h), with the domain in A-labels (RFC 5890,
 * 2.3.2.1) where it was written in others.  False: no address.  "postmaster"
 * may stand without a domain.
 */
bool address_canonical(struct span given, struct buf *canonical) MUST_USE;
/* What stands behind the last "@"; empty if there is none. */
struct span address_domain(struct span canonical);

#endif
