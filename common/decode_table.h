/* Charsets of one byte a character; see decode_charset.c. */
#ifndef COMMON_DECODE_TABLE_H
#define COMMON_DECODE_TABLE_H

#include "common/base.h"

struct decode_table {
	const char
	    *names[5]; /* letters and digits, lower case; NULL after the last */
	uint16_t upper[128];
};

extern const struct decode_table decode_tables[];
extern const size_t decode_tables_count;

#endif
