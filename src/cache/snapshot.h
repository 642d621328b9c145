/* The cache on disk, so that it survives a restart. All of this blocks: it is for a thread that answers
 * nobody.
 *
 * The file says when it was written, by the wall's clock, so that the time asleep counts as age. Whatever it
 * holds is checked as if it came from a server: each answer is made anew, record by record, before it is put
 * in. doc/snapshot.md draws the file. */
#ifndef JIDNS_CACHE_SNAPSHOT_H
#define JIDNS_CACHE_SNAPSHOT_H
#include "cache/cache.h"

enum { SNAPSHOT_PATH = 256 };

/* What the operator decides; a part of the settings. */
struct snapshot_policy {
  char path[SNAPSHOT_PATH]; /* "": where there is a folder for it; "none": nowhere */
  uint32_t every_s;         /* how often it is written; 0: only at the end */
};

/* One moment on two clocks: the wall's, ms since 1970, and the cache's; and by what is said then that answers
 * are authentic (AD, ANSWER_JUDGED): a hash of it. What was said by anything else is not believed then; 0:
 * nobody says so now, and what was said holds on. */
struct snapshot_now {
  uint64_t wall_ms;
  uint32_t tick;
  uint64_t proven_by;
};

enum snapshot_outcome {
  SNAPSHOT_GOOD,
  SNAPSHOT_STOPPED, /* *stop became true */
  SNAPSHOT_MISSING, /* there is no file */
  SNAPSHOT_FAILED,  /* a system call failed; when writing, the file that was there is as it was */
  SNAPSHOT_FOREIGN, /* what is there is no snapshot: it stays as it is */
  SNAPSHOT_DAMAGED  /* of another version, cut short, changed: what came before that was taken */
};

enum { SNAPSHOT_WHY = 96 };
struct snapshot_report {
  size_t entries;   /* written, or put into the cache */
  size_t left_out;  /* read, but too old, in the cache already, or without room */
  bool turned_back; /* the clock shows an earlier time than when it was written: all was taken as expired just
                       now */
  char why[SNAPSHOT_WHY]; /* what is wrong, "No space left on device" or "it is cut short"; empty when GOOD or
                             STOPPED */
};

/* Writes all entries to `path`: to a new file beside it, which takes its place once it is whole and on the
 * disk. Never in place of a file that is no snapshot. Ends early when *stop (set by another thread; NULL:
 * none) becomes true. */
enum snapshot_outcome snapshot_write(struct cache *c, const char *path, const struct snapshot_now *now,
                                     const bool *stop, struct snapshot_report *report);

/* Puts into the cache what the file at `path` holds and is at most max_stale_s past its TTL. What the cache
 * has already stays. */
enum snapshot_outcome snapshot_load(struct cache *c, const char *path, const struct snapshot_now *now,
                                    uint32_t max_stale_s, const bool *stop, struct snapshot_report *report);

/* When the file at `path` was written, ms since 1970 by the clock that held then; 0: it does not say. */
uint64_t snapshot_written_ms(const char *path);

/* snapshot_load from len octets in memory, whatever they are. */
enum snapshot_outcome snapshot_restore(struct cache *c, const uint8_t *octets, size_t len,
                                       const struct snapshot_now *now, uint32_t max_stale_s,
                                       struct snapshot_report *report);
#endif
