/*
 * What every file of Hearth stands on: spans of bytes, the names of errors,
 * attributes, and the functions nobody may call.
 */
#ifndef COMMON_BASE_H
#define COMMON_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST_USE       __attribute__((warn_unused_result))
#define NORETURN       __attribute__((noreturn))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes that somebody else owns.  Always lent, never freed through the span. */
struct span {
	const char *ptr;
	size_t len;
};

#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })
#define NO_SPAN	      ((struct span){ NULL, 0 })

static inline struct span
span_of(const char *string)
{
	return (struct span){ string, strlen(string) };
}

/*
 * Every function that can fail in a way its caller must know returns one of
 * these; 0 is success.  The place where a failure is met logs path and errno;
 * callers above pass only the name on, and each protocol has one table that
 * says what its client hears (no default: a new name breaks the build there).
 */
enum herr {
	H_OK = 0,
	H_NOTFOUND, /* no such mailbox, message, account */
	H_EXISTS,   /* the name is taken */
	H_INVALID,  /* malformed input */
	H_DENIED,   /* this user may not do that */
	H_QUOTA,    /* the account's quota is reached */
	H_LIMIT,    /* another limit of ours is reached */
	H_FULL,	    /* the disk has no room beyond its reserve */
	H_BUSY,	    /* held by somebody else: try again later */
	H_CORRUPT,  /* what is on disk cannot be */
	H_VERSION,  /* written by a newer Hearth; left untouched */
	H_IO,	    /* the disk or the kernel failed; the log says how */
};

/* A few words for logs, such as "not found"; never shown to a client. */
const char *herr_text(enum herr);

/* We are wrong, not the world: logs the place and ends the process. */
NORETURN void panic_at(const char *file, int line, const char *why);
#define PANIC(why) panic_at(__FILE__, __LINE__, why)

/* Functions that cut, overflow, or keep hidden state do not compile (the headers that declare them are above). */
#ifdef __GNUC__
#undef sprintf /* macros where the C library checks sizes for clang */
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#pragma GCC poison gmtime localtime ctime asctime atoi atol gets mktemp
#endif

#endif
