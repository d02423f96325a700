/*
 * hearth-smtp-front: port 25 as the role mx, 587 and 465 as the role
 * submission.  The parent says which in the first argument.
 */
#include "smtpd/smtp.h"

int
main(int argc, char **argv)
{
	bool submission =
	    argc > 1 && strcmp(argv[1], role_name(ROLE_SMTP_SUBMISSION)) == 0;

	front_main(submission ? &smtp_submission : &smtp_mx);
}
