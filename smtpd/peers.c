#include "smtpd/peers.h"

#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

static void
remove_peer(struct peer *p)
{
	struct peers *all = p->peers;

	if ((*p->link = p->next) != NULL)
		p->next->link = p->link;
	all->count--;
	all->gone(all->arg, p);
	channel_free(&p->channel);
	mem_free(&p);
}

static void
message(void *arg, struct channel *c, struct channel_msg *m)
{
	struct peer *p = arg;

	(void)c;
	if (p->peers->message(p->peers->arg, p, m))
		return;
	log_event(LOG_ERROR, "bad-peer", "not what a receiver may say");
	remove_peer(p);
}

static void
closed(void *arg, struct channel *c)
{
	(void)c;
	remove_peer(arg);
}

void
peers_add(struct peers *all, int fd, uint64_t login)
{
	static const struct channel_handler handler = { message, closed };
	struct peer *p;

	if (all->count == all->most) {
		close(fd);
		return;
	}
	p = mem_alloc(sizeof(*p));
	p->peers = all;
	p->login = login;
	p->channel = channel_new(all->loop, fd, &handler, p);
	if ((p->next = all->first) != NULL)
		p->next->link = &p->next;
	p->link = &all->first;
	all->first = p;
	all->count++;
}

void
peers_end(struct peers *all)
{
	while (all->first != NULL)
		remove_peer(all->first);
}
