/* A cache with answers of many kinds, and its snapshot as octets. */
#ifndef JIDNS_CACHE_SNAP_KIT_H
#define JIDNS_CACHE_SNAP_KIT_H
#include "cache/snapshot.h"
#include "kit/made.h"

enum { SNAP_TICK = 50000, SNAP_KINDS = 8 };
#define SNAP_WALL 1700000000000ull

/* The moment when snapshots are written, and one `s` seconds later by the wall, on another machine's clock.
 */
extern const struct snapshot_now snap_then;
struct snapshot_now snap_later(uint64_t s);
enum { SNAP_LATER = 90000000 }; /* its tick */

/* SNAP_KINDS answers, born a while before SNAP_TICK: addresses, an SRV with addresses, NXDOMAIN, a chain,
 * signatures, the root, names in mixed case, one fetched ahead. Their TTLs are 300 s or more, but for an
 * address of 200. */
void snap_fill(struct cache *c);

/* A folder of the test's own, and a path in it; snap_close removes what the test left there. */
const char *snap_path(void);
void snap_close(void);

/* Writes the snapshot of c at snap_then and reads the file; to be freed. */
uint8_t *snap_octets(struct cache *c, size_t *len);

/* All entries of a and all of b are the same: question, records, standing; b's were born `later` ticks after
 * a's. */
void snap_same(struct cache *a, struct cache *b, uint32_t later);
#endif
