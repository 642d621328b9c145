/* prover.c: what answers are proven by. Exports prover_*. */
#include "daemon/prover.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/must.h"

static const char root_ds[] = "/usr/share/dns/root.ds"; /* of Debian's dns-root-data */
static const uint8_t root[] = {0};

void prover_init(struct prover *p) {
  *p = (struct prover){.floor_s = clock_floor_of_build()};
  prove_log_init(&p->log);
}

void prover_free(struct prover *p) {
  free(p->anchors);
  verifier_free(p->verifier);
  p->anchors = NULL;
  p->verifier = NULL;
}

/* ---- anchors out of files ---- */

struct reading {
  const struct verifier *verifier;
  struct anchors *anchors;
  FILE *err;
  unsigned taken; /* of this file */
  bool has_root;  /* the root's are no longer those that are built in */
  bool is_wrong;  /* said on err */
};

/* Whoever names keys of the root believes no others. */
static void forget_built_in_root(struct reading *r, const struct record *record) {
  struct zone_ds_set *ds = &r->anchors->zones[0].ds;
  if (record->owner_len != sizeof root || r->has_root) return;
  r->has_root = true;
  ds->ds[0] = ds->ds[ds->count - 1];
  ds->count = 1;
}

static bool take(void *ctx, const struct record *record, const struct zonefile_place *at) {
  struct reading *r = ctx;
  if (record->type != TYPE_DS && record->type != TYPE_DNSKEY) {
    fprintf(r->err, "jidnsd: %s:%u: trust-anchor: only DS and DNSKEY records can be trusted\n", at->file,
            at->line);
    r->is_wrong = true;
    return false;
  }

  /* One with an old algorithm or digest stands beside one that can be used, or the file is of no use. */
  if (!anchors_add(r->anchors, r->verifier, record)) return true;
  forget_built_in_root(r, record);
  r->taken++;
  return true;
}

static bool read_file(struct reading *r, struct zonefile *reader, const char *path) {
  r->taken = 0;
  if (!zonefile_read(reader, path, root, sizeof root, take, r, r->err) || r->is_wrong) return false;
  if (r->taken) return true;
  fprintf(r->err,
          "jidnsd: %s: trust-anchor: no DS (digest 2 or 4) or DNSKEY record with an algorithm that jidnsd "
          "knows, or too many\n",
          path);
  return false;
}

/* What the system has of the root's keys counts where it is newer than this build, or has more. */
static void read_system_root(struct reading *r, struct zonefile *reader) {
  struct stat st;
  FILE *unsaid = fopen("/dev/null", "we");
  if (!unsaid || !reader || stat(root_ds, &st) != 0) {
    if (unsaid) fclose(unsaid);
    return;
  }

  struct anchors *copy = must_alloc(sizeof *copy);
  *copy = *r->anchors;
  struct reading of_system = {.verifier = r->verifier, .anchors = copy, .err = unsaid};
  unsigned built_in = r->anchors->zones[0].ds.count;
  bool is_read = read_file(&of_system, reader, root_ds);
  bool counts = st.st_mtime > clock_floor_of_build() || copy->zones[0].ds.count > built_in;
  if (is_read && counts && copy->count == r->anchors->count) *r->anchors = *copy;
  free(copy);
  fclose(unsaid);
}

/* False: it can't be loaded any more, or is not there. */
static bool load_reader(const struct settings *s, struct zonefile **reader, bool is_filtered, FILE *err) {
  if (*reader) return true;
  if (is_filtered) {
    if (!s->anchors.file_count) return true;
    fputs("jidnsd: trust-anchor: can't read files: ldns was not loaded at the start; restart jidnsd\n", err);
    return false;
  }

  struct stat st;
  if (!s->anchors.file_count && stat(root_ds, &st) != 0) return true;
  FILE *unsaid = s->anchors.file_count ? NULL : fopen("/dev/null", "we");
  *reader = zonefile_open(unsaid ? unsaid : err);
  if (unsaid) fclose(unsaid);
  return *reader || !s->anchors.file_count;
}

static bool read_anchors(struct prover *p, const struct settings *s, struct zonefile *reader,
                         struct anchors *out, FILE *err) {
  struct reading r = {.verifier = p->verifier, .anchors = out, .err = err};
  anchors_built_in(out);
  if (reader) read_system_root(&r, reader);
  for (unsigned i = 0; i < s->anchors.file_count; i++) {
    if (!read_file(&r, reader, s->anchors.files[i])) return false;
  }
  for (unsigned i = 0; i < s->anchors.negative_count; i++) {
    const struct settings_domain *d = &s->anchors.negative[i];
    must(anchors_add_negative(out, d->octets, d->len));
  }
  return true;
}

/* ---- what is in force ---- */

static bool load_library(struct prover *p, bool is_filtered, FILE *err) {
  if (p->verifier) return true;
  if (is_filtered) {
    fputs(
        "jidnsd: --dnssec: OpenSSL was not loaded for it, because it was off at the start; restart jidnsd\n",
        err);
    return false;
  }
  p->verifier = verifier_new(err);
  return p->verifier != NULL;
}

bool prover_prepare(struct prover *p, const struct settings *s, struct zonefile **reader, bool is_filtered,
                    struct anchors **out, FILE *err) {
  *out = NULL;
  if (s->forward.prove == PROVE_OFF) return true;
  if (!load_library(p, is_filtered, err) || !load_reader(s, reader, is_filtered, err)) return false;
  struct anchors *anchors = must_zalloc(sizeof *anchors);
  if (!read_anchors(p, s, *reader, anchors, err)) {
    free(anchors);
    return false;
  }

  /* The same ones stay, and with them what workers know of zones. */
  bool is_same = p->anchors && memcmp(p->anchors, anchors, sizeof *anchors) == 0;
  if (is_same) free(anchors);
  *out = is_same ? p->anchors : anchors;
  return true;
}

void prover_use(struct prover *p, struct anchors *anchors) {
  if (anchors == p->anchors) return;
  free(p->anchors);
  p->anchors = anchors;
}

void prover_drop(const struct prover *p, struct anchors *anchors) {
  if (anchors != p->anchors) free(anchors);
}

uint64_t prover_proven_by(const struct prover *p, const struct settings *s) {
  enum { NOBODY, SERVERS };
  if (s->forward.prove != PROVE_VALIDATE || !p->anchors) return s->forward.trust_ad ? SERVERS : NOBODY;
  uint64_t hash = hash_bytes(p->anchors, sizeof *p->anchors, s->forward.unsigned_denial);
  for (unsigned i = 0; i < s->forward_count; i++) {
    const struct settings_forward *f = &s->forwards[i];
    hash = hash_bytes(f->domain.octets, f->domain.len, hash + f->is_proven);
  }
  return hash;
}

/* ---- the time of day ---- */

void prover_floor(struct prover *p, int64_t floor_s) { p->floor_s = clock_floor_raise(p->floor_s, floor_s); }

static void say_wrong(const struct prover *p) {
  char day[sizeof "2026-12-01"] = "?";
  time_t floor_s = (time_t)p->floor_s;
  struct tm tm;
  if (gmtime_r(&floor_s, &tm)) strftime(day, sizeof day, "%Y-%m-%d", &tm);
  log_warn(
      "daemon",
      "the clock is wrong, it must be later than %s, when %s: until it is right signatures may be old and "
      "no answer is marked as authentic (AD); set the clock%s",
      day, p->floor_s == clock_floor_of_build() ? "jidnsd was built" : "the snapshot was written",
      p->floor_s == clock_floor_of_build() ? "" : ", or remove the snapshot if its date is wrong");
}

uint32_t prover_clock_s(void *ctx, uint64_t now_ms) {
  struct prover *p = ctx;
  int64_t now_s = ((int64_t)now_ms + clock_epoch_ms()) / 1000;
  bool is_wrong = now_s < p->floor_s;
  if (is_wrong && !atomic_exchange(&p->clock_is_wrong, true)) say_wrong(p);
  if (!is_wrong && atomic_load_explicit(&p->clock_is_wrong, memory_order_relaxed) &&
      atomic_exchange(&p->clock_is_wrong, false))
    log_info("daemon", "the clock is right again: signatures are checked for their time");
  return is_wrong ? 0 : (uint32_t)now_s;
}
