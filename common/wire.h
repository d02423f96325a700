/*
 * Typed values in messages between roles, and in records on disk.  Fixed
 * widths, little endian, strings and byte runs with a 32-bit length in front.
 *
 * The reader trusts nothing: after the first value that is not there or too
 * long it is bad, hands out zeros and empty spans, and wire_end() returns false.
 * It also returns false if anything is left over.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include "common/buf.h"

void wire_put_u8(struct buf *, uint8_t);
void wire_put_u16(struct buf *, uint16_t);
void wire_put_u32(struct buf *, uint32_t);
void wire_put_u64(struct buf *, uint64_t);
void wire_put_bytes(struct buf *, struct span);

struct wire {
	const unsigned char *pos, *end;
	bool bad;
};

struct wire wire_over(struct span);
uint8_t wire_u8(struct wire *);
uint16_t wire_u16(struct wire *);
uint32_t wire_u32(struct wire *);
uint64_t wire_u64(struct wire *);
struct span wire_bytes(struct wire *, size_t max); /* lent from the message */
bool wire_end(const struct wire *) MUST_USE;

/* The same widths at a place that the caller knows to be there. */
uint16_t le16(const void *);
uint32_t le32(const void *);
uint64_t le64(const void *);
void put_le16(void *, uint16_t);
void put_le32(void *, uint32_t);
void put_le64(void *, uint64_t);
uint32_t be32(const void *);
uint64_t be64(const void *);
void put_be32(void *, uint32_t); /* big endian: keys, which sort by value */
void put_be64(void *, uint64_t);

#endif
