/*
 * The rows of the directory, for directory*.c only.  They are drawn in
 * mailstore/README.
 */
#ifndef MAILSTORE_DIRECTORY_INT_H
#define MAILSTORE_DIRECTORY_INT_H

#include "mailstore/directory.h"
#include "mailstore/store_db.h"

enum {
	DIRECTORY_ADDRESS_MAX = 320,
	DIRECTORY_DEPTH_MAX = 10, /* aliases of aliases */
};

enum directory_tree { TREE_ACCOUNT = 1, TREE_NAME = 2 };

/* No key is smaller, and none is empty. */
#define DIRECTORY_FIRST_KEY SPAN("\0")

struct directory {
	struct db *db;
	char *state;
	bool published;
	int fd; /* published: the copy's file; else the folder, which we hold a lock on */
	char *const *domains;
	size_t ndomains;
	struct directory_alias alias; /* what directory_next_alias() lent */
	/* Where directory_resolve() works: kept, for every recipient needs it. */
	struct directory_item *items;
	struct directory_target *targets;
};

/* An address that resolution came to, and through how many aliases. */
struct directory_item {
	char address[DIRECTORY_ADDRESS_MAX + 1];
	unsigned depth;
};

/* The one row that says what all others are. */
struct directory_head {
	uint64_t generation; /* one more with each change */
	uint64_t next;	     /* id of the next account */
	uint8_t secret[DIRECTORY_SECRET_LEN];
};
enum herr directory_get_head(struct db_txn *, struct directory_head *) MUST_USE; /* H_NOTFOUND: a new environment; H_VERSION */
void directory_put_head(struct db_txn *, const struct directory_head *);

/* What stands under an address: an account, or an alias with its targets; lent. */
struct directory_name {
	uint64_t account;    /* 0: an alias */
	size_t ntargets;
	struct span targets; /* each a wire string */
};
bool directory_get_name(struct db_txn *, struct span canonical, struct directory_name *);
bool directory_next_target(struct directory_name *, struct span *target); /* takes one off */
void directory_put_name(struct db_txn *, struct span canonical, uint64_t account, const struct span *targets, size_t n); /* account 0: an alias */

bool directory_get_account(struct db_txn *, uint64_t id, struct directory_account *);
void directory_put_account(struct db_txn *, const struct directory_account *);
bool directory_read_account(struct span row, struct directory_account *) MUST_USE;
bool directory_read_name(struct span row, struct directory_name *) MUST_USE;

bool directory_is_local(const struct directory *, struct span address);
enum herr directory_publish(struct directory *) MUST_USE;
void directory_release_alias(struct directory *);

#endif
