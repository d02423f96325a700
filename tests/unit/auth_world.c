/* See auth_world.h. */
#include "tests/unit/auth_world.h"

#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/auth_sasl.h"
#include "tests/unit/scratch.h"

char *folder;
struct loop *loop;
struct auth *auth;
struct channel *front;
static struct channel *parent, *at_parent;
uint64_t alice;
static char example[] = "example.test", umlaut[] = "xn--bcher-kva.test";
static char *domains[] = { example, umlaut };
static struct settings settings = { .domains = domains, .ndomains = 2 };
unsigned left;

struct heard by_front, by_parent;
struct span binding;

static void
hear(void *arg, struct channel *c, struct channel_msg *m)
{
	struct heard *h = arg;

	(void)c;
	assert_true(m->payload.len <= sizeof(h->payload));
	h->type = m->type;
	h->id = m->id;
	h->len = m->payload.len;
	if (m->payload.len > 0)
		memcpy(h->payload, m->payload.ptr, m->payload.len);
	h->ok += m->type == IPC_AUTH_OK;
	h->busy += m->type == IPC_AUTH_FAILED && m->payload.ptr[0] == AUTH_BUSY;
	loop_stop(loop);
}

static void
hear_end(void *arg, struct channel *c)
{
	struct heard *h = arg;

	(void)c;
	h->closed = true;
	loop_stop(loop);
}

static const struct channel_handler ears = { hear, hear_end };

static void
went(void *arg)
{
	(void)arg;
	left++;
	loop_stop(loop);
}

static void
add_account(struct directory *d, const char *address, const char *password,
    uint64_t *id)
{
	struct directory_credential c = { .iterations = 500 };

	password_random(c.salt, sizeof(c.salt));
	password_derive(span_of(password), &c);
	if (*password == '\0')
		c.iterations = 0;
	assert_int_equal(
	    directory_add_account(d, span_of(address), &c, id), H_OK);
}

void
connect_front(uint64_t id, uint8_t kind)
{
	int pair[2];

	assert_int_equal(channel_pair(pair), H_OK);
	auth_add_peer(auth, pair[0], id, kind);
	channel_free(&front);
	front = channel_new(loop, pair[1], &ears, &by_front);
}

int
auth_world_begin(void **state)
{
	struct directory *d;
	struct auth_throttle *throttle;
	char path[256];
	uint64_t id;
	int pair[2];

	(void)state;
	folder = scratch_folder();
	assert_int_equal(directory_open(&d, folder), H_OK);
	directory_domains(d, domains, 2);
	add_account(d, "alice@example.test", "secret", &alice);
	add_account(d, "carol@example.test", "p\xc3\xa4ss", &id);
	add_account(d, "new@example.test", "", &id);
	add_account(d, "j\xc3\xb6rg@xn--bcher-kva.test", "secret", &id);
	add_account(d, "twin@example.test", "secret", &id);
	add_account(d, "twin@xn--bcher-kva.test", "secret", &id);
	add_account(d, "only@xn--bcher-kva.test", "secret", &id);
	assert_int_equal(directory_add_alias(d, SPAN("info@example.test"),
			     (struct span[]){ SPAN("alice@example.test"),
				 SPAN("eve@far.example") },
			     2),
	    H_OK);
	directory_close(&d);
	assert_int_equal(directory_open_published(&d, folder), H_OK);
	snprintf(path, sizeof(path), "%s/throttle", folder);
	assert_int_equal(auth_throttle_open(&throttle, path), H_OK);
	loop = loop_new();
	auth = auth_new(loop, &settings, "imapd", d, throttle);
	auth->nothing_left = went;
	assert_int_equal(channel_pair(pair), H_OK);
	parent = channel_new(loop, pair[0], &ears, &by_parent);
	at_parent = channel_new(loop, pair[1], &ears, &by_parent);
	auth->parent = parent;
	by_front = by_parent = (struct heard){ 0 };
	binding = NO_SPAN;
	left = 0;
	connect_front(77, PEER_FRONT);
	return 0;
}

int
auth_world_end(void **state)
{
	(void)state;
	auth_free(&auth);
	channel_free(&front);
	channel_free(&parent);
	channel_free(&at_parent);
	loop_free(&loop);
	scratch_remove(&folder);
	return 0;
}

void
start(uint64_t id, const char *mechanism, struct span initial,
    const char *address)
{
	struct buf out = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	wire_put_bytes(&out, span_of(mechanism));
	wire_put_u8(&out, initial.ptr != NULL);
	wire_put_bytes(&out, initial);
	wire_put_bytes(&out, span_of(address));
	wire_put_bytes(&out, binding);
	wire_put_bytes(&out, SPAN(""));
	channel_send(front, IPC_AUTH_START, id, buf_span(&out));
	buf_free(&out);
}

void
step(uint64_t id, struct span response)
{
	struct buf out = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	wire_put_bytes(&out, response);
	channel_send(front, IPC_AUTH_STEP, id, buf_span(&out));
	buf_free(&out);
}

/* PLAIN in one piece: "authzid|name|password". */
void
plain(uint64_t id, const char *words, const char *address)
{
	char text[500];
	size_t len = strlen(words);

	for (size_t i = 0; i <= len; i++)
		text[i] = words[i] == '|' ? (char)0 : words[i];
	start(id, "PLAIN", (struct span){ text, len }, address);
}

void
wait_front(void)
{
	by_front.type = 0;
	while (by_front.type == 0 && !by_front.closed)
		loop_run(loop);
}

static void
turn_over(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

void
turn(int64_t ms)
{
	struct timer *t = timer_new(loop, turn_over, NULL);

	timer_set(t, ms);
	loop_run(loop);
	timer_free(&t);
}

/* Failures are answered after seconds; here nobody waits so long. */
void
wait_hurried(void)
{
	by_front.type = 0;
	while (by_front.type == 0 && !by_front.closed) {
		turn(1);
		for (struct auth_peer *p = auth->peers; p != NULL; p = p->next)
			auth_login_hurry(p);
	}
}

enum auth_failure
failure(void)
{
	assert_int_equal(by_front.type, IPC_AUTH_FAILED);
	assert_int_equal(by_front.len, 1);
	return (enum auth_failure)by_front.payload[0];
}

uint64_t
success(void)
{
	struct wire w =
	    wire_over((struct span){ by_front.payload, by_front.len });
	uint64_t account = wire_u64(&w);

	assert_int_equal(by_front.type, IPC_AUTH_OK);
	assert_int_equal(wire_bytes(&w, 100).len, 0);
	assert_true(span_is(wire_bytes(&w, 320), "alice@example.test"));
	assert_true(wire_end(&w));
	return account;
}

int
auth_world_warm_up(void **state)
{
	(void)state;
	password_warm_up();
	auth_sasl_warm_up();
	return 0;
}
