/* Standard zone files (RFC 1035 section 5, RFC 2308 section 4, RFC 3597 section 5), their records parsed by
 * ldns.
 *
 * ldns is loaded for it, not linked: it brings libcrypto into memory, which a daemon without zone files does
 * not need. */
#ifndef JIDNS_RR_ZONEFILE_H
#define JIDNS_RR_ZONEFILE_H
#include <stdio.h>

#include "dns/record.h"

struct zonefile;

/* Loads ldns. NULL, and the reason in one line on err, when it can't be had: see library_open, also for when
 * to call it. */
struct zonefile *zonefile_open(FILE *err);
void zonefile_close(struct zonefile *z); /* NULL is allowed */

/* SHA-1 of len octets at data into 20 at digest, which it returns; for NSEC3. It is ldns' own: of use until
 * zonefile_close. Any thread may call it. */
typedef unsigned char *zonefile_sha1(const unsigned char *data, unsigned len, unsigned char *digest);
zonefile_sha1 *zonefile_sha1_of(const struct zonefile *z);

/* Where a record begins; both borrowed for the call. */
struct zonefile_place {
  const char *file;
  unsigned line;
};

enum {
  ZONEFILE_TTL = 3600,  /* s, of records before any $TTL */
  ZONEFILE_DEPTH = 8,   /* files that include each other */
  ZONEFILE_LINE = 65535 /* octets of one entry, all its lines together: what ldns reads */
};

/* Reads the file at path, names relative to the origin, and gives each record, of class IN, its RDATA without
 * compression, to `take` until that returns false. $ORIGIN, $TTL and $INCLUDE are understood; files included
 * must lie in the folder of the file at path or below it. False, and file, line and what is wrong in one line
 * on err, at the first mistake (none is said when it was `take` that ended it). */
bool zonefile_read(struct zonefile *z, const char *path, const uint8_t *origin, size_t origin_len,
                   bool (*take)(void *ctx, const struct record *r, const struct zonefile_place *at),
                   void *ctx, FILE *err);
#endif
