/* TLS through connections: what is refused, what is never read, and that bytes
 * arrive. */
#include "common/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conn.h"
#include "common/mem.h"
#include "tests/unit/certificate.h"

static struct certificate ecdsa, rsa;

/* ---- certificates and keys ---- */

static struct tls_server *
server(const struct certificate *c, const char *alpn)
{
	const char *why;
	struct tls_server *s = tls_server_new(
	    span_of(c->certificate), span_of(c->key), alpn, &why);

	if (s == NULL)
		fail_msg("%s", why);
	return s;
}

static void
bad_certificates(void **state)
{
	char two[8192], broken[8192];
	const struct {
		const char *certificate, *key, *why;
	} cases[] = {
		{ "", ecdsa.key, "certificate is not in PEM" },
		{ "rubbish", ecdsa.key, "certificate is not in PEM" },
		{ ecdsa.key, ecdsa.key, "certificate is not in PEM" },
		{ ecdsa.certificate, "", "key is not in PEM" },
		{ ecdsa.certificate, "rubbish", "key is not in PEM" },
		{ ecdsa.certificate, rsa.key, "does not belong" },
		{ broken, ecdsa.key, "chain" },
		{ two, ecdsa.key, NULL },
		{ rsa.certificate, rsa.key, NULL },
	};

	(void)state;
	snprintf(two, sizeof(two), "%s%s", ecdsa.certificate, rsa.certificate);
	snprintf(
	    broken, sizeof(broken), "%s%s", ecdsa.certificate, rsa.certificate);
	broken[strlen(ecdsa.certificate) + 100] = '!';
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *why = NULL;
		struct tls_server *s =
		    tls_server_new(span_of(cases[i].certificate),
			span_of(cases[i].key), NULL, &why);

		if (cases[i].why == NULL) {
			assert_non_null(s);
		} else {
			assert_null(s);
			if (strstr(why, cases[i].why) == NULL)
				fail_msg("case %zu: %s", i, why);
		}
		tls_server_unref(&s);
	}
}

/* ---- a client whose bytes we hold in hand ---- */

struct peer {
	struct loop *loop;
	struct conn *conn;
	struct tls_server *server;
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	size_t step; /* bytes a turn towards the server */
	bool tls, eof, error;
	unsigned drained;
	bool echo;
	struct buf got; /* by the server */
};

static void
heard(void *arg, struct conn *c, enum conn_event event)
{
	struct peer *p = arg;

	switch (event) {
	case CONN_INPUT:
		if (p->echo)
			conn_write(c, conn_input(c));
		buf_add(&p->got, conn_input(c));
		conn_consume(c, conn_input(c).len);
		break;
	case CONN_TLS: p->tls = true; break;
	case CONN_EOF: p->eof = true; break;
	case CONN_ERROR: p->error = true; break;
	case CONN_DRAINED: p->drained++; break;
	case CONN_TIMEOUT: fail(); break;
	}
}

static void
begin(struct peer *p, const struct certificate *c, const char *alpn)
{
	int fds[2];

	*p = (struct peer){
		.loop = loop_new(), .got = BUF_INIT(4 << 20), .step = 100000
	};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	p->conn = conn_new(p->loop, fds[0], heard, p);
	p->fd = fds[1];
	p->server = server(c, alpn);
	p->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(p->ctx, 0);
}

static void
begin_client(struct peer *p)
{
	p->ssl = SSL_new(p->ctx);
	SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(p->ssl);
}

static void
end(struct peer *p)
{
	conn_free(&p->conn);
	tls_server_unref(&p->server);
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	close(p->fd);
	buf_free(&p->got);
	loop_free(&p->loop);
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* Moves bytes between the client's memory and the socket, and lets the server
 * have a turn. */
static void
pump(struct peer *p)
{
	char bytes[65536];
	int n;
	ssize_t got;

	n = BIO_read(SSL_get_wbio(p->ssl), bytes,
	    (int)(p->step < sizeof(bytes) ? p->step : sizeof(bytes)));
	if (n > 0)
		assert_int_equal(
		    send(p->fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
	for (int i = 0; i < 2; i++) {
		loop_later(p->loop, stop, p->loop);
		loop_run(p->loop);
	}
	got = recv(p->fd, bytes, sizeof(bytes), 0);
	if (got > 0)
		assert_int_equal(
		    BIO_write(SSL_get_rbio(p->ssl), bytes, (int)got), got);
}

static bool
shake_hands(struct peer *p)
{
	for (int i = 0; i < 5000; i++) {
		int ret = SSL_do_handshake(p->ssl);

		if (ret == 1 && p->tls)
			return true;
		if (ret != 1 &&
		    SSL_get_error(p->ssl, ret) != SSL_ERROR_WANT_READ)
			return false;
		pump(p);
		if (p->error)
			return false;
	}
	return false;
}

static void
echo_one_way(const struct certificate *c, size_t step, int version)
{
	struct peer p;
	char bytes[64] = { 0 };
	int n = -1;

	begin(&p, c, "imap");
	SSL_CTX_set_max_proto_version(p.ctx, version);
	begin_client(&p);
	p.step = step;
	p.echo = true;
	conn_start_tls(p.conn, p.server);
	assert_false(conn_is_tls(p.conn));
	assert_true(shake_hands(&p));
	assert_true(conn_is_tls(p.conn));
	assert_non_null(strstr(conn_tls_text(p.conn),
	    version == TLS1_3_VERSION ? "TLSv1.3 TLS_" : "TLSv1.2 ECDHE-"));
	assert_int_equal(SSL_write(p.ssl, "hello", 5), 5);
	for (int i = 0; i < 500 && n < 0; i++) {
		pump(&p);
		n = SSL_read(p.ssl, bytes, sizeof(bytes));
	}
	assert_int_equal(n, 5);
	assert_string_equal(bytes, "hello");
	end(&p);
}

static void
echo(void **state)
{
	(void)state;
	echo_one_way(&ecdsa, 100000, TLS1_3_VERSION);
	echo_one_way(&ecdsa, 100000, TLS1_2_VERSION);
	echo_one_way(&rsa, 100000, TLS1_3_VERSION);
	echo_one_way(&rsa, 100000, TLS1_2_VERSION);
	echo_one_way(&ecdsa, 1, TLS1_3_VERSION);
	echo_one_way(&rsa, 1, TLS1_2_VERSION);
}

static void
reply_before_handshake_goes_in_clear(void **state)
{
	struct peer p;
	char bytes[64] = { 0 };

	(void)state;
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	conn_text(p.conn, "+OK begin\r\n");
	conn_start_tls(p.conn, p.server);
	conn_text(p.conn, "secret");
	assert_int_equal(read(p.fd, bytes, sizeof(bytes)), 11);
	assert_string_equal(bytes, "+OK begin\r\n");
	assert_true(shake_hands(&p));
	pump(&p);
	assert_int_equal(SSL_read(p.ssl, bytes, sizeof(bytes)), 6);
	assert_memory_equal(bytes, "secret", 6);
	end(&p);
}

/* ---- what is refused ---- */

static void
offer_old_tls(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
}

static void
offer_cbc(SSL_CTX *ctx)
{
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-SHA256");
}

static void
offer_no_forward_secrecy(SSL_CTX *ctx)
{
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(ctx, "AES128-GCM-SHA256");
}

static void
offer_http(SSL_CTX *ctx)
{
	SSL_CTX_set_alpn_protos(
	    ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
}

static void
offer_longer_name(SSL_CTX *ctx)
{
	SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x05imapx", 6);
}

static void
offer_ours_too(SSL_CTX *ctx)
{
	SSL_CTX_set_alpn_protos(
	    ctx, (const unsigned char *)"\x02h2\x04imap", 8);
}

static void
offers(void **state)
{
	static const struct {
		void (*offer)(SSL_CTX *);
		bool taken;
	} cases[] = {
		{ offer_old_tls, false },
		{ offer_cbc, false },
		{ offer_no_forward_secrecy, false },
		{ offer_http, false },
		{ offer_longer_name, false },
		{ offer_ours_too, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct peer p;

		begin(&p, &ecdsa, "imap");
		cases[i].offer(p.ctx);
		begin_client(&p);
		conn_start_tls(p.conn, p.server);
		if (shake_hands(&p) != cases[i].taken)
			fail_msg("case %zu", i);
		for (int n = 0; n < 4; n++)
			pump(&p);
		assert_int_equal(p.error, !cases[i].taken);
		if (p.error)
			assert_true(strlen(conn_why(p.conn)) > 0);
		end(&p);
		ERR_clear_error();
	}
}

static void
no_tickets_no_renegotiation(void **state)
{
	struct peer p;
	char bytes[8];

	(void)state;
	begin(&p, &ecdsa, "imap");
	SSL_CTX_set_max_proto_version(p.ctx, TLS1_2_VERSION);
	begin_client(&p);
	conn_start_tls(p.conn, p.server);
	assert_true(shake_hands(&p));
	assert_false(SSL_SESSION_has_ticket(SSL_get_session(p.ssl)));
	SSL_renegotiate(p.ssl);
	SSL_do_handshake(p.ssl);
	for (int i = 0; i < 5; i++) {
		pump(&p);
		SSL_read(p.ssl, bytes, sizeof(bytes));
	}
	assert_int_equal(p.got.len, 0);
	assert_true(
	    SSL_get_error(p.ssl, SSL_do_handshake(p.ssl)) != SSL_ERROR_NONE);
	end(&p);
	ERR_clear_error();
}

static void
clear_bytes_before_handshake(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	conn_start_tls(p.conn, p.server);
	assert_int_equal(write(p.fd, "USER alice\r\n", 12), 12);
	assert_false(shake_hands(&p));
	for (int i = 0; i < 4; i++)
		pump(&p);
	assert_true(p.error);
	assert_int_equal(p.got.len, 0);
	end(&p);
	ERR_clear_error();
}

/* What follows a close_notify is nobody's (CVE-2026-45185). */
static void
clear_bytes_after_the_end(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	conn_start_tls(p.conn, p.server);
	assert_true(shake_hands(&p));
	SSL_write(p.ssl, "last", 4);
	SSL_shutdown(p.ssl);
	pump(&p);
	assert_int_equal(write(p.fd, "DELE 1\r\n", 8), 8);
	for (int i = 0; i < 4; i++)
		pump(&p);
	assert_true(p.eof);
	assert_int_equal(p.got.len, 4);
	assert_memory_equal(p.got.ptr, "last", 4);
	end(&p);
}

static void
cut_off_is_an_end(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	conn_start_tls(p.conn, p.server);
	assert_true(shake_hands(&p));
	shutdown(p.fd, SHUT_WR);
	pump(&p);
	assert_true(p.eof);
	assert_false(p.error);
	end(&p);
}

/* ---- much ---- */

static void
a_megabyte_each_way(void **state)
{
	enum { TOTAL = 1 << 20 };
	struct peer p;
	char *bytes = mem_alloc(TOTAL), part[30000];
	size_t arrived = 0;

	(void)state;
	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = (char)(i * 31 >> 3);
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	p.step = 20000;
	conn_start_tls(p.conn, p.server);
	assert_true(shake_hands(&p));
	assert_int_equal(SSL_write(p.ssl, bytes, TOTAL), TOTAL);
	conn_write(p.conn, (struct span){ bytes, TOTAL });
	assert_true(conn_full(p.conn));
	while (arrived < TOTAL || p.got.len < TOTAL) {
		int n;

		pump(&p);
		if ((n = SSL_read(p.ssl, part, sizeof(part))) > 0) {
			assert_memory_equal(part, bytes + arrived, n);
			arrived += (size_t)n;
		}
	}
	assert_memory_equal(p.got.ptr, bytes, TOTAL);
	assert_true(p.drained >= 1);
	mem_free(&bytes);
	end(&p);
}

/* Several records at once are all handed over, though the socket is read only
 * once. */
static void
many_records_a_turn(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	conn_start_tls(p.conn, p.server);
	assert_true(shake_hands(&p));
	for (int i = 0; i < 200; i++)
		SSL_write(p.ssl, "0123456789", 10);
	for (int i = 0; i < 60; i++)
		pump(&p);
	assert_int_equal(p.got.len, 2000);
	end(&p);
}

static void
keeps_the_certificate_it_began_with(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &ecdsa, NULL);
	begin_client(&p);
	conn_start_tls(p.conn, p.server);
	tls_server_unref(&p.server);
	assert_null(p.server);
	assert_true(shake_hands(&p));
	end(&p);
}

static int
setup(void **state)
{
	(void)state;
	certificate_make(&ecdsa, false);
	certificate_make(&rsa, true);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_certificates),
		cmocka_unit_test(echo),
		cmocka_unit_test(reply_before_handshake_goes_in_clear),
		cmocka_unit_test(offers),
		cmocka_unit_test(no_tickets_no_renegotiation),
		cmocka_unit_test(clear_bytes_before_handshake),
		cmocka_unit_test(clear_bytes_after_the_end),
		cmocka_unit_test(cut_off_is_an_end),
		cmocka_unit_test(a_megabyte_each_way),
		cmocka_unit_test(many_records_a_turn),
		cmocka_unit_test(keeps_the_certificate_it_began_with),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
