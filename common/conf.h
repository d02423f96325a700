/*
 * hearth.conf, by libConfuse; read by parents and the tool alone.  Unknown
 * options (with a suggestion), bad values, values out of range, options given
 * twice, and a missing closing brace are refused with file, line and what would
 * be right.  See hearth.conf(5).
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include "common/base.h"
#include "common/ipc.h"

struct conf_listener {
	enum listener_kind kind;
	char *text; /* as written: "127.0.0.1:2525", "[::1]:25", "*:25" */
};

struct conf_daemon {
	struct conf_listener *listeners;
	size_t nlisteners;
	bool plaintext_auth;
	bool channel_binding;
	uint32_t max_connections, max_connections_per_address, max_connections_per_minute, max_sessions_per_account;
};

struct conf_route { char *domain, *smarthost, *user, *password_file, *tls; };

struct conf {
	char *file;   /* absolute path */
	char *hostname, *state, *user; /* state is absolute; user may be "" */
	char **domains;
	size_t ndomains;
	char *certificate, *key; /* absolute paths */
	struct conf_daemon smtpd, imapd, pop3d;
	uint64_t message_size_limit;
	uint32_t max_recipients;
	struct conf_route relay; /* domain NULL */
	struct conf_route *routes;
	size_t nroutes;
	char *resolver, *trust_anchor;
};

/* On failure one or more lines "FILE:LINE: what is wrong, and what would be right" went to standard error. */
enum herr conf_load(const char *file, struct conf **) MUST_USE;
void conf_free(struct conf **);

#endif
