#include "pop3d/pop3_ahead.h"

#include "common/channel.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
	AT_ONCE = 16, /* answers in a message */
	ANSWER_MAX = 32 * 1024,
	MESSAGE_MAX = CHANNEL_PAYLOAD_MAX - 64,
	WORD_LEN = 4,
};

struct pop3_ahead {
	struct channel *channel; /* NULL: the front wants none */
	struct conn *session;
	const struct pop3_ahead_owner *owner;
	void *arg;
	char word[WORD_LEN];
	bool in_row;
	bool alone;    /* nothing came behind the last one: who asks several at
	                  once does not wait for each */
	uint32_t last; /* that the client has got, as far as we know */
	uint32_t next; /* to be laid out */
	uint32_t left; /* laid out, and not yet known to be used */
	uint32_t few;  /* or less left: more are laid out */
};

/* ---- what the front says ---- */

static void
message(void *arg, struct channel *c, struct channel_msg *m)
{
	struct pop3_ahead *a = arg;
	struct wire w = wire_over(m->payload);
	uint32_t used = wire_u32(&w);

	if (!wire_end(&w) || m->type != IPC_AHEAD_USED) {
		log_event(LOG_WARN, "ahead", "not what a front may say");
		channel_free(&a->channel);
		return;
	}
	(void)c;
	/* It may speak of what a command has made void meanwhile. */
	if (used > a->left)
		used = a->left;
	a->left -= used;
	a->last += used;
	a->owner->used(a->arg);
	pop3_ahead_lay_out(a);
}

static void
closed(void *arg, struct channel *c)
{
	struct pop3_ahead *a = arg;

	(void)c;
	channel_free(&a->channel);
}

struct pop3_ahead *
pop3_ahead_new(struct loop *loop, int fd, struct conn *session,
    const struct pop3_ahead_owner *owner, void *arg)
{
	static const struct channel_handler handler = { message, closed };
	struct pop3_ahead *a;

	if (fd < 0)
		return NULL;
	a = mem_alloc(sizeof(*a));
	a->session = session;
	a->owner = owner;
	a->arg = arg;
	a->channel = channel_new(loop, fd, &handler, a);
	return a;
}

void
pop3_ahead_free(struct pop3_ahead **ap)
{
	if (*ap == NULL)
		return;
	channel_free(&(*ap)->channel);
	mem_free(ap);
}

/* ---- what comes through the session ---- */

void
pop3_ahead_came(struct pop3_ahead *a, struct span word, uint32_t number)
{
	bool alone;

	if (a == NULL)
		return;
	alone = conn_input(a->session).len == 0;
	a->in_row = number != 0 && word.len == WORD_LEN && a->last != 0 &&
	            number > a->last && number <= a->last + a->left + 1 &&
	            alone && a->alone;
	a->alone = alone;
	if (number != 0 && word.len == WORD_LEN)
		memcpy(a->word, word.ptr, WORD_LEN);
	a->last = number;
	a->next = number + 1;
	a->left = 0;
}

static bool
put_pair(struct pop3_ahead *a, struct buf *payload)
{
	struct buf question = BUF_INIT(32), answer = BUF_INIT(ANSWER_MAX);
	bool good;

	buf_add(&question, (struct span){ a->word, WORD_LEN });
	buf_byte(&question, ' ');
	buf_number(&question, a->next);
	buf_text(&question, "\r\n");
	good = a->owner->answer(a->arg, a->next, &answer) && !answer.bad &&
	       payload->len + question.len + answer.len <= MESSAGE_MAX;
	if (good) {
		wire_put_bytes(payload, buf_span(&question));
		wire_put_bytes(payload, buf_span(&answer));
	}
	buf_free(&question);
	buf_free(&answer);
	return good;
}

void
pop3_ahead_lay_out(struct pop3_ahead *a)
{
	struct buf payload = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	unsigned n = 0;

	if (a == NULL || a->channel == NULL || !a->in_row || a->left > a->few ||
	    conn_input(a->session).len > 0)
		return;
	wire_put_u64(&payload, conn_taken(a->session));
	wire_put_u64(&payload, conn_given(a->session));
	while (n < AT_ONCE && put_pair(a, &payload)) {
		n++;
		a->next++;
	}
	if (n > 0)
		channel_send(a->channel, IPC_AHEAD, 0, buf_span(&payload));
	a->left += n;
	/* By their number, for a message holds but few large ones. */
	if (n > 0)
		a->few = n / 2;
	buf_free(&payload);
}
