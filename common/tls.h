/*
 * TLS over a socket, server side.  The only file that includes OpenSSL's TLS.
 * TLS 1.2 and 1.3; forward secrecy and AEAD only; no renegotiation, no
 * compression; no tickets (RFC 8996, 9325).  RELEASE_BUFFERS, so that an idle
 * connection is small.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include "common/base.h"

struct tls_server; /* a certificate and key, reference counted: connections keep the one they began with */
struct tls;	   /* one connection */

/* From PEM bytes; `why` gets a sentence for the log on failure.  `alpn` is the one protocol name accepted when a client offers any ("imap", "pop3"), or NULL. */
struct tls_server *tls_server_new(struct span certificate, struct span key, const char *alpn, const char **why);
struct tls_server *tls_server_ref(struct tls_server *);
void tls_server_unref(struct tls_server **);

struct tls *tls_accept(struct tls_server *, int fd); /* fd stays the caller's */
void tls_free(struct tls **);

enum tls_result { TLS_OK, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_FAILED };
enum tls_result tls_handshake(struct tls *);
enum tls_result tls_read(struct tls *, void *, size_t room, size_t *got);
enum tls_result tls_write(struct tls *, const void *, size_t len, size_t *put);
void tls_close_notify(struct tls *);
bool tls_pending(const struct tls *);		 /* decrypted bytes wait inside */
const char *tls_describe(const struct tls *);	 /* "TLSv1.3 TLS_AES_128_GCM_SHA256", for logs */
const char *tls_why(const struct tls *);	 /* what failed, for logs: "client too old", ... */


/* What a login may be bound to, so that it is worth nothing over another connection (RFC 9266: TLS 1.3; RFC 5929: TLS 1.2). */
enum tls_binding { TLS_EXPORTER, TLS_UNIQUE };
enum { TLS_BINDING_MAX = 32 };
size_t tls_binding(struct tls *, enum tls_binding, char bytes[TLS_BINDING_MAX]); /* 0: there is none of that kind */

#endif
