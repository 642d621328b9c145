/* What DNSSEC needs of cryptography: digests, and whether a signature is a key's. OpenSSL does the work; it
 * is loaded when somebody asks for it. */
#ifndef JIDNS_CRYPTO_VERIFY_H
#define JIDNS_CRYPTO_VERIFY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct verifier; /* the library, and its digests, fetched once; threads may share it */

/* Loads the library and has it verify a signature of each algorithm that is known here. NULL after a line on
 * err: there is none, or it can't do what nearly all zones need (SHA-2, RSA/SHA-256, ECDSA P-256). What else
 * it can't do is a line on err each, and known no more: a policy may forbid it. */
struct verifier *verifier_new(FILE *err);
void verifier_free(struct verifier *v); /* NULL is fine */

/* Can signatures of this algorithm (IANA's number) be verified? 8, 10 and 13 to 16, as far as the library
 * can. Those with SHA-1 are treated as if they were not known (RFC 9905). */
bool verifier_knows(const struct verifier *v, uint8_t algorithm);

/* A public key in the library's form, which is dear to make and is therefore kept. One thread's. */
struct public_key;

/* The key of a DNSKEY record: its algorithm (IANA's number) and the octets of its public key field (RFC 3110,
 * 6605, 8080). NULL: an algorithm that is not known here, no key of that algorithm, one that is too large
 * (RSA: 4096 bits, an exponent of 40 bits: the largest in use, 2^32 + 1, has 33), or memory is out. */
struct public_key *public_key_new(const struct verifier *v, uint8_t algorithm, const uint8_t *key,
                                  size_t len);
void public_key_free(const struct verifier *v, struct public_key *k); /* NULL is fine */

/* Does the signature, in DNSSEC's form, prove that these octets come from who has the key? */
bool public_key_verifies(const struct verifier *v, const struct public_key *k, const uint8_t *octets,
                         size_t len, const uint8_t *signature, size_t signature_len);

/* What one such verification takes, in units of one by P-256 (some 50 us): P-384 nine or ten, RSA by the
 * lengths of modulus and exponent. */
unsigned public_key_cost(const struct public_key *k);

enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384 };
enum { DIGEST_MOST = 48 };
bool verifier_has_digest(const struct verifier *v, enum digest which);

/* Writes the digest of two runs of octets, one behind the other, the second of which may be empty. Returns
 * its length, 0 when the library can't. */
size_t verifier_digest(const struct verifier *v, enum digest which, const uint8_t *a, size_t a_len,
                       const uint8_t *b, size_t b_len, uint8_t out[DIGEST_MOST]);
#endif
