/* Authority sections made record by record for tests of what they prove. Every record has an RRSIG whose
 * signature is nothing: the tests say by hand which are good. */
#ifndef JIDNS_TESTS_DENIAL_KIT_H
#define JIDNS_TESTS_DENIAL_KIT_H
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "dnssec/denial_proof.h"
#include "kit/msg.h"

enum { DENIAL_TYPES = 12, DENIAL_HASH = 20, DENIAL_HASH_TEXT = 33 };

struct denial {
  struct verifier *verifier;
  struct dnssec_budget budget;
  struct proof_of of;
  uint8_t zone[NAME_MAX_LEN];
  const char *zone_text;
  bool good[RRSETS_MAX];
  struct rrsets rrsets;
  struct msg msg;
};

/* What the records are to say; a type of 0 ends the list. */
struct denial_types {
  uint16_t types[DENIAL_TYPES];
};
#define TYPES(...) ((struct denial_types){{__VA_ARGS__}})

/* To be ended by denial_free. */
struct denial *denial_new(const char *zone);
void denial_free(struct denial *d);

void denial_nsec(struct denial *d, const char *owner, const char *next, struct denial_types types);

/* A record with an RRSIG that says this signer and so many labels. */
void denial_record(struct denial *d, const char *owner, uint16_t type, struct rdata rd, const char *signer,
                   unsigned labels);
struct rdata rd_nsec(const char *next, struct denial_types types);

struct denial_nsec3 {
  const char *owner, *next; /* hashes in base32hex; the owner may have more labels */
  unsigned algorithm, flags, iterations, salt_len;
  const uint8_t *salt; /* NULL: some octets */
  struct denial_types types;
};
void denial_nsec3(struct denial *d, struct denial_nsec3 n);
/* A name's hash without salt and further iterations; plus one, minus one. */
void denial_hash(struct denial *d, const char *name, int plus, char out[DENIAL_HASH_TEXT]);
/* The record at a name, whose gap is empty, or from `from` to `to`, or just around a name. */
void denial_nsec3_at(struct denial *d, const char *name, unsigned flags, struct denial_types types);
void denial_nsec3_around(struct denial *d, const char *name, unsigned flags);

/* Reads the message: all sets are good. Then the proofs may be asked for; names in presentation form. */
void denial_done(struct denial *d);
enum proof denial_nxdomain(struct denial *d, const char *name);
enum proof denial_nodata(struct denial *d, const char *name, uint16_t type);
enum proof denial_wildcard_answer(struct denial *d, const char *name, unsigned labels);
enum cut denial_no_ds(struct denial *d, const char *name);
#endif
