/* The commands of SMTP, and who may say them when. */
#ifndef SMTPD_SMTP_COMMAND_H
#define SMTPD_SMTP_COMMAND_H

#include "smtpd/smtp.h"

/* One line of the client, without its end: the only place that decides whether a command may run. */
enum smtp_step smtp_command_run(struct smtp_session *, struct span line);

#endif
