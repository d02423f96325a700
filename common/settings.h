/*
 * What a role knows of the configuration: flat, checked values that the parent
 * read from hearth.conf and sends in IPC_SETTINGS.  No role but a parent and the
 * tool reads the file.
 */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include "common/buf.h"

enum { SETTINGS_DOMAINS_MAX = 64 };

struct settings {
	char *hostname;
	char **domains; /* lower case, A-label form */
	size_t ndomains;
	char *state; /* absolute path */
	uint64_t message_size_limit;
	uint32_t max_connections;		/* of the daemon this role belongs to */
	uint32_t max_connections_per_address;
	uint32_t max_connections_per_minute; /* from one address; never 0 */
	uint32_t max_sessions_per_account;
	uint32_t max_recipients;
	bool plaintext_auth;  /* from loopback only */
	bool channel_binding; /* SCRAM-SHA-256-PLUS is offered */
};

void settings_put(struct buf *, const struct settings *);
bool settings_get(struct span, struct settings *) MUST_USE; /* owns what it points to */
void settings_release(struct settings *);
bool settings_has_domain(const struct settings *, struct span domain); /* in any case */

#endif
