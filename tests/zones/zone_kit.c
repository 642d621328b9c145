/* zone_kit.c: zones given as text, answers taken as text. Exports zones_options_new, zones_option_*,
 * zones_keys_*, zones_made*, zones_of, zones_refused, zones_said, zones_say*. */
#include "zones/zone_kit.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "kit/seen.h"
#include "rr/print.h"

enum { TEXT = 200000, SAID = 8192 };

static char said[SAID];
static struct signer *signer; /* its keys are the zones', so that it stays */

struct zones_policy *zones_options_new(void) {
  static struct zones_policy o;
  o = (struct zones_policy){0};
  return &o;
}

static void add_file(struct zones_policy *o, const char *name, const char *first, const char *text,
                     bool overlay) {
  struct zones_file *z = &o->zones[o->zone_count++];
  uint8_t octets[NAME_MAX_LEN];
  static char folder[] = "/tmp/jidns-lab-XXXXXX";
  if (o->zone_count == 1) {
    strcpy(folder, "/tmp/jidns-lab-XXXXXX");
    cr_assert(mkdtemp(folder));
  }
  *z = (struct zones_file){.name_len = (uint8_t)name_parse(name, octets), .overlay = overlay};
  name_lower(z->name, octets, z->name_len);
  snprintf(z->file, sizeof z->file, "%s/%s.zone", folder, name);
  FILE *out = fopen(z->file, "w");
  cr_assert(out && fputs(first, out) >= 0 && fputs(text, out) >= 0 && fclose(out) == 0);
}

void zones_option_zone(struct zones_policy *o, const char *name, const char *text, bool overlay) {
  add_file(o, name, overlay ? "\n" : "@ 60 SOA ns host 1 7200 600 86400 30\n", text, overlay);
}

void zones_option_file(struct zones_policy *o, const char *name, const char *text) {
  add_file(o, name, "", text, false);
}

void zones_option_sign(struct zones_policy *o, enum zones_sign sign) {
  o->sign = sign;
  strcpy(o->keys, "/tmp/jidns-keys-XXXXXX");
  cr_assert(mkdtemp(o->keys));
}

const char *zones_keys_file(const struct zones_policy *o, const char *file) {
  static char path[sizeof o->keys + NAME_TEXT];
  snprintf(path, sizeof path, "%s/%s", o->keys, file);
  return path;
}

void zones_keys_remove(const struct zones_policy *o) {
  DIR *dir = opendir(o->keys);
  cr_assert(dir);
  for (struct dirent *e; (e = readdir(dir));) unlink(zones_keys_file(o, e->d_name));
  closedir(dir);
  cr_expect_eq(rmdir(o->keys), 0);
}

static bool load(const struct zones_policy *o, enum zones_expand expand, struct zones **out) {
  memset(said, 0, sizeof said);
  FILE *err = fmemopen(said, sizeof said, "w");
  struct zonefile *reader = o->zone_count ? zonefile_open(err) : NULL;
  cr_assert(reader || !o->zone_count);
  if (zones_sign_any(o) && !signer) cr_assert(signer = signer_open(err));
  bool good = zones_load(o, expand, reader, zones_sign_any(o) ? signer : NULL, out, err);
  zonefile_close(reader);
  fclose(err);
  for (unsigned i = 0; i < o->zone_count; i++) unlink(o->zones[i].file);
  if (o->zone_count) {
    char folder[ZONES_PATH];
    strcpy(folder, o->zones[0].file);
    *strrchr(folder, '/') = 0;
    rmdir(folder);
  }

  return good;
}

struct zones *zones_made_with(const struct zones_policy *o, enum zones_expand expand) {
  struct zones *l;
  cr_assert(load(o, expand, &l), "%s", said);
  cr_assert(l);
  return l;
}

struct zones *zones_made(const struct zones_policy *o) {
  return zones_made_with(o, ZONES_EXPAND_XMPP);
}

struct zones *zones_of(const char *text) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", text, false);
  return zones_made(o);
}

void zones_refused(const struct zones_policy *o, const char *words) {
  struct zones *l = (struct zones *)(void *)said;
  cr_expect(!load(o, ZONES_EXPAND_XMPP, &l), "taken instead of '%s'", words);
  cr_expect_null(l);
  cr_expect(strstr(said, words), "'%s' instead of '%s'", said, words);
  cr_expect(strncmp(said, "jidnsd: ", 8) == 0, "%s", said);
  zones_free(l);
}

const char *zones_said(void) { return said; }

/* ---- answers ---- */

struct text {
  char *at, *end;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(t->at, (size_t)(t->end - t->at), format, args);
  va_end(args);
  cr_assert(n >= 0 && n < t->end - t->at);
  t->at += n;
}

static void put_records(struct text *t, const struct seen *s) {
  static const char *const words[] = {"an", "ns", "ar"};
  const unsigned counts[] = {s->an, s->ns, s->ar};
  for (unsigned section = 0; section < 3; section++) {
    for (unsigned i = 0; i < counts[section]; i++) {
      const struct record *r = seen_record(s, (enum section)section, i);
      char owner[NAME_TEXT], type[PRINT_WORD], *rdata = print_rdata(r);
      cr_expect_eq(r->klass, CLASS_IN);
      put(t, " | %s %s %u %s %s", words[section], name_format(r->owner, r->owner_len, owner), r->ttl,
          print_type(r->type, type), rdata);
      free(rdata);
    }
  }
}

static void put_message(struct text *t, const uint8_t *msg, size_t len) {
  static struct seen s;
  uint8_t *copy = exact(msg, len);
  cr_assert(seen_read(&s, copy, len), "%s", s.why);
  put_records(t, &s);
  free(copy);
}

static void put_answer(struct text *t, const struct asked *a, const uint8_t *out, size_t len) {
  char rcode[PRINT_WORD];
  cr_expect(out[2] & DNS_AA && out[2] & DNS_QR && out[3] & DNS_RA && !(out[3] & DNS_AD));
  cr_expect_eq(load_u16(out), load_u16(a->msg.octets));
  cr_expect_arr_eq(out + DNS_HEADER, a->msg.octets + DNS_HEADER, a->query.query_opts.name_len + 4u);
  put(t, "%s%s", print_rcode(out[3] & DNS_RCODE, rcode), out[2] & DNS_TC ? " tc" : "");
  put_message(t, out, len);
}

static void put_alias(struct text *t, const struct asked *a, const struct zones_alias *alias) {
  static struct answer chain;
  static uint8_t msg[DNS_MSG_MAX];
  char name[NAME_TEXT];
  unsigned records = answer_records(&alias->chain.head);
  chain.head = alias->chain.head;
  memcpy(chain.ttl_at, alias->chain.ttl_at, 2 * records);
  memmove(chain.body, alias->chain.body, chain.head.body_len);
  put(t, "alias %s", name_format(alias->target, alias->target_len, name));
  put_message(t, msg, answer_message(&a->query.question, &chain, msg));
}

const char *zones_say(const struct zones *l, const char *name, uint16_t type, unsigned how) {
  static char text[TEXT];
  static struct asked a;
  static struct zones_alias alias;
  static uint8_t out[DNS_MSG_MAX];
  struct text t = {text, text + sizeof text};
  int len;
  size_t limit = how & LAB_TCP ? DNS_MSG_MAX : how & LAB_DO ? 1232 : DNS_UDP_PLAIN;

  if (how & LAB_DO) asked_edns(&a, name, type, 1232, true);
  else asked_plain(&a, name, type);
  *t.at = 0;
  if (!zones_may_hold(l, &a.query.question) ||
      (len = zones_answer(l, &a.query, limit, out, &alias)) == ZONES_ELSEWHERE) {
    cr_expect(!zones_hold(l, &a.query.question));
    return "elsewhere";
  }

  cr_expect(zones_hold(l, &a.query.question));
  cr_expect_leq(len, (int)limit);
  if (len == ZONES_ALIAS) put_alias(&t, &a, &alias);
  else put_answer(&t, &a, out, (size_t)len);
  return text;
}

const char *zones_say_set(const struct zones *l, const char *name, uint16_t type) {
  static char text[TEXT];
  static struct asked a;
  static struct zones_alias alias;
  static uint8_t out[DNS_MSG_MAX];
  struct text t = {text, text + sizeof text};
  asked_plain(&a, name, type);
  int len = zones_answer(l, &a.query, DNS_UDP_PLAIN, out, &alias);
  if (len == ZONES_ELSEWHERE) return "elsewhere";
  cr_assert(len > 0);
  put_answer(&t, &a, out, (size_t)len);
  return text;
}
