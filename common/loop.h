/*
 * The event loop of a process: descriptors, timers, signals.  The only file
 * that includes libevent.  One loop per process, single-threaded.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include "common/base.h"

struct loop;
struct watch; /* one descriptor */
struct timer;
struct signal_watch;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);
void loop_free(struct loop **);
void loop_run(struct loop *);  /* until loop_stop() */
void loop_stop(struct loop *);

/* Level-triggered.  `events` may be 0 and changed at any time, also from the callback, which may free the watch. */
struct watch *watch_new(struct loop *, int fd, unsigned events, void (*ready)(void *arg, unsigned events), void *arg);
void watch_set(struct watch *, unsigned events);
void watch_free(struct watch **); /* does not close the descriptor */

/* One-shot; set again to repeat.  Milliseconds, monotonic. */
struct timer *timer_new(struct loop *, void (*fired)(void *arg), void *arg);
void timer_set(struct timer *, int64_t ms);
void timer_stop(struct timer *);
void timer_free(struct timer **);

struct signal_watch *signal_watch_new(struct loop *, int signo, void (*caught)(void *arg, int signo), void *arg);
void signal_watch_free(struct signal_watch **);

/* Runs `fn` once, after the callbacks of this turn. */
void loop_later(struct loop *, void (*fn)(void *arg), void *arg);

#endif
