/* Two threads, one lock, one descriptor that wakes the loop. */
#include "mailstore/auth_work.h"

#include <sys/eventfd.h>

#include <pthread.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

enum { STACK = 256 * 1024 };

struct list {
	struct auth_job *first, **last;
	size_t n;
};

struct auth_work {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_attr_t attr;
	pthread_t thread[AUTH_WORK_THREADS];
	size_t nthreads, nbusy;
	struct list waiting, ready;
	uint64_t last_peer; /* whose job was taken last */
	bool ending;

	int wake;
	struct watch *watch;
	struct auth_throttle *throttle;
	void (*done)(void *arg, struct auth_job *);
	void *arg;
};

static void
list_init(struct list *l)
{
	*l = (struct list){ .last = &l->first };
}

static void
list_add(struct list *l, struct auth_job *job)
{
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
	l->n++;
}

static struct auth_job *
list_take(struct list *l, struct auth_job **at)
{
	struct auth_job *job = *at;

	if ((*at = job->next) == NULL)
		l->last = at;
	l->n--;
	return job;
}

/* The oldest job of another address than the last one's; else the oldest. */
static struct auth_job *
take_next(struct auth_work *w)
{
	struct auth_job **at = &w->waiting.first;

	while (*at != NULL && (*at)->peer.tag[0] == w->last_peer)
		at = &(*at)->next;
	if (*at == NULL)
		at = &w->waiting.first;
	w->last_peer = (*at)->peer.tag[0];
	return list_take(&w->waiting, at);
}

static void
try(struct auth_throttle *throttle, struct auth_job *job)
{
	struct directory_credential c = job->credential;

	job->taken = clock_wall();
	if (!auth_throttle_take(throttle, &job->peer, job->taken)) {
		job->throttled = true;
		return;
	}
	password_derive((struct span){ job->password, job->password_len }, &c);
	job->same = password_same(c.stored_key, job->credential.stored_key);
	/* As hard to turn back into the password as what the directory keeps.
	 */
	job->guess = le32(c.stored_key) | 1;
	mem_wipe(&c, sizeof(c));
}

static void *
work(void *arg)
{
	struct auth_work *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct auth_job *job;
		uint64_t one = 1;

		while (w->waiting.first == NULL && !w->ending)
			pthread_cond_wait(&w->more, &w->lock);
		if (w->ending)
			break;
		job = take_next(w);
		w->nbusy++;
		pthread_mutex_unlock(&w->lock);
		try(w->throttle, job);
		mem_wipe(job->password, sizeof(job->password));
		pthread_mutex_lock(&w->lock);
		w->nbusy--;
		list_add(&w->ready, job);
		if (write(w->wake, &one, sizeof(one)) != sizeof(one))
			PANIC("the loop cannot be woken");
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void
woken(void *arg, unsigned events)
{
	struct auth_work *w = arg;
	uint64_t count;

	(void)events;
	if (read(w->wake, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&w->lock);
	while (w->ready.first != NULL) {
		struct auth_job *job = list_take(&w->ready, &w->ready.first);

		pthread_mutex_unlock(&w->lock);
		w->done(w->arg, job);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
}

struct auth_work *
auth_work_new(struct loop *loop, struct auth_throttle *throttle,
    void (*done)(void *arg, struct auth_job *), void *arg)
{
	struct auth_work *w = mem_alloc(sizeof(*w));

	list_init(&w->waiting);
	list_init(&w->ready);
	w->throttle = throttle;
	w->done = done;
	w->arg = arg;
	if ((w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		PANIC("no eventfd");
	w->watch = watch_new(loop, w->wake, LOOP_READ, woken, w);
	if (pthread_mutex_init(&w->lock, NULL) != 0 ||
	    pthread_cond_init(&w->more, NULL) != 0 ||
	    pthread_attr_init(&w->attr) != 0 ||
	    pthread_attr_setstacksize(&w->attr, STACK) != 0)
		PANIC("no threads");
	return w;
}

static void
forget(struct list *l)
{
	while (l->first != NULL) {
		struct auth_job *job = list_take(l, &l->first);

		mem_wipe(job, sizeof(*job));
		mem_free(&job);
	}
}

void
auth_work_free(struct auth_work **wp)
{
	struct auth_work *w = *wp;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->nthreads; i++)
		pthread_join(w->thread[i], NULL);
	forget(&w->waiting);
	forget(&w->ready);
	watch_free(&w->watch);
	close(w->wake);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	pthread_attr_destroy(&w->attr);
	mem_free(wp);
}

/* One more thread, if all there are have something to do. */
static void
man(struct auth_work *w)
{
	if (w->nthreads == AUTH_WORK_THREADS ||
	    w->nthreads >= w->nbusy + w->waiting.n)
		return;
	if (pthread_create(&w->thread[w->nthreads], &w->attr, work, w) == 0)
		w->nthreads++;
	else if (w->nthreads == 0)
		PANIC("no thread");
}

bool
auth_work_add(struct auth_work *w, struct auth_job *job)
{
	bool room;

	pthread_mutex_lock(&w->lock);
	if ((room = w->waiting.n < AUTH_WORK_QUEUE_MAX)) {
		list_add(&w->waiting, job);
		man(w);
		pthread_cond_signal(&w->more);
	}
	pthread_mutex_unlock(&w->lock);
	return room;
}
