/*
 * Answers that are there before their questions (pop3d).
 *
 * After login each question goes from the client through us to the account
 * role, and its answer comes back: two processes to be woken, which takes
 * longer than all the rest.  Where one question lets expect the next (RETR 7
 * after RETR 6), the account role sends us questions with their answers, on a
 * channel beside the session's stream.  If the client then asks just that, it
 * has its answer at once.
 *
 * Such an answer holds for one state of the session: after so many bytes in and
 * so many out.  Whatever else the client says goes to the account role, the
 * numbers rise, and what was laid out before is void.  Nothing here knows what
 * the bytes mean.
 */
#include "common/channel.h"
#include "common/clock.h"
#include "common/front_private.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
	PACKS_MAX = 4,
	FEW = 8,       /* left: it is time to ask for more */
	SAY_MS = 1000, /* or that the client is still there */
};

/* One message of the account role. */
struct pack {
	struct pack *next;
	uint64_t in, out;
	size_t at, len; /* what is left of its pairs */
	unsigned left;
	char bytes[];
};

struct front_ahead {
	struct channel *channel;
	struct pack *first;
	unsigned packs, left; /* pairs */
	uint32_t used;        /* not told yet */
	bool asked;           /* for more */
	int64_t told;
};

static void
drop_first(struct front_ahead *a)
{
	struct pack *p = a->first;

	a->first = p->next;
	a->packs--;
	a->left -= p->left;
	mem_free(&p);
}

void
front_ahead_end(struct client *c)
{
	struct front_ahead *a = c->ahead;

	if (a == NULL)
		return;
	while (a->first != NULL)
		drop_first(a);
	channel_free(&a->channel);
	mem_free(&c->ahead);
}

/* ---- what the account role lays out ---- */

static bool
take_pack(struct front_ahead *a, struct span payload)
{
	struct wire w = wire_over(payload), pairs;
	uint64_t in = wire_u64(&w), out = wire_u64(&w);
	struct pack *p, **last = &a->first;
	unsigned n = 0;

	/* What is of another state will never be asked for. */
	while (a->first != NULL && (a->first->in != in || a->first->out != out))
		drop_first(a);
	pairs = w;
	for (; !w.bad && w.pos < w.end; n++)
		if (wire_bytes(&w, payload.len).len == 0 ||
		    wire_bytes(&w, payload.len).len == 0)
			return false;
	if (!wire_end(&w) || a->packs == PACKS_MAX)
		return false;
	p = mem_alloc(sizeof(*p) + (size_t)(pairs.end - pairs.pos));
	p->in = in;
	p->out = out;
	p->len = (size_t)(pairs.end - pairs.pos);
	p->left = n;
	memcpy(p->bytes, pairs.pos, p->len);
	while (*last != NULL)
		last = &(*last)->next;
	*last = p;
	a->packs++;
	a->left += n;
	a->asked = false;
	return true;
}

static void
message(void *arg, struct channel *ch, struct channel_msg *m)
{
	struct client *c = arg;

	(void)ch;
	if (m->type == IPC_AHEAD && take_pack(c->ahead, m->payload))
		return;
	log_event(LOG_WARN, "ahead", "not what an account role may say");
	front_ahead_end(c);
}

static void
closed(void *arg, struct channel *ch)
{
	(void)ch;
	front_ahead_end(arg);
}

void
front_ahead_begin(struct client *c, int fd)
{
	static const struct channel_handler handler = { message, closed };
	struct front_ahead *a = mem_alloc(sizeof(*a));

	a->channel = channel_new(c->front->loop, fd, &handler, c);
	c->ahead = a;
}

/* ---- what the client asks ---- */

/* The answer to what `in` begins with; pairs before it are passed over. */
static bool
find(struct front_ahead *a, struct span in, struct span *question,
    struct span *answer)
{
	for (struct pack *p = a->first; p != NULL; p = p->next) {
		struct wire w = wire_over(
		    (struct span){ p->bytes + p->at, p->len - p->at });

		for (unsigned n = 1; n <= p->left; n++) {
			*question = wire_bytes(&w, p->len);
			*answer = wire_bytes(&w, p->len);
			if (in.len < question->len ||
			    memcmp(in.ptr, question->ptr, question->len) != 0)
				continue;
			while (a->first != p) {
				a->used += a->first->left;
				drop_first(a);
			}
			a->used += n;
			a->left -= n;
			p->left -= n;
			p->at = (size_t)((const char *)w.pos - p->bytes);
			return true;
		}
	}
	return false;
}

static void
tell(struct front_ahead *a)
{
	int64_t now = clock_mono_ms();
	unsigned char payload[4];

	if (a->used == 0 ||
	    ((a->left > FEW || a->asked) && now - a->told < SAY_MS))
		return;
	a->asked = a->left <= FEW;
	put_le32(payload, a->used);
	a->used = 0;
	a->told = now;
	channel_send(a->channel, IPC_AHEAD_USED, 0,
	    (struct span){ (const char *)payload, sizeof(payload) });
}

void
front_ahead_answer(struct client *c)
{
	struct front_ahead *a = c->ahead;
	struct span question, answer;

	if (a == NULL)
		return;
	while (a->first != NULL && a->first->in == c->in &&
	       a->first->out == c->out && !conn_full(c->conn) &&
	       find(a, conn_input(c->conn), &question, &answer)) {
		conn_write(c->conn, answer);
		conn_consume(c->conn, question.len);
		while (a->first != NULL && a->first->left == 0)
			drop_first(a);
	}
	/* The client first. */
	conn_flush(c->conn);
	tell(a);
}
