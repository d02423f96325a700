/*
 * One login, from IPC_AUTH_START to its answer.
 *
 * Unknown names, accounts without a password and wrong passwords take the same
 * steps, cost the same work and get the same answer; which it was stands in the
 * log alone.
 */
#include "mailstore/auth.h"

#include "common/clock.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/auth_sasl.h"

enum {
	MECHANISM_MAX = 64,
	ADDRESS_MAX = 64, /* numeric */
	BINDING_MAX = 32,
};

/*
 * A password being checked, and the logins that wait for it: a mail program
 * that opens five connections at once costs one check.  Outlives them.
 */
struct check {
	struct auth_job job; /* first: auth_login_done() gets this */
	uint8_t digest[PASSWORD_DIGEST_LEN];
	struct auth_login
	    *waiting; /* NULL: all gone; the try counts all the same */
};

/* How a login can fail; event and `why` are part of the contract. */
static const struct outcome {
	enum auth_failure answer;
	const char *event, *why;
} /* clang-format off */
	WRONG_PASSWORD = { AUTH_WRONG,        "login-failed", "wrong-password" },
	UNKNOWN_USER   = { AUTH_WRONG,        "login-failed", "unknown-user" },
	NO_PASSWORD    = { AUTH_WRONG,        "login-failed", "no-password-set" },
	OTHER_IDENTITY = { AUTH_WRONG,        "login-failed", "authorization-identity" },
	UNUSABLE       = { AUTH_WRONG,        "login-failed", "unusable-password" },
	UNBOUND        = { AUTH_WRONG,        "login-failed", "channel-binding" },
	MALFORMED      = { AUTH_MALFORMED,    "login-failed", "malformed" },
	THROTTLED      = { AUTH_THROTTLED,    "login-failed", "throttled" },
	NO_MECHANISM   = { AUTH_NO_MECHANISM, "login-refused", "no-such-mechanism" },
	BUSY           = { AUTH_BUSY,         "login-refused", "busy" };
/* clang-format on */

struct auth_login {
	struct auth_login *next; /* in the peer's bucket */
	struct auth_peer *peer;
	uint64_t id;
	char address[ADDRESS_MAX + 1];
	char name[AUTH_SASL_NAME_MAX + 1]; /* as the client wrote it */
	struct auth_sasl *sasl; /* until it is known who knows what */
	struct auth_throttle_peer from;
	struct directory_account account; /* id 0: there is none */
	const struct outcome *refusal;    /* why there is no credential */
	bool as_other;                    /* asks to act as somebody else */

	struct check *check; /* while it runs */
	struct auth_login *next_waiting;
	struct timer *delay; /* while the answer is held back */
};

/* ---- the life of a login ---- */

static struct auth_login **
place_of(struct auth_peer *p, uint64_t id)
{
	struct auth_login **at = &p->login[id % AUTH_BUCKETS];

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void
stop_waiting(struct auth_login *l)
{
	struct auth_login **at;

	if (l->check == NULL)
		return;
	at = &l->check->waiting;
	while (*at != l)
		at = &(*at)->next_waiting;
	*at = l->next_waiting;
	l->check = NULL;
}

static void
end(struct auth_login *l)
{
	struct auth *a = l->peer->auth;

	*place_of(l->peer, l->id) = l->next;
	stop_waiting(l);
	timer_free(&l->delay);
	auth_sasl_free(&l->sasl);
	mem_wipe(l, sizeof(*l));
	mem_free(&l);
	auth_login_ended(a);
}

static void
log_failure(const struct auth_login *l, const struct outcome *o)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, o->event);
	log_text(&line, "user", l->name);
	log_text(&line, "peer", l->address);
	log_text(&line, "service", l->peer->auth->service);
	log_text(&line, "why", o->why);
	log_hex(&line, "session", l->id);
	log_end(&line);
}

static void
say_failed(struct auth_peer *p, uint64_t id, enum auth_failure why)
{
	char answer = (char)why;

	channel_send(p->channel, IPC_AUTH_FAILED, id,
	    (struct span){ &answer, sizeof(answer) });
}

static void
fail(struct auth_login *l, const struct outcome *o)
{
	log_failure(l, o);
	say_failed(l->peer, l->id, o->answer);
	end(l);
}

static void
delay_over(void *arg)
{
	struct auth_login *l = arg;

	say_failed(l->peer, l->id, AUTH_WRONG);
	end(l);
}

static void
fail_later(struct auth_login *l, const struct outcome *o, int64_t ms)
{
	log_failure(l, o);
	l->delay = timer_new(l->peer->auth->loop, delay_over, l);
	timer_set(l->delay, ms);
}

/* The parent hears of it first: it is the one that makes the session. */
static void
succeed(struct auth_login *l, struct span final)
{
	struct auth_peer *p = l->peer;
	struct buf out = BUF_INIT(1024);

	if (l->as_other) {
		fail(l, &OTHER_IDENTITY);
		return;
	}
	wire_put_u64(&out, p->id);
	wire_put_u64(&out, l->account.id);
	wire_put_u64(&out, l->account.without);
	wire_put_u64(&out, auth_name_credential(&l->account));
	channel_send(p->auth->parent, IPC_LOGIN, l->id, buf_span(&out));
	buf_clear(&out);
	wire_put_u64(&out, l->account.id);
	wire_put_bytes(&out, final);
	wire_put_bytes(&out, span_of(l->account.address));
	channel_send(p->channel, IPC_AUTH_OK, l->id, buf_span(&out));
	buf_free(&out);
	end(l);
}

/* ---- checking a password ---- */

static bool
same_peer(
    const struct auth_throttle_peer *a, const struct auth_throttle_peer *b)
{
	return a->tag[0] == b->tag[0];
}

/* Another login from there that waits for the same password of the same
 * account. */
static struct check *
find_check(const struct auth *a, const struct auth_throttle_peer *from,
    const uint8_t *digest)
{
	for (struct auth_peer *p = a->peers; p != NULL; p = p->next)
		for (size_t i = 0; i < AUTH_BUCKETS; i++)
			for (struct auth_login *l = p->login[i]; l != NULL;
			     l = l->next)
				if (l->check != NULL &&
				    same_peer(&l->check->job.peer, from) &&
				    password_same(l->check->digest, digest))
					return l->check;
	return NULL;
}

static void
wait_for(struct auth_login *l, struct check *c)
{
	l->check = c;
	l->next_waiting = c->waiting;
	c->waiting = l;
}

static void
check(struct auth_login *l, struct span password)
{
	struct auth *a = l->peer->auth;
	uint8_t digest[PASSWORD_DIGEST_LEN];
	struct check *c;

	auth_cache_digest(a->cache, &l->account, password, digest);
	if (l->account.id != 0 && auth_cache_knows(a->cache, l->account.id,
				      digest, clock_mono_ms())) {
		succeed(l, SPAN(""));
		return;
	}
	if ((c = find_check(a, &l->from, digest)) != NULL) {
		wait_for(l, c);
		return;
	}
	c = mem_alloc(sizeof(*c));
	c->job.peer = l->from;
	c->job.credential = l->account.credential;
	if (password.len > 0)
		memcpy(c->job.password, password.ptr, password.len);
	c->job.password_len = password.len;
	memcpy(c->digest, digest, sizeof(c->digest));
	if (auth_work_add(a->work, &c->job)) {
		wait_for(l, c);
		return;
	}
	mem_wipe(c, sizeof(*c));
	mem_free(&c);
	fail(l, &BUSY);
}

/*
 * RFC 4616, 2: acting as somebody else is not offered to anybody.  It is told
 * only to those who know the password: to others the answer would say which of
 * two names is an account.
 */
static bool
is_self(const struct auth *a, const struct auth_login *l, struct span authzid)
{
	struct directory_account other;

	if (authzid.len == 0 || span_same_nocase(authzid, span_of(l->name)))
		return true;
	return directory_account_by_login(a->directory, authzid, &other) ==
	           H_OK &&
	       other.id == l->account.id;
}

static bool
is_name(struct span name)
{
	if (name.len == 0 || name.len > AUTH_SASL_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
			return false;
	return true;
}

/* The name as the client wrote it, if it is one. */
static bool
take_name(struct auth_login *l, struct span name)
{
	if (!is_name(name))
		return false;
	memcpy(l->name, name.ptr, name.len);
	l->name[name.len] = '\0';
	return true;
}

/* Who it says it is; NULL, or why that cannot be told. */
static const struct outcome *
meet(struct auth_login *l, struct span name)
{
	struct auth *a = l->peer->auth;

	if (!take_name(l, name))
		return &MALFORMED;
	auth_throttle_peer(a->throttle, l->address, &l->from);
	if (auth_throttle_blocked(a->throttle, &l->from, clock_wall()))
		return &THROTTLED;
	return auth_name_find(a, name, &l->account) == H_OK ? NULL : &BUSY;
}

static void
decide(struct auth_login *l)
{
	struct buf prepared = BUF_INIT(PASSWORD_MAX);
	struct span name, password, authzid;
	const struct outcome *o;

	auth_sasl_result(l->sasl, &name, &password, &authzid);
	o = meet(l, name);
	if (o == NULL && !auth_sasl_prepare(password, &prepared))
		o = &UNUSABLE;
	if (o != NULL) {
		fail(l, o);
	} else {
		l->as_other = !is_self(l->peer->auth, l, authzid);
		auth_sasl_free(&l->sasl);
		check(l, buf_span(&prepared));
	}
	if (prepared.ptr != NULL)
		mem_wipe(prepared.ptr, prepared.len);
	buf_free(&prepared);
}

static const struct outcome *
why_wrong(const struct auth *a, const struct auth_login *l)
{
	struct directory_account account;

	if (l->account.id != 0)
		return &WRONG_PASSWORD;
	return directory_account_by_login(
		   a->directory, span_of(l->name), &account) == H_OK
	           ? &NO_PASSWORD
	           : &UNKNOWN_USER;
}

void
auth_login_done(void *arg, struct auth_job *job)
{
	struct check *c = (struct check *)job;
	struct auth *a = arg;
	struct auth_login *l;
	int64_t delay = 0;

	if (!job->throttled && job->same)
		auth_throttle_give_back(a->throttle, &job->peer, job->taken);
	else if (!job->throttled)
		delay = auth_throttle_failed(
		    a->throttle, &job->peer, job->guess, job->taken);
	while ((l = c->waiting) != NULL) {
		stop_waiting(l);
		if (job->throttled)
			fail(l, &THROTTLED);
		else if (!job->same || l->account.id == 0)
			fail_later(l, why_wrong(a, l), delay);
		else {
			auth_cache_add(a->cache, l->account.id, c->digest,
			    clock_mono_ms());
			succeed(l, SPAN(""));
		}
	}
	mem_wipe(c, sizeof(*c));
	mem_free(&c);
}

/* ---- SCRAM ---- */

static bool
give_credential(void *arg, struct span name, struct directory_credential *c)
{
	struct auth_login *l = arg;

	if ((l->refusal = meet(l, name)) != NULL)
		return false;
	*c = l->account.credential;
	return true;
}

/*
 * Each proof is another, whatever the password: whether it is the guess of
 * before cannot be told, so each counts.
 */
static uint32_t
new_guess(void)
{
	uint32_t guess;

	password_random(&guess, sizeof(guess));
	return guess | 1;
}

static void
proven(struct auth_login *l, struct span final)
{
	struct span name, password, authzid;

	auth_sasl_result(l->sasl, &name, &password, &authzid);
	l->as_other = !is_self(l->peer->auth, l, authzid);
	succeed(l, final);
}

/* The client's proof: a try of a password, counted as any other. */
static void
take_proof(struct auth_login *l, struct span response)
{
	struct auth *a = l->peer->auth;
	struct span final = NO_SPAN;
	enum auth_sasl_step step;
	int64_t now = clock_wall(), delay;

	if (!auth_throttle_take(a->throttle, &l->from, now)) {
		fail(l, &THROTTLED);
		return;
	}
	step = auth_sasl_step(l->sasl, response, &final);
	if (step == AUTH_SASL_PROVEN && l->account.id == 0)
		step = AUTH_SASL_WRONG;
	if (step == AUTH_SASL_WRONG) {
		delay = auth_throttle_failed(
		    a->throttle, &l->from, new_guess(), now);
		auth_sasl_free(&l->sasl);
		fail_later(l, why_wrong(a, l), delay);
		return;
	}
	auth_throttle_give_back(a->throttle, &l->from, now);
	if (step == AUTH_SASL_PROVEN)
		proven(l, final);
	else
		fail(l, &MALFORMED);
}

/* ---- what the front says ---- */

static void
say_challenge(struct auth_login *l, struct span challenge)
{
	struct buf out = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	wire_put_bytes(&out, challenge);
	channel_send(
	    l->peer->channel, IPC_AUTH_CHALLENGE, l->id, buf_span(&out));
	buf_free(&out);
}

/* The password cannot be used; whose it was is for the log. */
static void
unusable(struct auth_login *l)
{
	struct span name, password, authzid;

	auth_sasl_result(l->sasl, &name, &password, &authzid);
	fail(l, take_name(l, name) ? &UNUSABLE : &MALFORMED);
}

static void
take_step(struct auth_login *l, enum auth_sasl_step step, struct span challenge)
{
	switch (step) {
	case AUTH_SASL_CHALLENGE: say_challenge(l, challenge); break;
	case AUTH_SASL_PASSWORD: decide(l); break;
	case AUTH_SASL_UNUSABLE: unusable(l); break;
	case AUTH_SASL_REFUSED: fail(l, l->refusal); break;
	case AUTH_SASL_UNBOUND: fail(l, &UNBOUND); break;
	case AUTH_SASL_PROVEN: /* never but in take_proof() */
	case AUTH_SASL_WRONG:
	case AUTH_SASL_MALFORMED: fail(l, &MALFORMED); break;
	}
}

static void
begin(struct auth_login *l, struct span mechanism, bool has_initial,
    struct span initial, struct auth_sasl_terms *terms)
{
	struct auth *a = l->peer->auth;
	struct span challenge = NO_SPAN;

	if (a->nlogins > AUTH_LOGINS_MAX)
		fail(l, &BUSY);
	else if ((l->sasl = auth_sasl_new(mechanism, terms)) == NULL)
		fail(l, &NO_MECHANISM);
	else {
		enum auth_sasl_step step =
		    auth_sasl_begin(l->sasl, has_initial, initial, &challenge);

		take_step(l, step, challenge);
	}
}

bool
auth_login_start(struct auth_peer *p, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	struct span mechanism = wire_bytes(&w, MECHANISM_MAX);
	bool has_initial = wire_u8(&w) != 0;
	struct span initial = wire_bytes(&w, CHANNEL_PAYLOAD_MAX);
	struct span address = wire_bytes(&w, ADDRESS_MAX);
	struct auth_sasl_terms terms = { .credential = give_credential };
	struct auth_login **at = place_of(p, m->id), *l;

	terms.tls_exporter = wire_bytes(&w, BINDING_MAX);
	terms.tls_unique = wire_bytes(&w, BINDING_MAX);
	if (!wire_end(&w) || *at != NULL)
		return false;
	*at = l = mem_alloc(sizeof(*l));
	p->auth->nlogins++;
	l->peer = p;
	l->id = m->id;
	for (size_t i = 0; i < address.len; i++)
		l->address[i] = address.ptr[i];
	terms.arg = l;
	begin(l, mechanism, has_initial, initial, &terms);
	return true;
}

bool
auth_login_step(struct auth_peer *p, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	struct span response = wire_bytes(&w, CHANNEL_PAYLOAD_MAX);
	struct auth_login *l = *place_of(p, m->id);
	struct span challenge = NO_SPAN;
	enum auth_sasl_step step;

	if (!wire_end(&w))
		return false;
	/* Its end and our answer may have crossed. */
	if (l == NULL || l->sasl == NULL)
		return true;
	if (auth_sasl_is_try(l->sasl)) {
		take_proof(l, response);
		return true;
	}
	step = auth_sasl_step(l->sasl, response, &challenge);
	take_step(l, step, challenge);
	return true;
}

bool
auth_login_cancel(struct auth_peer *p, struct channel_msg *m)
{
	struct auth_login *l = *place_of(p, m->id);

	if (l != NULL)
		end(l);
	return m->payload.len == 0;
}

void
auth_login_forget(struct auth_peer *p)
{
	for (size_t i = 0; i < AUTH_BUCKETS; i++)
		while (p->login[i] != NULL)
			end(p->login[i]);
}

void
auth_login_hurry(struct auth_peer *p)
{
	for (size_t i = 0; i < AUTH_BUCKETS; i++)
		for (struct auth_login *l = p->login[i], *next; l != NULL;
		     l = next) {
			next = l->next;
			if (l->delay != NULL)
				delay_over(l);
			else if (l->sasl != NULL)
				end(l);
		}
}
