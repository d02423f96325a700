/*
 * TLS by OpenSSL.  Everything that the library would load when it is first
 * needed (error texts, random numbers) is touched in tls_server_new(), since
 * fronts lock themselves in right after it.  No configuration file is read:
 * what is offered stands here.
 */
#include "common/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <limits.h>
#include <signal.h>

#include "common/mem.h"

struct tls_server {
	SSL_CTX *ctx;
	size_t refs;
	unsigned char alpn[32]; /* with its length in front, as on the wire */
	unsigned alpn_len;      /* 0: any */
};

struct tls {
	SSL *ssl;
	struct tls_server *server;
	const char *why;
	bool shaken; /* the handshake is done */
	bool failed; /* OpenSSL wants no further call after a fatal error */
};

static void
prepare_library(void)
{
	static bool done;
	unsigned char byte;

	if (done)
		return;
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
				 OPENSSL_INIT_NO_ATEXIT |
				 OPENSSL_INIT_LOAD_SSL_STRINGS |
				 OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		NULL) != 1 ||
	    RAND_bytes(&byte, 1) != 1)
		PANIC("OpenSSL cannot be used");
	/* OpenSSL writes with write(2), which a vanished client answers by a
	 * signal. */
	signal(SIGPIPE, SIG_IGN);
	done = true;
}

/* RFC 7301, 3.2.  A client that wanted to speak something else was led here by
 * a third party (ALPACA). */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	const struct tls_server *server = arg;

	(void)ssl;
	for (unsigned at = 0; at < inlen; at += 1U + in[at]) {
		if (inlen - at < server->alpn_len ||
		    memcmp(in + at, server->alpn, server->alpn_len) != 0)
			continue;
		*out = in + at + 1;
		*outlen = in[at];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *
pem_reader(struct span pem)
{
	BIO *bio;

	if (pem.len == 0 || pem.len > INT_MAX)
		return NULL;
	if ((bio = BIO_new_mem_buf(pem.ptr, (int)pem.len)) == NULL)
		PANIC("no memory for a certificate");
	return bio;
}

/* The server's own certificate first, then those that vouch for it. */
static const char *
use_certificate(SSL_CTX *ctx, struct span pem)
{
	BIO *bio = pem_reader(pem);
	X509 *x = NULL;
	const char *why = NULL;

	if (bio == NULL ||
	    (x = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL)) == NULL)
		why = "the certificate is not in PEM format";
	else if (SSL_CTX_use_certificate(ctx, x) != 1)
		why =
		    "the certificate cannot be used (its key may be too weak)";
	X509_free(x);
	while (why == NULL && (x = PEM_read_bio_X509(
				   bio, NULL, no_passphrase, NULL)) != NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
			X509_free(x);
			why = "a certificate of the chain cannot be used";
		}
	}
	if (why == NULL &&
	    ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		why = "the chain of certificates is damaged";
	BIO_free(bio);
	return why;
}

static const char *
use_key(SSL_CTX *ctx, struct span pem)
{
	BIO *bio = pem_reader(pem);
	EVP_PKEY *key = NULL;
	const char *why = NULL;

	if (bio == NULL || (key = PEM_read_bio_PrivateKey(
				bio, NULL, no_passphrase, NULL)) == NULL)
		why = "the key is not in PEM format, or has a passphrase";
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		why = "the key does not belong to the certificate";
	EVP_PKEY_free(key);
	BIO_free(bio);
	return why;
}

static const char *
set_policy(SSL_CTX *ctx)
{
	static char groups[] =
	    "X25519:P-256:P-384"; /* (the macro casts const away) */

	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* TLS 1.3 has nothing but forward secrecy and AEAD (RFC 9325, 4.2). */
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1)
		return "this OpenSSL lacks the ciphers that Hearth needs";
	return NULL;
}

struct tls_server *
tls_server_new(struct span certificate, struct span key, const char *alpn,
    const char **why)
{
	struct tls_server *s;

	prepare_library();
	ERR_clear_error();
	s = mem_alloc(sizeof(*s));
	s->refs = 1;
	if ((s->ctx = SSL_CTX_new(TLS_server_method())) == NULL)
		PANIC("no memory for TLS");
	if ((*why = set_policy(s->ctx)) != NULL ||
	    (*why = use_certificate(s->ctx, certificate)) != NULL ||
	    (*why = use_key(s->ctx, key)) != NULL) {
		tls_server_unref(&s);
		ERR_clear_error();
		return NULL;
	}
	if (alpn != NULL) {
		size_t len = strlen(alpn);

		if (len == 0 || len >= sizeof(s->alpn))
			PANIC("a protocol name too long for ALPN");
		s->alpn[0] = (unsigned char)len;
		memcpy(s->alpn + 1, alpn, len);
		s->alpn_len = (unsigned)len + 1;
		SSL_CTX_set_alpn_select_cb(s->ctx, choose_alpn, s);
	}
	ERR_clear_error();
	return s;
}

struct tls_server *
tls_server_ref(struct tls_server *s)
{
	s->refs++;
	return s;
}

void
tls_server_unref(struct tls_server **sp)
{
	struct tls_server *s = *sp;

	*sp = NULL;
	if (s == NULL || --s->refs > 0)
		return;
	SSL_CTX_free(s->ctx);
	mem_free(&s);
}

struct tls *
tls_accept(struct tls_server *server, int fd)
{
	struct tls *t = mem_alloc(sizeof(*t));

	t->server = tls_server_ref(server);
	t->ssl = SSL_new(server->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1)
		PANIC("no memory for a TLS connection");
	SSL_set_accept_state(t->ssl);
	return t;
}

void
tls_free(struct tls **tp)
{
	if (*tp == NULL)
		return;
	SSL_free((*tp)->ssl);
	tls_server_unref(&(*tp)->server);
	mem_free(tp);
}

static enum tls_result
fail(struct tls *t)
{
	unsigned long e = ERR_peek_error();
	const char *why = ERR_reason_error_string(e);

	t->failed = true;
	t->why = why != NULL ? why : "connection lost";
	ERR_clear_error();
	return TLS_FAILED;
}

static enum tls_result
result(struct tls *t, int ret)
{
	if (ret == 1)
		return TLS_OK;
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ: return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN: return TLS_CLOSED;
	default: break;
	}
	/*
	 * Many programs leave without close_notify.  Nothing of ours depends
	 * on the difference: half a command is never carried out.
	 */
	if (ERR_GET_REASON(ERR_peek_error()) ==
		SSL_R_UNEXPECTED_EOF_WHILE_READING &&
	    t->shaken) {
		t->failed = true;
		ERR_clear_error();
		return TLS_CLOSED;
	}
	return fail(t);
}

enum tls_result
tls_handshake(struct tls *t)
{
	enum tls_result r;

	if (t->failed)
		return TLS_FAILED;
	ERR_clear_error();
	r = result(t, SSL_do_handshake(t->ssl));
	if (r == TLS_OK)
		t->shaken = true;
	return r;
}

enum tls_result
tls_read(struct tls *t, void *bytes, size_t room, size_t *got)
{
	*got = 0;
	if (t->failed)
		return TLS_FAILED;
	ERR_clear_error();
	return result(t, SSL_read_ex(t->ssl, bytes, room, got));
}

enum tls_result
tls_write(struct tls *t, const void *bytes, size_t len, size_t *put)
{
	*put = 0;
	if (t->failed)
		return TLS_FAILED;
	ERR_clear_error();
	return result(t, SSL_write_ex(t->ssl, bytes, len, put));
}

void
tls_close_notify(struct tls *t)
{
	if (t->failed || !t->shaken)
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

bool
tls_pending(const struct tls *t)
{
	return !t->failed && SSL_pending(t->ssl) > 0;
}

/*
 * TLS 1.3 has no tls-unique (RFC 8446, C.5).  In TLS 1.2 it is the first
 * Finished, which is the client's as nothing is ever resumed; without the
 * extended master secret it can be the same on two connections (RFC 7627, 1).
 */
size_t
tls_binding(struct tls *t, enum tls_binding kind, char bytes[TLS_BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	bool new = SSL_version(t->ssl) >= TLS1_3_VERSION;
	union {
		char *chars;
		unsigned char *bytes;
	} to = { bytes };
	size_t len;

	if (!t->shaken || t->failed || new != (kind == TLS_EXPORTER))
		return 0;
	if (new)
		return SSL_export_keying_material(t->ssl, to.bytes,
			   TLS_BINDING_MAX, label, sizeof(label) - 1, NULL, 0,
			   0) == 1
		           ? TLS_BINDING_MAX
		           : 0;
	if (SSL_get_extms_support(t->ssl) != 1)
		return 0;
	len = SSL_get_peer_finished(t->ssl, bytes, TLS_BINDING_MAX);
	return len <= TLS_BINDING_MAX ? len : 0;
}

const char *
tls_describe(const struct tls *t)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s %s", SSL_get_version(t->ssl),
	    SSL_get_cipher_name(t->ssl));
	return text;
}

const char *
tls_why(const struct tls *t)
{
	return t->why != NULL ? t->why : "";
}
