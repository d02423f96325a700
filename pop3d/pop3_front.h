/* The front of POP3: everything before login (RFC 1939: AUTHORIZATION). */
#ifndef POP3D_POP3_FRONT_H
#define POP3D_POP3_FRONT_H

#include "common/front.h"

extern const struct front_protocol pop3_front;

#endif
