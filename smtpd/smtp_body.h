/*
 * A message while it comes in: dots, limits, trace field, the header's checks
 * and mending, MIME, and its bytes in memory or in a file.  Fed in pieces of any
 * size.  Whatever is wrong with it, it is read to its true end; the verdict
 * comes then.
 */
#ifndef SMTPD_SMTP_BODY_H
#define SMTPD_SMTP_BODY_H

#include "smtpd/content.h"
#include "smtpd/smtp_reply.h"

struct smtp_body;

struct smtp_body_rules {
	bool submission;      /* mend bare LF; complete the header */
	uint64_t size_limit;  /* of what the client sends */
	const char *hostname; /* these three for what a submission lacks; they outlive the body */
	const char *trace;
	int64_t now;
	/* Was it here before?  Asked once, with the header. */
	bool (*is_loop)(void *arg, struct span header);
	void *arg;
};

/* `received` is the trace field that goes in front. */
struct smtp_body *smtp_body_new(const struct smtp_body_rules *, struct span received);
void smtp_body_free(struct smtp_body **);

/* How many bytes were taken: up to the end of the message, or none while a file is wanted. */
size_t smtp_body_feed(struct smtp_body *, struct span);
bool smtp_body_wants_file(const struct smtp_body *);
void smtp_body_file(struct smtp_body *, enum herr, int fd); /* takes fd; an error is remembered for the verdict */
bool smtp_body_done(const struct smtp_body *);

/* Once, when it is done: REPLY_STORED if it may go on (and then the content is whole, and sealed beside `others` bytes), else what to answer. */
enum smtp_reply smtp_body_end(struct smtp_body *, size_t others);
uint64_t smtp_body_size(const struct smtp_body *); /* what the client sent, for logs */
const struct content *smtp_body_content(const struct smtp_body *);

#endif
