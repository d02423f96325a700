/* From the text of a value to its place in struct conf, checked. */
#ifndef COMMON_CONF_READ_H
#define COMMON_CONF_READ_H

#include "common/conf.h"
#include "common/conf_text.h"
#include "common/conf_value.h"

enum conf_kind {
	KIND_TEXT,
	KIND_PATH,
	KIND_HOSTNAME,
	KIND_DOMAIN,
	KIND_LISTENER, /* least: its enum listener_kind */
	KIND_BOOL,
	KIND_NUMBER, /* uint32_t */
	KIND_SIZE,   /* uint64_t */
	KIND_SMARTHOST,
	KIND_RELAY_TLS,
	KIND_COUNT
};

enum { CONF_LISTENERS_MAX = 64 };

/* What is read, and where we are in it. */
struct conf_reading {
	struct conf *conf;
	struct conf_text *text;
	const struct conf_section *section;
	unsigned instance;
	void *target; /* the struct that the options' offsets are in */
	unsigned line;
	char *folder; /* that the file is in */
	struct conf_address addresses[CONF_LISTENERS_MAX];
	size_t naddresses;
};

/* One value; of an option that takes a list, the next one. */
void conf_read(struct conf_reading *, const struct conf_option *, const char *);

#endif
