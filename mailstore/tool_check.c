/* hearth check-config: what would go wrong at a start, said before it does. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <unistd.h>

#include "common/bind.h"
#include "common/file.h"
#include "common/identity.h"
#include "common/mem.h"
#include "mailstore/tool.h"

enum { SOON_DAYS = 14, DAY = 24 * 60 * 60 };

static const struct {
	const char *name;
	size_t section;
} daemons[] = {
	{ "smtpd", offsetof(struct conf, smtpd) },
	{ "imapd", offsetof(struct conf, imapd) },
	{ "pop3d", offsetof(struct conf, pop3d) },
};

static const struct conf_daemon *
section(const struct conf *conf, size_t i)
{
	return (const void *)((const char *)conf + daemons[i].section);
}

/* Ports, tried while we still may bind low ones; those in use are looked at
 * later. */
static void
try_ports(const struct conf *conf, bool in_use[COUNT_OF(daemons)], int *faults)
{
	for (size_t d = 0; d < COUNT_OF(daemons); d++)
		for (size_t i = 0; i < section(conf, d)->nlisteners; i++) {
			const char *text = section(conf, d)->listeners[i].text;
			int fd = bind_listener(text);

			if (fd >= 0) {
				close(fd);
			} else if (errno == EADDRINUSE) {
				in_use[d] = true;
			} else {
				tool_refuse("%s cannot listen on %s: %s",
				    daemons[d].name, text, strerror(errno));
				++*faults;
			}
		}
}

static void
explain_ports(const bool in_use[COUNT_OF(daemons)], int *faults)
{
	for (size_t d = 0; d < COUNT_OF(daemons); d++) {
		struct buf answer = BUF_INIT(64 * 1024);

		if (in_use[d] &&
		    tool_ask_daemon(daemons[d].name, IPC_CTL_STATUS, NO_SPAN,
			&answer) != H_OK) {
			tool_refuse("a port of %s is in use by another program",
			    daemons[d].name);
			++*faults;
		}
		buf_free(&answer);
	}
}

static FILE *
open_pem(const struct tool *t, const char *what, const char *path, int *faults)
{
	int fd = identity_open_configured(t->conf, t->conf_folder, path);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (f == NULL) {
		tool_refuse("the %s %s cannot be read by this user: %s", what,
		    path, strerror(errno));
		++*faults;
	}
	return f;
}

static void
check_certificate(const struct tool *t, X509 *cert, int *faults)
{
	time_t soon = time(NULL) + SOON_DAYS * DAY;

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
		tool_refuse("the certificate %s has expired: renew it",
		    t->conf->certificate);
		++*faults;
	} else if (X509_cmp_time(X509_get0_notAfter(cert), &soon) < 0) {
		fprintf(stderr,
		    "hearth: warning: the certificate %s expires within %d "
		    "days\n",
		    t->conf->certificate, SOON_DAYS);
	}
	if (X509_check_host(cert, t->conf->hostname, 0, 0, NULL) != 1)
		fprintf(stderr,
		    "hearth: warning: the certificate %s is not for %s; mail "
		    "programs will complain\n",
		    t->conf->certificate, t->conf->hostname);
}

static void
check_tls(const struct tool *t, int *faults)
{
	FILE *cert_file, *key_file;
	X509 *cert = NULL;
	EVP_PKEY *key = NULL;

	if (t->conf->certificate == NULL || t->conf->key == NULL)
		return;
	cert_file = open_pem(t, "certificate", t->conf->certificate, faults);
	key_file = open_pem(t, "key", t->conf->key, faults);
	if (cert_file != NULL &&
	    (cert = PEM_read_X509(cert_file, NULL, NULL, NULL)) == NULL) {
		tool_refuse("%s is no PEM certificate", t->conf->certificate);
		++*faults;
	}
	if (key_file != NULL &&
	    (key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL)) == NULL) {
		tool_refuse(
		    "%s is no PEM key without a passphrase", t->conf->key);
		++*faults;
	}
	if (cert != NULL)
		check_certificate(t, cert, faults);
	if (cert != NULL && key != NULL &&
	    X509_check_private_key(cert, key) != 1) {
		tool_refuse("the key %s does not belong to the certificate %s",
		    t->conf->key, t->conf->certificate);
		++*faults;
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	if (cert_file != NULL)
		fclose(cert_file);
	if (key_file != NULL)
		fclose(key_file);
}

int
tool_check_config(struct tool *t, int count, char **arguments)
{
	bool in_use[COUNT_OF(daemons)] = { false };
	int faults = 0;

	(void)count;
	(void)arguments;
	try_ports(t->conf, in_use, &faults);
	identity_take(t->conf);
	explain_ports(in_use, &faults);
	check_tls(t, &faults);
	if (faults > 0)
		return TOOL_REFUSED;
	printf("%s is fine\n", t->conf->file);
	return TOOL_DONE;
}
