/* Values of hearth.conf: what a number, a size, a name and an address look like there. */
#ifndef COMMON_CONF_VALUE_H
#define COMMON_CONF_VALUE_H

#include "common/base.h"

/* Decimal, without sign and leading zeros. */
bool conf_value_number(const char *, uint64_t *) MUST_USE;
/* The same with K, M or G behind it, in powers of 1024. */
bool conf_value_size(const char *, uint64_t *) MUST_USE;
/* true, yes, on; false, no, off. */
bool conf_value_bool(const char *, bool *) MUST_USE;
/* A domain in the form it is compared in (lower case, A-labels), or NULL; caller frees. */
char *conf_value_domain(const char *) MUST_USE;

/* Where a socket listens. */
struct conf_address {
	int family; /* AF_INET, AF_INET6, or AF_UNSPEC for * */
	unsigned char bytes[16];
	bool any; /* every address of the family, or of both */
	uint16_t port;
};
/* ADDR:PORT, [ADDR]:PORT, *:PORT */
bool conf_value_listener(const char *, struct conf_address *) MUST_USE;
/* Whether one of them takes what the other wants. */
bool conf_value_clash(const struct conf_address *, const struct conf_address *);
/* HOST:PORT, ADDR:PORT, [ADDR]:PORT */
bool conf_value_host_port(const char *) MUST_USE;

#endif
