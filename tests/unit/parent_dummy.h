/*
 * A daemon whose roles do next to nothing, for test_parent: the test's own
 * program, started again in each role.  Clients talk to its fronts in lines:
 *
 *	pid		-> PID of the front
 *	peer KIND	-> "peer ERR"; asks the parent for a channel to that role (and account 1)
 *	auth		-> "auth PID", by way of the channel to auth
 *	login ACCOUNT	-> "login ERR", then what the account role says: "account ACCOUNT PID"
 *	verb TYPE	says a verb to the parent, whatever it is
 *	idle		tells the parent that there is nothing to do
 *	limits		-> "limits N": how often new ones came, and the newest max_connections
 *	die		ends with status 3
 *
 * When the daemon ends it hears "ends", and the front waits for it to go.
 */
#ifndef TESTS_PARENT_DUMMY_H
#define TESTS_PARENT_DUMMY_H

/* Plays a role, or the parent with "-c FILE"; returns only if `argv` asks for neither. */
void dummy_main(int argc, char **argv);

enum { DUMMY_SICK_ACCOUNT = 666 }; /* its role dies at start */

#endif
