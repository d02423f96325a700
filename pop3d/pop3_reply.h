/*
 * Everything that the POP3 server ever says, and the commands' common grammar.
 * No text holds a byte from the client.
 */
#ifndef POP3D_POP3_REPLY_H
#define POP3D_POP3_REPLY_H

#include "common/conn.h"

enum {
	POP3_LINE_MAX = 255,	     /* with CRLF: RFC 2449, 4 */
	POP3_BAD_MAX = 10,	     /* senseless lines; then it is no mail program */
	POP3_CAPA_STLS = 1 << 0,     /* may still be asked for */
	POP3_CAPA_SESSION = 1 << 1,  /* logged in */
};

enum pop3_reply {
	POP3_OK,
	POP3_GREETING,
	POP3_BEGIN_TLS,
	POP3_NAME_TAKEN,
	POP3_LOGGED_IN,
	POP3_MARKED,
	POP3_RESET,
	POP3_BYE,

	POP3_UNKNOWN,
	POP3_SYNTAX,
	POP3_TOO_LONG,
	POP3_BARE,
	POP3_WRONG_PROTOCOL,
	POP3_NO_TLS,
	POP3_TLS_ALREADY,
	POP3_TLS_FIRST,
	POP3_NAME_FIRST,
	POP3_CANCELLED,
	POP3_NOT_BASE64,
	POP3_NO_MECHANISM,
	POP3_WRONG_LOGIN,
	POP3_THROTTLED,
	POP3_IN_USE,
	POP3_SESSIONS,
	POP3_TROUBLE,
	POP3_DAMAGED,
	POP3_NO_MESSAGE,
	POP3_MESSAGE_GONE,
	POP3_NOT_DELETED,
	POP3_TOO_MANY,
	POP3_TOO_MANY_FROM_YOU,
	POP3_TOO_OFTEN,
	POP3_GOING_DOWN,
	POP3_IDLE_TOO_LONG,
	POP3_REPLY_COUNT,
};

void pop3_say(struct conn *, enum pop3_reply);
void pop3_put(struct buf *, enum pop3_reply);
/* What an error of ours looks like from outside. */
enum pop3_reply pop3_reply_for(enum herr);
/* `sasl`: mechanisms, each with a space in front; empty: no passwords are taken here and now. */
void pop3_capa(struct conn *, unsigned what, struct span sasl, uint64_t without);
/* Those that everybody has heard of before login: RFC 2449, 5 wants them after it too. */
#define POP3_SASL " PLAIN LOGIN SCRAM-SHA-256"


/* A command: its word, and what follows the first space. */
struct pop3_line {
	struct span word, rest;
	bool has_rest;
};
struct pop3_line pop3_line(struct span line);
/* `rest` as at most `most` numbers; false: something else is in it, or there are more. */
bool pop3_numbers(struct span rest, uint32_t *number, unsigned most, unsigned *count);

#endif
