/*
 * The directory: accounts, aliases, credentials.  Written by the tool alone;
 * after each change an immutable copy is published (state/published/directory,
 * replaced by rename), which auth roles read without locks.
 *
 * Account ids are never reused.  Addresses are kept in canonical form
 * (addr_canonical).  Functions log what fails and return its name.
 */
#ifndef MAILSTORE_DIRECTORY_H
#define MAILSTORE_DIRECTORY_H

#include "common/buf.h"

struct directory;

/* For the tool: read and write; makes it if it is missing.  H_BUSY if another tool writes. */
enum herr directory_open(struct directory **, const char *state) MUST_USE;
/* For auth: the published copy.  H_NOTFOUND if nothing was published yet. */
enum herr directory_open_published(struct directory **, const char *state) MUST_USE;
/* A copy for a backup, into an empty file; and such a file, for reading. */
enum herr directory_copy_to(struct directory *, int fd) MUST_USE;
enum herr directory_open_copy(struct directory **, const char *file) MUST_USE;
void directory_close(struct directory **);
/* The configured domains (lower case, A-labels; lent): what is outside, and where postmaster@ and abuse@ exist. */
void directory_domains(struct directory *, char *const *domains, size_t n);
/* Has a newer copy replaced the published one this was opened from?  One system call. */
bool directory_is_stale(const struct directory *);
/* Random, made with the directory, the same in every copy: salts for names that do not exist are derived from it. */
enum { DIRECTORY_SECRET_LEN = 32 };
enum herr directory_secret(struct directory *, uint8_t secret[DIRECTORY_SECRET_LEN]) MUST_USE;

/* SCRAM-SHA-256 verifier (RFC 5802, 7677). */
struct directory_credential {
	uint32_t iterations; /* 0: no password set */
	uint8_t salt[16], stored_key[32], server_key[32];
};

struct directory_account {
	uint64_t id;
	char address[321];
	uint64_t quota; /* bytes; 0: none.  As last set; what counts stands in the account's store */
	uint64_t without; /* capabilities that are not announced to it (common/capability.h) */
	struct directory_credential credential;
};

/* ---- reading ---- */
enum herr directory_account_by_address(struct directory *, struct span canonical, struct directory_account *) MUST_USE; /* exact, no aliases */
enum herr directory_account_by_id(struct directory *, uint64_t id, struct directory_account *) MUST_USE;
/* What stands under an address, exactly: an account's id, or 0 for an alias; H_NOTFOUND. */
enum herr directory_whose(struct directory *, struct span canonical, uint64_t *account) MUST_USE;
/* A login name: an address, or a bare local part where only one account has it. */
enum herr directory_account_by_login(struct directory *, struct span name, struct directory_account *) MUST_USE;
bool directory_next_account(struct directory *, uint64_t *id, struct directory_account *); /* the smallest id > *id */

/* Where mail for an address goes: itself, +tag stripped, aliases followed (at most 10 deep, loops end, each target once), postmaster@ and abuse@ of own domains to the first account. */
struct directory_target { uint64_t account; /* 0: outside */ char address[321]; };
enum { DIRECTORY_TARGETS_MAX = 100 };
enum herr directory_resolve(struct directory *, struct span canonical, struct directory_target *targets, size_t *ntargets) MUST_USE; /* H_NOTFOUND */
/* May mail sent by that account bear this address (does it deliver to it)? */
bool directory_may_send_as(struct directory *, uint64_t account, struct span canonical);

struct directory_alias { char address[321]; char **targets; size_t ntargets; };
bool directory_next_alias(struct directory *, char *address /* in: last, out: next; 321 bytes */, struct directory_alias *); /* targets valid until the next call */

/* Checks every row and every reference; `found` is called for each fault; returns their number. */
uint64_t directory_verify(struct directory *, void (*found)(void *arg, const char *fault), void *arg);

/* ---- writing: the tool.  Each call is one durable transaction, then a publication. ---- */
/* What numbers of this directory were given: a generation, the next id.  And after a copy was put in its place: it goes on above those. */
enum herr directory_numbers(struct directory *, uint64_t *generation, uint64_t *next) MUST_USE;
enum herr directory_renew(struct directory *, uint64_t generation, uint64_t next) MUST_USE;
/* The id that the next account will get, so that its store can be made before anybody can deliver to it. */
enum herr directory_next_id(struct directory *, uint64_t *id) MUST_USE;
enum herr directory_add_account(struct directory *, struct span canonical, const struct directory_credential *, uint64_t *id) MUST_USE; /* H_EXISTS */
enum herr directory_set_credential(struct directory *, uint64_t id, const struct directory_credential *) MUST_USE;
enum herr directory_set_quota(struct directory *, uint64_t id, uint64_t bytes) MUST_USE;
enum herr directory_set_without(struct directory *, uint64_t id, uint64_t capabilities) MUST_USE;
enum herr directory_remove_account(struct directory *, uint64_t id) MUST_USE;
enum herr directory_add_alias(struct directory *, struct span canonical, const struct span *targets, size_t n) MUST_USE; /* replaces; H_EXISTS for an account's address */
enum herr directory_remove_alias(struct directory *, struct span canonical) MUST_USE;

#endif
