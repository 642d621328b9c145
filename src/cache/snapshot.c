/* snapshot.c: writes the cache to a file and loads it from one. Exports snapshot_write, snapshot_load,
 * snapshot_restore. */
#include "cache/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache/cache_priv.h"
#include "cache/snapshot_priv.h"

static enum snapshot_outcome say(struct snapshot_report *report, enum snapshot_outcome outcome,
                                 const char *why) {
  snprintf(report->why, sizeof report->why, "%s", why);
  return outcome;
}

static enum snapshot_outcome fail(struct snapshot_report *report, int e) {
  char text[SNAPSHOT_WHY];
  return say(report, SNAPSHOT_FAILED, strerror_r(e, text, sizeof text));
}

static bool is_set(const bool *stop) { return stop && __atomic_load_n(stop, __ATOMIC_RELAXED); }

/* ---- writing ---- */

struct writer {
  int fd;
  uint32_t entries; /* in the block */
  uint64_t blocks;
  struct wire_out w; /* over the block's entries */
  uint8_t block[BLOCK_HEAD + BLOCK_MAX];
};

/* 0 or an errno. */
static int write_all(int fd, const uint8_t *octets, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, octets, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    octets += n;
    len -= (size_t)n;
  }
  return 0;
}

static int write_block(struct writer *w) {
  size_t octets = w->w.at;
  snapshot_block_seal(w->block, (uint32_t)octets, w->entries, w->blocks++);
  w->w.at = w->entries = 0;
  return write_all(w->fd, w->block, BLOCK_HEAD + octets);
}

/* Everything from the head to the last block; 0, an errno or ECANCELED. */
static int write_entries(struct writer *w, struct cache_walk *walk, const struct snapshot_now *now,
                         const bool *stop, size_t *n) {
  struct cache_entry entry;
  uint8_t head[HEAD_OCTETS];
  snapshot_head_write(head, now);
  int e = write_all(w->fd, head, sizeof head);
  for (; e == 0 && cache_walk_next(walk, &entry); ++*n) {
    snapshot_entry_write(&w->w, &entry);
    w->entries++;
    if (w->w.at >= BLOCK_FULL) e = is_set(stop) ? ECANCELED : write_block(w);
  }
  if (e == 0 && w->entries) e = write_block(w);
  return e ? e : write_block(w);
}

/* To a file that does not exist yet; nothing is left of it on failure. */
static int write_file(struct cache *c, const char *path, const struct snapshot_now *now, const bool *stop,
                      size_t *n) {
  struct writer *w = malloc(sizeof *w);
  struct cache_walk *walk = cache_walk_new(c);
  int e = ENOMEM;

  if (w && walk) {
    w->entries = 0;
    w->blocks = 0;
    w->w = (struct wire_out){.buf = w->block + BLOCK_HEAD, .cap = BLOCK_MAX};
    /* who asks for what is nobody's business */
    w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    e = w->fd < 0 ? errno : write_entries(w, walk, now, stop, n);
    if (e == 0 && fsync(w->fd) != 0) e = errno;
    if (w->fd >= 0 && close(w->fd) != 0 && e == 0) e = errno;
  }

  cache_walk_free(walk);
  free(w);
  return e;
}

/* Opens what is at path for reading. GOOD and *fd, MISSING, FAILED, or FOREIGN where it is no file of its
 * own: a FIFO, a device, a socket, a folder, a symbolic link. The first look keeps it from opening what acts
 * on being opened, the second what has come since. */
static enum snapshot_outcome open_file(const char *path, int *fd, struct snapshot_report *report) {
  static const char no_file[] = "it is no regular file";
  struct stat st;
  if (lstat(path, &st) != 0) return errno == ENOENT ? SNAPSHOT_MISSING : fail(report, errno);
  if (!S_ISREG(st.st_mode))
    return say(report, SNAPSHOT_FOREIGN, S_ISLNK(st.st_mode) ? "it is a symbolic link" : no_file);

  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (*fd < 0) return errno == ENOENT ? SNAPSHOT_MISSING : fail(report, errno);
  if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) return SNAPSHOT_GOOD;
  close(*fd);
  return say(report, SNAPSHOT_FOREIGN, no_file);
}

/* GOOD when what is at path may go: there is nothing, or it is a snapshot, whatever its state. */
static enum snapshot_outcome may_replace(const char *path, struct snapshot_report *report) {
  uint8_t head[HEAD_OCTETS];
  const char *why;
  struct snapshot_now written;
  int fd;
  enum snapshot_outcome outcome = open_file(path, &fd, report);
  if (outcome != SNAPSHOT_GOOD) return outcome == SNAPSHOT_MISSING ? SNAPSHOT_GOOD : outcome;
  ssize_t n = read(fd, head, sizeof head);
  int e = errno;
  close(fd);
  if (n < 0) return fail(report, e);
  outcome = snapshot_head_read(head, (size_t)n, &written, &why);
  return outcome == SNAPSHOT_FOREIGN ? say(report, outcome, why) : SNAPSHOT_GOOD;
}

uint64_t snapshot_written_ms(const char *path) {
  uint8_t head[HEAD_OCTETS];
  const char *why;
  struct snapshot_now written;
  struct snapshot_report report;
  int fd;
  if (open_file(path, &fd, &report) != SNAPSHOT_GOOD) return 0;
  ssize_t n = read(fd, head, sizeof head);
  close(fd);
  bool good = n > 0 && snapshot_head_read(head, (size_t)n, &written, &why) == SNAPSHOT_GOOD;
  return good ? written.wall_ms : 0;
}

enum snapshot_outcome snapshot_write(struct cache *c, const char *path, const struct snapshot_now *now,
                                     const bool *stop, struct snapshot_report *report) {
  char beside[PATH_MAX];
  *report = (struct snapshot_report){0};
  if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
    return fail(report, ENAMETOOLONG);
  enum snapshot_outcome outcome = may_replace(path, report);
  if (outcome != SNAPSHOT_GOOD) return outcome;
  struct stat st;
  if (lstat(beside, &st) == 0 && !S_ISREG(st.st_mode)) {
    return say(report, SNAPSHOT_FOREIGN,
               "what lies beside it, with .new behind its name, is no regular file");
  }

  unlink(beside); /* of one that was ended while it wrote */
  int e = write_file(c, beside, now, stop, &report->entries);
  if (e == 0 && rename(beside, path) != 0) e = errno;
  if (e == 0) return SNAPSHOT_GOOD;
  unlink(beside);
  return e == ECANCELED ? SNAPSHOT_STOPPED : fail(report, e);
}

/* ---- loading ---- */

/* Where the octets come from: a file, or memory. Reads as many as there are, up to n; -1 and errno. */
struct source {
  ssize_t (*read)(struct source *s, uint8_t *out, size_t n);
  int fd;
  const uint8_t *octets;
  size_t left;
};

static ssize_t read_memory(struct source *s, uint8_t *out, size_t n) {
  if (n > s->left) n = s->left;
  memcpy(out, s->octets, n);
  s->octets += n;
  s->left -= n;
  return (ssize_t)n;
}

static ssize_t read_file(struct source *s, uint8_t *out, size_t n) {
  size_t got = 0;
  while (got < n) {
    ssize_t some = read(s->fd, out + got, n - got);
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return -1;
    if (some == 0) break;
    got += (size_t)some;
  }
  return (ssize_t)got;
}

/* An answer as old as any that is kept must have been born on this clock. */
static_assert((uint64_t)(TTL_MAX + TTL_STALE_MAX) * 1000 < CLOCK_EARLIER_MS, "");

/* A clock that is corrected goes back a little; more than that and nobody knows how long it was. */
enum { TURNED_BACK_MS = 60000, MS_PER_TICK = 1000 / TICKS_PER_S };

struct loader {
  struct cache *cache;
  struct snapshot_report *report;
  struct snapshot_now now, written;
  uint32_t max_stale_s;
  int64_t asleep; /* ticks */
  struct rebuilt rebuilt;
  uint8_t block[BLOCK_HEAD + BLOCK_MAX];
};

/* How long nothing ran. */
static void sleep_over(struct loader *l) {
  uint64_t now = l->now.wall_ms, then = l->written.wall_ms,
           ticks = now > then ? (now - then) / MS_PER_TICK : 0;
  l->asleep = ticks < UINT32_MAX ? (int64_t)ticks : UINT32_MAX;
  l->report->turned_back = now < then && then - now > TURNED_BACK_MS;
}

/* Gives the answer its birth on this process' clock, and *refresh_at. False when it has been over for too
 * long.
 */
static bool set_birth(const struct loader *l, const struct snapshot_entry *k, struct answer *a,
                      uint32_t *refresh_at) {
  int64_t ttl = ticks_of_ttl(a->ttl_s), age = (int64_t)l->written.tick - k->head.stored_at + l->asleep;
  if (age < 0) age = 0; /* stored while the snapshot was being written */
  if (l->report->turned_back && age < ttl) age = ttl;
  if (age > ttl + (int64_t)l->max_stale_s * TICKS_PER_S || age >= l->now.tick) return false;
  a->head.stored_at = l->now.tick - (uint32_t)age;
  /* what is out of bounds there cache_restore puts right */
  int64_t later = (int64_t)k->head.refresh_at - k->head.stored_at;
  *refresh_at = later > 0 ? a->head.stored_at + (uint32_t)later : 0;
  return true;
}

/* False when it is damaged. */
static bool load_entry(struct loader *l, struct wire *w) {
  struct snapshot_entry k;
  uint32_t refresh_at;
  struct rebuilt *r = &l->rebuilt;
  if (!snapshot_entry_read(w, &k) || !snapshot_entry_rebuild(r, &k, l->cache->shards[0].seed)) return false;
  if (l->now.proven_by && l->written.proven_by != l->now.proven_by)
    r->answer.head.flags &= (uint8_t)~KEPT_FLAGS;
  struct cache_standing standing = {.hits = k.mark & KEPT_USES,
                                    .origin = (enum cache_origin)((k.mark & KEPT_ORIGIN) / KEPT_ORIGIN_UNIT),
                                    .in_main = k.mark & KEPT_MAIN};
  if (set_birth(l, &k, &r->answer, &refresh_at) &&
      cache_restore(l->cache, &r->question, &r->answer, refresh_at, &standing))
    l->report->entries++;
  else l->report->left_out++;
  return true;
}

static bool load_entries(struct loader *l) {
  struct wire w = wire_read(l->block + BLOCK_HEAD, block_octets(l->block));
  uint32_t n = 0;
  for (; w.at < w.len && load_entry(l, &w); n++) continue;
  return w.at == w.len && n == block_entries(l->block);
}

/* GOOD while there is more to come; MISSING at the end. */
static enum snapshot_outcome load_block(struct loader *l, struct source *s, uint64_t number) {
  ssize_t n = s->read(s, l->block, BLOCK_HEAD);
  if (n < 0) return fail(l->report, errno);
  if (n < BLOCK_HEAD) return say(l->report, SNAPSHOT_DAMAGED, "it is cut short");
  uint32_t octets = block_octets(l->block);
  if (octets > BLOCK_MAX) return say(l->report, SNAPSHOT_DAMAGED, "it is damaged");
  n = s->read(s, l->block + BLOCK_HEAD, octets);
  if (n < 0) return fail(l->report, errno);
  if (n < (ssize_t)octets) return say(l->report, SNAPSHOT_DAMAGED, "it is cut short");
  if (!snapshot_block_is_whole(l->block, number) || !load_entries(l))
    return say(l->report, SNAPSHOT_DAMAGED, "it is damaged");
  return octets ? SNAPSHOT_GOOD : SNAPSHOT_MISSING;
}

static enum snapshot_outcome load_all(struct loader *l, struct source *s, const bool *stop) {
  uint8_t head[HEAD_OCTETS];
  const char *why;
  ssize_t n = s->read(s, head, sizeof head);
  if (n < 0) return fail(l->report, errno);
  enum snapshot_outcome outcome = snapshot_head_read(head, (size_t)n, &l->written, &why);
  if (outcome != SNAPSHOT_GOOD) return say(l->report, outcome, why);
  sleep_over(l);
  for (uint64_t number = 0; outcome == SNAPSHOT_GOOD; number++) {
    outcome = is_set(stop) ? SNAPSHOT_STOPPED : load_block(l, s, number);
  }
  return outcome == SNAPSHOT_MISSING ? SNAPSHOT_GOOD : outcome;
}

static enum snapshot_outcome load_source(struct cache *c, struct source *s, const struct snapshot_now *now,
                                         uint32_t max_stale_s, const bool *stop,
                                         struct snapshot_report *report) {
  struct loader *l = malloc(sizeof *l);
  if (!l) return fail(report, ENOMEM);
  l->cache = c;
  l->report = report;
  l->now = *now;
  l->max_stale_s = max_stale_s;
  enum snapshot_outcome outcome = load_all(l, s, stop);
  free(l);
  return outcome;
}

enum snapshot_outcome snapshot_restore(struct cache *c, const uint8_t *octets, size_t len,
                                       const struct snapshot_now *now, uint32_t max_stale_s,
                                       struct snapshot_report *report) {
  struct source s = {.read = read_memory, .octets = octets, .left = len};
  *report = (struct snapshot_report){0};
  return load_source(c, &s, now, max_stale_s, NULL, report);
}

enum snapshot_outcome snapshot_load(struct cache *c, const char *path, const struct snapshot_now *now,
                                    uint32_t max_stale_s, const bool *stop, struct snapshot_report *report) {
  struct source s = {.read = read_file};
  *report = (struct snapshot_report){0};
  enum snapshot_outcome outcome = open_file(path, &s.fd, report);
  if (outcome != SNAPSHOT_GOOD) return outcome;
  outcome = load_source(c, &s, now, max_stale_s, stop, report);
  close(s.fd);
  return outcome;
}
