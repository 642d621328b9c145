/* sign_keys.c: the keys of signed zones, in their files. Exports signer_keys, signer_make_folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/shown.h"
#include "rr/sign_priv.h"

enum { WHY_ROOM = 200, PATH_ROOM = 512 + NAME_TEXT + 32, LIST_ROOM = SIGN_KEYS * (NAME_TEXT + 32) };

static const char suffix[] = ".private";

/* Whose keys are looked for, and where. */
struct search {
  struct signer *s;
  const char *folder;
  const uint8_t *zone;
  size_t zone_len;
  char start[NAME_TEXT + 2]; /* "Kzone.lab.+" */
  FILE *err;
  char files[SIGN_KEYS][NAME_TEXT + 32]; /* their names in the folder */
  unsigned count;
};

/* "jidnsd: FOLDER[/FILE]: WHAT"; returns false. */
static bool complain(const struct search *q, const char *file, const char *what) {
  fputs("jidnsd: ", q->err);
  shown_put(q->err, q->folder, PATH_ROOM);
  if (file) {
    fputc('/', q->err);
    shown_put(q->err, file, PATH_ROOM);
  }
  fprintf(q->err, ": %s\n", what);
  return false;
}

/* ---- what there is ---- */

static bool is_key_file(const struct search *q, const char *name) {
  size_t len = strlen(name), start = strlen(q->start), end = strlen(suffix);
  return len > start + end && len < sizeof q->files[0] && strncasecmp(name, q->start, start) == 0 &&
         strcmp(name + len - end, suffix) == 0;
}

static int compare_files(const void *a, const void *b) { return strcmp(a, b); }

/* The zone's key files, in order. False: *error says why the folder can't be read (0: said on err). */
static bool list_files(struct search *q, int *error) {
  DIR *dir = opendir(q->folder);
  *error = errno;
  if (!dir) return false;
  *error = 0;
  bool good = true;
  for (struct dirent *e; good && (e = readdir(dir));) {
    if (!is_key_file(q, e->d_name)) continue;
    if (q->count == SIGN_KEYS) good = complain(q, e->d_name, "is one too many: a zone has at most 4 keys");
    else memcpy(q->files[q->count++], e->d_name, strlen(e->d_name) + 1);
  }

  closedir(dir);
  qsort(q->files, q->count, sizeof q->files[0], compare_files);
  return good;
}

/* ---- reading ---- */

static ldns_rr *dnskey_of(const struct signer *s, ldns_key *key, uint16_t flags) {
  s->ldns.key_set_flags(key, flags);
  ldns_rr *rr = s->ldns.key2rr(key);
  if (!rr) return NULL;
  s->ldns.key_set_keytag(key, s->ldns.calc_keytag(rr));
  return rr;
}

static bool set_owner(const struct search *q, ldns_key *key) {
  ldns_rdf *owner = q->s->ldns.rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, q->zone_len, q->zone);
  if (owner) q->s->ldns.key_set_pubkey_owner(key, owner);
  return owner != NULL;
}

/* The private file does not say whether the key has the SEP flag: the tag in its name does. */
static bool find_flags(const struct search *q, ldns_key *key, const char *file) {
  static const uint16_t flags[] = {LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY, LDNS_KEY_ZONE_KEY};
  const char *tag = strrchr(file, '+');
  unsigned long expected = strtoul(tag + 1, NULL, 10);
  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
    ldns_rr *rr = dnskey_of(q->s, key, flags[i]);
    if (!rr) return false;
    q->s->ldns.rr_free(rr);
    if (q->s->ldns.key_keytag(key) == expected) return true;
  }
  return false;
}

/* NULL: said on err. */
static ldns_key *read_key(const struct search *q, const char *file) {
  char path[PATH_ROOM];
  ldns_key *key = NULL;
  snprintf(path, sizeof path, "%s/%s", q->folder, file);
  FILE *in = fopen(path, "re");
  if (!in) {
    complain(q, file, strerror(errno));
    return NULL;
  }

  ldns_status status = q->s->ldns.key_new_frm_fp(&key, in);
  fclose(in);
  if (status != LDNS_STATUS_OK) {
    complain(q, file, "is not a private key that ldns reads; make one with ldns-keygen or dnssec-keygen");
    return NULL;
  }
  if (set_owner(q, key) && find_flags(q, key, file)) return key;
  complain(q, file, "its name should have the key's tag, as dnssec-keygen gives it");
  q->s->ldns.key_deep_free(key);
  return NULL;
}

/* ---- making ---- */

/* A new file in the folder with what `put` writes. */
static bool write_file(const struct search *q, const char *stem, const char *end, mode_t mode,
                       void (*put)(const struct signer *, FILE *, const void *), const void *what) {
  char file[NAME_TEXT + 32], path[PATH_ROOM];
  snprintf(file, sizeof file, "%s%s", stem, end);
  snprintf(path, sizeof path, "%s/%s", q->folder, file);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
  bool good = out != NULL;
  if (good) put(q->s, out, what);
  if (good) good = !ferror(out);
  if (out) good = fclose(out) == 0 && good;
  else if (fd >= 0) close(fd);
  if (good) return true;
  int e = errno;
  if (fd >= 0) unlink(path);
  return complain(q, file, strerror(e));
}

static void put_private(const struct signer *s, FILE *out, const void *key) { s->ldns.key_print(out, key); }
static void put_record(const struct signer *s, FILE *out, const void *rr) { s->ldns.rr_print(out, rr); }

/* The three files of a key that was made; the private one last: it is what is looked for. */
static bool keep_key(struct search *q, ldns_key *key) {
  struct signer *s = q->s;
  char stem[NAME_TEXT + 20];
  ldns_rr *dnskey = dnskey_of(s, key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
  ldns_rr *ds = dnskey ? s->ldns.key_rr2ds(dnskey, LDNS_SHA256) : NULL;
  bool good = ds || complain(q, NULL, "no memory for a key");
  if (good) {
    snprintf(stem, sizeof stem, "%s%03u+%05u", q->start, (unsigned)s->ldns.key_algorithm(key),
             s->ldns.key_keytag(key));
    good = write_file(q, stem, ".key", 0644, put_record, dnskey) &&
           write_file(q, stem, ".ds", 0644, put_record, ds) &&
           write_file(q, stem, suffix, 0600, put_private, key);
    snprintf(q->files[0], sizeof q->files[0], "%s%s", stem, suffix);
  }

  if (ds) s->ldns.rr_free(ds);
  if (dnskey) s->ldns.rr_free(dnskey);
  return good;
}

/* A P-256 key with the SEP flag, which signs all of the zone. */
static bool make_key(struct search *q) {
  enum { BITS = 256 };
  ldns_key *key = q->s->ldns.key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, BITS);
  if (!key) return complain(q, NULL, "ldns can't make a P-256 key");
  bool good = set_owner(q, key) && keep_key(q, key);
  q->s->ldns.key_deep_free(key);
  q->count = good;
  return good;
}

/* ---- what was read ---- */

static struct sign_keys *read_before(const struct search *q, const char *files) {
  struct sign_keys *k = q->s->first;
  while (k && !(name_equal(k->zone, k->zone_len, q->zone, q->zone_len) &&
                (!files || strcmp(k->files, files) == 0)))
    k = k->next;
  return k;
}

static struct sign_keys *read_keys(struct search *q, const char *files) {
  struct sign_keys *k = calloc(1, sizeof *k);
  if (k) {
    k->zone_len = (uint8_t)q->zone_len;
    memcpy(k->zone, q->zone, q->zone_len);
    k->files = strdup(files);
    k->list = q->s->ldns.key_list_new();
    k->next = q->s->first;
    q->s->first = k;
  }
  if (!k || !k->files || !k->list) {
    complain(q, NULL, "no memory for keys");
    return NULL;
  }

  for (unsigned i = 0; i < q->count; i++) {
    ldns_key *key = read_key(q, q->files[i]);
    if (!key) {
      *k->files = 0; /* not to be taken for whole another time */
      k->zone_len = 0;
      return NULL;
    }
    q->s->ldns.key_list_push_key(k->list, key);
  }
  return k;
}

void signer_make_folder(const char *folder, FILE *err) {
  if (mkdir(folder, 0700) == 0)
    fprintf(err, "jidnsd: warning: %s: made this folder for the keys of zones\n", folder);
}

const struct sign_keys *signer_keys(struct signer *s, const char *folder, const uint8_t *zone, size_t len,
                                    FILE *err) {
  struct search q = {.s = s, .folder = folder, .zone = zone, .zone_len = len, .err = err};
  char text[NAME_TEXT], files[LIST_ROOM + PATH_ROOM];
  int error = 0;

  snprintf(q.start, sizeof q.start, "K%s+", name_format(zone, len, text));
  if (strchr(text, '/')) {
    complain(&q, NULL, "a zone with / in its name can't be signed: no file can have its key");
    return NULL;
  }
  if (!list_files(&q, &error)) {
    const struct sign_keys *before = error == EACCES || error == EPERM ? read_before(&q, NULL) : NULL;
    if (!before && error) {
      char why[WHY_ROOM];
      snprintf(why, sizeof why, "%s; zone-keys should name a folder for the keys of zones", strerror(error));
      complain(&q, NULL, why);
    }
    return before;
  }
  if (!q.count && !make_key(&q)) return NULL;

  size_t at = (size_t)snprintf(files, sizeof files, "%s\n", folder);
  for (unsigned i = 0; i < q.count && at < sizeof files; i++)
    at += (size_t)snprintf(files + at, sizeof files - at, "%s\n", q.files[i]);
  const struct sign_keys *before = read_before(&q, files);
  return before ? before : read_keys(&q, files);
}
