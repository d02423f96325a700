/* A self-signed certificate and its key as PEM text, for tests. */
#ifndef TESTS_UNIT_CERTIFICATE_H
#define TESTS_UNIT_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct certificate {
	char certificate[4096], key[4096];
};

static void
certificate_text(BIO *bio, char *text, size_t room)
{
	int n = BIO_read(bio, text, (int)room - 1);

	if (n <= 0)
		abort();
	text[n] = '\0';
	BIO_free(bio);
}

static void
certificate_make(struct certificate *c, bool rsa)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	BIO *bio;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"mail.example.test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	if (X509_sign(x, key, EVP_sha256()) == 0)
		abort();
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	certificate_text(bio, c->certificate, sizeof(c->certificate));
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	certificate_text(bio, c->key, sizeof(c->key));
	X509_free(x);
	EVP_PKEY_free(key);
}

#endif
