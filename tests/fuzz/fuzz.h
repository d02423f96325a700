/*
 * A fuzz target is one function that takes any bytes, does with them what
 * Hearth does with bytes from outside, and asserts what must hold of the
 * outcome. Linked with libFuzzer (--enable-fuzz) it looks for inputs; linked
 * with replay.c it runs those of its corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "common/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte of the input, which says how; the rest is what. */
static inline uint8_t
fuzz_take_byte(struct span *input)
{
	uint8_t byte = 0;

	if (input->len > 0) {
		byte = (uint8_t)*input->ptr++;
		input->len--;
	}
	return byte;
}

/* A copy of exactly that length on the heap, so that a sanitizer sees a read
 * behind it. */
static inline struct buf
fuzz_copy(struct span s)
{
	struct buf b = BUF_INIT(s.len);

	buf_add(&b, s);
	return b;
}

/* Calls `feed` with the input in pieces, whose lengths follow from `how`. */
static inline void
fuzz_pieces(struct span input, uint8_t how,
    void (*feed)(void *arg, struct span), void *arg)
{
	uint32_t seed = how;

	while (input.len > 0) {
		size_t len = how == 0   ? input.len
		             : how == 1 ? 1
		                        : 1 + (seed >> 16) % (how * 2U);
		struct buf piece;

		if (len > input.len)
			len = input.len;
		piece = fuzz_copy((struct span){ input.ptr, len });
		feed(arg, buf_span(&piece));
		buf_free(&piece);
		input.ptr += len;
		input.len -= len;
		seed = seed * 1664525 + 1013904223;
	}
}

#endif
