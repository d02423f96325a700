/* SHA-256 by libcrypto. */
#include "mailstore/digest.h"

#include <openssl/evp.h>

#include "common/mem.h"

struct digest {
	EVP_MD *kind;
	EVP_MD_CTX *state;
};

struct digest *
digest_new(void)
{
	struct digest *d = mem_alloc(sizeof(*d));

	d->kind = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->state = EVP_MD_CTX_new();
	if (d->kind == NULL || d->state == NULL)
		PANIC("libcrypto has no SHA-256");
	return d;
}

void
digest_free(struct digest **dp)
{
	if (*dp == NULL)
		return;
	EVP_MD_CTX_free((*dp)->state);
	EVP_MD_free((*dp)->kind);
	mem_free(dp);
}

void
digest_begin(struct digest *d)
{
	if (EVP_DigestInit_ex(d->state, d->kind, NULL) != 1)
		PANIC("libcrypto cannot compute SHA-256");
}

void
digest_add(struct digest *d, struct span bytes)
{
	if (EVP_DigestUpdate(d->state, bytes.ptr, bytes.len) != 1)
		PANIC("libcrypto cannot compute SHA-256");
}

void
digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
	if (EVP_DigestFinal_ex(d->state, out, NULL) != 1)
		PANIC("libcrypto cannot compute SHA-256");
}
