/* Zones signed by ldns (RFC 4035 section 2), and single RRsets signed anew: for a lab whose DNSSEC is to be
 * shown, and broken on purpose.
 *
 * Keys lie in a folder, in the files that dnssec-keygen and ldns-keygen make:
 * K<zone>+<algorithm>+<tag>.private, .key and .ds beside it. */
#ifndef JIDNS_RR_SIGN_H
#define JIDNS_RR_SIGN_H
#include <stdio.h>

#include "dns/record.h"

enum {
  SIGN_KEYS = 4,            /* of one zone */
  SIGN_EARLY_S = 3600,      /* signatures hold from so long before they are made, */
  SIGN_HOLD_S = 30 * 86400, /* for so long afterwards; */
  SIGN_AGAIN_S = 15 * 86400 /* so old ones are to be made anew */
};

enum sign_denial { SIGN_NSEC, SIGN_NSEC3 /* no salt, no iteration, no opt-out (RFC 9276) */ };

struct signer;    /* ldns, and the keys that were read */
struct sign_keys; /* of one zone; the signer's, until that is closed */

/* Loads ldns. NULL, and the reason in one line on err: see library_open, also for when to call it. */
struct signer *signer_open(FILE *err);
void signer_close(struct signer *s); /* NULL is allowed; nobody may use its keys any more */

/* Makes a folder for keys, unless it is there, and says so on err. No more once system calls are filtered. */
void signer_make_folder(const char *folder, FILE *err);

/* The keys of the zone (its name in lower case) in this folder. Where there is none, one of P-256 is made and
 * kept there. What was read once serves on where the folder may not be read any more.
 * NULL, and folder or file and what is wrong in one line on err. */
const struct sign_keys *signer_keys(struct signer *s, const char *folder, const uint8_t *zone, size_t len,
                                    FILE *err);

/* Is this text, which lists the trust anchors, another than the one it was asked about before? */
bool signer_anchors_change(struct signer *s, const char *text);

/* Takes a record that was made, RDATA without compression; false ends it. */
typedef bool sign_take(void *ctx, const struct record *r);

/* Gives the DS records (SHA-256) of what a parent zone is to trust: the keys with the SEP flag, or all if
 * none has it. False when memory is out, or `take` said so. */
bool sign_give_ds(struct signer *s, const struct sign_keys *k, uint32_t ttl_s, sign_take *take, void *ctx);

/* The DS record, in its TTL, of a DNSKEY record with the SEP flag; of another, none is given. */
bool sign_give_ds_of(struct signer *s, const struct record *dnskey, sign_take *take, void *ctx);

/* Writes a DS record as text to `out`, with a line feed. */
bool sign_print(struct signer *s, const struct record *r, FILE *out);

struct sign_zone; /* a zone being signed */

/* ttl_s: of the DNSKEY records. NULL: memory is out. */
struct sign_zone *sign_zone_new(struct signer *s, const struct sign_keys *k, uint32_t ttl_s);
void sign_zone_free(struct sign_zone *z); /* NULL is allowed */

/* Adds a record of the zone, its SOA among them, no two alike; those of delegations and glue as well. False:
 * memory is out, or ldns refuses it. */
bool sign_zone_add(struct sign_zone *z, const struct record *r);

/* Signs what was added, at now_s (UTC). Gives what is new: DNSKEY, RRSIG, NSEC or NSEC3 and NSEC3PARAM
 * records. False, and *why (static) says why (NULL: `take` ended it). */
bool sign_zone_finish(struct sign_zone *z, enum sign_denial denial, uint64_t now_s, sign_take *take,
                      void *ctx, const char **why);

/* Makes the signature anew of the RRset of n records at `set`, which `sig`, an RRSIG record, covers: with
 * these dates (seconds since 1970, UTC), and for what the records say now. Writes its RDATA, as long as that
 * of `sig`, to `out`. False, out untouched: these are not the keys it was made with, or it can't be done. Any
 * thread. */
bool sign_again(struct signer *s, const struct sign_keys *k, const struct record *sig,
                const struct record *set, unsigned n, uint32_t inception_s, uint32_t expiration_s,
                uint8_t *out);
#endif
