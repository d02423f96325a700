/* The one place where connections and TLS are tied together. */
#include "common/conn_io.h"

static const struct conn_tls calls = {
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.close_notify = tls_close_notify,
	.pending = tls_pending,
	.describe = tls_describe,
	.why = tls_why,
	.binding = tls_binding,
	.free = tls_free,
};

void
conn_start_tls(struct conn *c, struct tls_server *server)
{
	if (c->tls != NULL)
		PANIC("TLS inside TLS");
	if (c->broken)
		return;
	if (conn_io_unread(c) > 0) {
		conn_io_break(c, "bytes in clear before the handshake");
		return;
	}
	c->clear_left = conn_unsent(c);
	c->tls = tls_accept(server, c->fd);
	c->with = &calls;
	c->handshaking = true;
	conn_io_send(c);
	conn_io_due(c);
}
