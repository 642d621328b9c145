/* snap_kit.c: answers to be kept, files to keep them in. Exports snap_*. */
#include "cache/snap_kit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"

const struct snapshot_now snap_then = {.wall_ms = SNAP_WALL, .tick = SNAP_TICK};

struct snapshot_now snap_later(uint64_t s) {
  return (struct snapshot_now){.wall_ms = SNAP_WALL + s * 1000, .tick = SNAP_LATER};
}

static struct made made;
static uint32_t age;

static void start(const char *name, uint16_t type, uint8_t rcode) { made_start(&made, name, type, rcode); }

static void add(enum section section, const char *owner, uint16_t type, struct rdata rd) {
  made_add(&made, section, owner, type, section == SECTION_ADDITIONAL ? 200 : 300, rd);
}

static void put(struct cache *c, enum cache_origin how) {
  made_done(&made, SNAP_TICK - age++);
  cr_assert(cache_put(c, &made.question, &made.answer, how, 0, 0));
}

static void put_signed(struct cache *c) {
  uint8_t name[NAME_MAX_LEN];
  static const uint8_t signature[40] = {0, TYPE_SRV, 8, 2, 0, 0, 1, 44};
  start("signed.example.org", TYPE_SRV, RCODE_NOERROR);
  add(SECTION_ANSWER, "signed.example.org", TYPE_SRV, rd_srv(1, 2, 3, "."));
  add(SECTION_ANSWER, "signed.example.org", TYPE_RRSIG, rd_octets(signature, sizeof signature));
  question_make(&made.question, name, name_parse("signed.example.org", name), TYPE_SRV, CLASS_IN,
                KEY_DO | KEY_CD, KIT_SEED);
  made.answer.head.flags = ANSWER_AD;
  put(c, ORIGIN_QUERY);
}

void snap_fill(struct cache *c) {
  age = 10;
  start("example.org", TYPE_A, RCODE_NOERROR);
  for (unsigned i = 0; i < 3; i++)
    add(SECTION_ANSWER, "example.org", TYPE_A, rd_a(i ? "192.0.2.1" : "192.0.2.2"));
  put(c, ORIGIN_QUERY);
  start("_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  add(SECTION_ANSWER, "_xmpp-client._tcp.example.org", TYPE_SRV, rd_srv(1, 2, 5222, "XMPP.example.ORG"));
  add(SECTION_ADDITIONAL, "xmpp.example.org", TYPE_AAAA, rd_aaaa("2001:db8::1"));
  put(c, ORIGIN_QUERY);
  start("gone.example.org", TYPE_A, RCODE_NXDOMAIN);
  add(SECTION_AUTHORITY, "example.org", TYPE_SOA, rd_soa("ns.example.org", "host.example.org", 300));
  put(c, ORIGIN_QUERY);
  start("www.example.org", TYPE_A, RCODE_NOERROR);
  add(SECTION_ANSWER, "www.example.org", TYPE_CNAME, rd_name("Web.Example.Net"));
  add(SECTION_ANSWER, "web.example.net", TYPE_A, rd_a("192.0.2.3"));
  put(c, ORIGIN_QUERY);
  put_signed(c);
  start(".", TYPE_NS, RCODE_NOERROR);
  add(SECTION_ANSWER, ".", TYPE_NS, rd_name("a.root-servers.net"));
  put(c, ORIGIN_QUERY);
  start("txt.example.org", 65280, RCODE_NOERROR);
  add(SECTION_ANSWER, "txt.example.org", 65280, rd_fill(0xc0, 100));
  put(c, ORIGIN_QUERY);
  start("ahead.example.org", TYPE_A, RCODE_NOERROR);
  add(SECTION_ANSWER, "ahead.example.org", TYPE_A, rd_a("192.0.2.4"));
  put(c, ORIGIN_PREFETCH_S2S);
}

/* ---- files ---- */

static char folder[32], path[64];

const char *snap_path(void) {
  if (!*folder) {
    strcpy(folder, "/tmp/jidns-test-XXXXXX");
    must(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/cache", folder);
  }
  return path;
}

void snap_close(void) {
  char beside[sizeof path + 8];
  if (!*folder) return;
  snprintf(beside, sizeof beside, "%s.new", path);
  unlink(path);
  unlink(beside);
  rmdir(folder);
  *folder = 0;
}

uint8_t *snap_octets(struct cache *c, size_t *len) {
  struct snapshot_report report;
  cr_assert_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_GOOD, "%s", report.why);
  FILE *f = fopen(path, "r");
  must(f && fseek(f, 0, SEEK_END) == 0);
  *len = (size_t)ftell(f);
  rewind(f);
  uint8_t *octets = malloc(*len);
  must(octets && fread(octets, 1, *len, f) == *len);
  fclose(f);
  return octets;
}

/* ---- comparing ---- */

static size_t entries(struct cache *c) {
  struct cache_stats s;
  cache_stats(c, &s);
  return s.entries;
}

static void same(const struct cache_entry *a, const struct cache_entry *b, uint32_t later) {
  char text[QUESTION_TEXT];
  const struct answer_head *x = &a->answer.head, *y = &b->answer.head;

  question_format(a->question, text);
  cr_expect(x->an == y->an && x->ns == y->ns && x->ar == y->ar && x->rcode == y->rcode &&
                x->flags == y->flags,
            "%s", text);
  cr_expect_eq(y->stored_at - x->stored_at, later, "%s: %u", text, y->stored_at - x->stored_at);
  cr_expect_eq(y->refresh_at - x->refresh_at, later, "%s", text);
  cr_expect_eq(b->expiry - a->expiry, later, "%s", text);
  cr_assert_eq(x->body_len, y->body_len, "%s", text);
  cr_expect_arr_eq(a->answer.body, b->answer.body, x->body_len, "%s", text);
  cr_expect_arr_eq(a->answer.ttl_at, b->answer.ttl_at, 2 * answer_records(x), "%s", text);
  cr_expect_eq(a->standing.hits, b->standing.hits, "%s", text);
  cr_expect_eq(a->standing.origin, b->standing.origin, "%s", text);
  cr_expect_eq(a->standing.in_main, b->standing.in_main, "%s", text);
}

static bool find(struct cache_walk *w, const struct question *q, struct cache_entry *e) {
  while (cache_walk_next(w, e)) {
    size_t len = question_key_len(q);
    if (question_key_len(e->question) == len && memcmp(e->question->key, q->key, len) == 0) return true;
  }
  return false;
}

void snap_same(struct cache *a, struct cache *b, uint32_t later) {
  char text[QUESTION_TEXT];
  struct cache_walk *w = cache_walk_new(a);
  struct cache_entry left, right;
  cr_assert_eq(entries(a), entries(b));
  while (cache_walk_next(w, &left)) {
    struct cache_walk *v = cache_walk_new(b);
    cr_assert(find(v, left.question, &right), "%s", question_format(left.question, text));
    same(&left, &right, later);
    cache_walk_free(v);
  }
  cache_walk_free(w);
}
