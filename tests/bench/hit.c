/* hit.c: queries answered from a full cache through serve_query, in one process and without sockets, to be
 * counted and timed: `hit MODE HITS [NAMES]`. tests/bench/guard runs it under callgrind, tests/bench/run for
 * its times.
 *
 * Prints one line `mode hits names nanoseconds octets`: how long a query took and what a name takes in the
 * cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "dns/ttl.h"
#include "kit/made.h"
#include "kit/rng.h"
#include "server/serve.h"
#include "server/serve_zones.h"
#include "zones/zones.h"

enum {
  NOW_MS = 1000000, /* of all that happens */
  TTL_S = 86400,    /* so that no answer is worn */
  NAMES_MAX = 9999999,
  NUMBER_AT = 1, /* every domain is dNNNNNNN.lab; its digits stand here behind the last label's length */
  DIGITS = 7,
  PACKETS = 1024, /* malformed ones, used over and over */
  PACKET_MAX = 4096
};

/* What is asked, and what the cache holds of it. */
enum shape {
  SHAPE_A,
  SHAPE_AAAA,
  SHAPE_TXT,
  SHAPE_SRV,
  SHAPE_EXPANDED,
  SHAPE_SAME,
  SHAPE_NEGATIVE,
  SHAPE_SEVERAL,
  SHAPES
};

enum how {
  HOW_UDP,
  HOW_TCP,
  HOW_EDNS,
  HOW_ZONE,
  HOW_BESIDE,
  HOW_NOTHING,
  HOW_CUT,
  HOW_GARBAGE,
  HOW_CROWDED,
  HOW_CHAINS,
  HOW_LABELS,
  HOW_OPTIONS
};

#define MIX                                                                                                  \
  { SHAPE_A, SHAPE_AAAA, SHAPE_TXT, SHAPE_SRV }
static const struct mode {
  const char *word;
  unsigned shape_count;
  enum shape shapes[4]; /* a name's is the one its number falls on */
  enum how how;
  const char *help;
} modes[] = {
    {"plain", 4, MIX, HOW_UDP, "A, AAAA, TXT, SRV in turn"},
    {"edns", 4, MIX, HOW_EDNS, "the same, asked with OPT"},
    {"tcp", 4, MIX, HOW_TCP, "the same, as a TCP client"},
    {"srv", 1, {SHAPE_SRV}, HOW_UDP, "SRV, one target, no addresses"},
    {"expanded", 1, {SHAPE_EXPANDED}, HOW_UDP, "SRV, one target, its A and AAAA"},
    {"same", 1, {SHAPE_SAME}, HOW_UDP, "three TXT of together as many octets as expanded"},
    {"negative", 1, {SHAPE_NEGATIVE}, HOW_UDP, "no such name, with SOA"},
    {"several", 1, {SHAPE_SEVERAL}, HOW_UDP, "three A"},
    {"zone", 4, MIX, HOW_ZONE, "plain, from a local zone"},
    {"denied", 1, {SHAPE_NEGATIVE}, HOW_ZONE, "negative, from a local zone"},
    {"beside", 4, MIX, HOW_BESIDE, "plain, from the cache beside a local zone"},
    {"cut", 1, {SHAPE_SRV}, HOW_CUT, "queries that end too early, at every octet"},
    {"garbage", 1, {SHAPE_SRV}, HOW_GARBAGE, "random octets, QR 0"},
    {"crowded", 1, {SHAPE_SRV}, HOW_CROWDED, "as many additional records as fit, then an octet too many"},
    {"chains", 1, {SHAPE_SRV}, HOW_CHAINS, "the same, each with a name that leads through many pointers"},
    {"labels", 1, {SHAPE_SRV}, HOW_LABELS, "one additional record, its name fills the packet: short labels"},
    {"options", 1, {SHAPE_SRV}, HOW_OPTIONS, "OPT full of empty options, then an octet too many"},
    {"nothing", 1, {SHAPE_SRV}, HOW_NOTHING, "the driver alone: no query is served"},
};

/* The label or labels before the domain. */
static const char *const prefixes[SHAPES] = {[SHAPE_A] = "xmpp",
                                             [SHAPE_AAAA] = "xmpp",
                                             [SHAPE_TXT] = "_xmppconnect",
                                             [SHAPE_SRV] = "_xmpp-server._tcp",
                                             [SHAPE_EXPANDED] = "_xmpp-client._tcp",
                                             [SHAPE_SAME] = "_xmpp-client._tcp",
                                             [SHAPE_NEGATIVE] = "_xmpps-server._tcp",
                                             [SHAPE_SEVERAL] = "xmpp"};
static const uint16_t types[SHAPES] = {
    [SHAPE_A] = TYPE_A,          [SHAPE_AAAA] = TYPE_AAAA,    [SHAPE_TXT] = TYPE_TXT,
    [SHAPE_SRV] = TYPE_SRV,      [SHAPE_EXPANDED] = TYPE_SRV, [SHAPE_SAME] = TYPE_TXT,
    [SHAPE_NEGATIVE] = TYPE_SRV, [SHAPE_SEVERAL] = TYPE_A};

/* ---- the cache's content ---- */

/* Three TXT records whose RDATA together are as long as those of an SRV, an A and an AAAA. */
static void add_same(struct made *m, const char *name, size_t target_len) {
  const size_t rdlens[] = {6 + target_len, 4, 16};
  for (unsigned i = 0; i < 3; i++) {
    char text[64];
    memset(text, 'a' + (int)i, sizeof text);
    text[rdlens[i] - 1] = 0;
    made_add(m, SECTION_ANSWER, name, TYPE_TXT, TTL_S, rd_txt(text));
  }
}

static void make_entry(struct made *m, enum shape shape, unsigned number) {
  char name[64], target[64];
  uint8_t octets[NAME_MAX_LEN];

  snprintf(name, sizeof name, "%s.d%07u.lab.", prefixes[shape], number);
  snprintf(target, sizeof target, "xmpp.d%07u.lab.", number);
  made_start(m, name, types[shape], shape == SHAPE_NEGATIVE ? RCODE_NXDOMAIN : RCODE_NOERROR);
  switch (shape) {
  case SHAPE_A: made_add(m, SECTION_ANSWER, name, TYPE_A, TTL_S, rd_a("192.0.2.1")); break;
  case SHAPE_AAAA: made_add(m, SECTION_ANSWER, name, TYPE_AAAA, TTL_S, rd_aaaa("2001:db8::1")); break;
  case SHAPE_TXT:
    made_add(m, SECTION_ANSWER, name, TYPE_TXT, TTL_S,
             rd_txt("_xmpp-client-xbosh=https://web.lab:5281/http-bind"));
    break;
  case SHAPE_SRV:
  case SHAPE_EXPANDED:
    made_add(m, SECTION_ANSWER, name, TYPE_SRV, TTL_S, rd_srv(5, 0, 5269, target));
    if (shape == SHAPE_SRV) break;
    made_add(m, SECTION_ADDITIONAL, target, TYPE_A, TTL_S, rd_a("192.0.2.1"));
    made_add(m, SECTION_ADDITIONAL, target, TYPE_AAAA, TTL_S, rd_aaaa("2001:db8::1"));
    break;
  case SHAPE_SAME: add_same(m, name, name_parse(target, octets)); break;
  case SHAPE_NEGATIVE:
    made_add(m, SECTION_AUTHORITY, "lab.", TYPE_SOA, TTL_S, rd_soa("ns.lab.", "host.lab.", TTL_S));
    break;
  case SHAPE_SEVERAL:
    for (unsigned i = 0; i < 3; i++) {
      char address[] = "192.0.2.1";
      address[8] = (char)('1' + i);
      made_add(m, SECTION_ANSWER, name, TYPE_A, TTL_S, rd_a(address));
    }
    break;
  case SHAPES: break;
  }

  made_done(m, tick_of_ms(NOW_MS));
}

static inline enum shape shape_of(const struct mode *mode, unsigned number) {
  return mode->shapes[number % mode->shape_count];
}

static void check_same_size(void) {
  static struct made expanded, same;
  make_entry(&expanded, SHAPE_EXPANDED, 0);
  make_entry(&same, SHAPE_SAME, 0);
  must(expanded.answer.head.body_len == same.answer.head.body_len);
  must(answer_records(&expanded.answer.head) == answer_records(&same.answer.head));
}

static void fill(struct cache *c, const struct mode *mode, unsigned names) {
  static struct made m;
  for (unsigned i = 0; i < names; i++) {
    make_entry(&m, shape_of(mode, i), i);
    must(cache_put(c, &m.question, &m.answer, ORIGIN_QUERY, 0, 0));
  }
}

/* What fill puts into the cache, as the zone "lab" (HOW_BESIDE: "other"). */
static struct zones *make_lab(const struct mode *mode, unsigned names) {
  static struct zones_policy o = {.zone_count = 1};
  struct zones_file *z = &o.zones[0];
  uint8_t name[NAME_MAX_LEN];

  z->name_len = (uint8_t)name_parse(mode->how == HOW_ZONE ? "lab" : "other", name);
  memcpy(z->name, name, z->name_len);
  strcpy(z->file, "/tmp/jidns-hit-XXXXXX");
  FILE *out = fdopen(mkstemp(z->file), "w");
  must(out);
  fprintf(out, "$TTL %d\n@ SOA ns.lab. host.lab. 1 7200 3600 1209600 %d\n", TTL_S, TTL_S);
  for (unsigned i = 0; i < names && mode->how == HOW_ZONE; i++) {
    const char *prefix = prefixes[shape_of(mode, i)];
    switch (shape_of(mode, i)) {
    case SHAPE_A: fprintf(out, "%s.d%07u A 192.0.2.1\n", prefix, i); break;
    case SHAPE_AAAA: fprintf(out, "%s.d%07u AAAA 2001:db8::1\n", prefix, i); break;
    case SHAPE_TXT:
      fprintf(out, "%s.d%07u TXT _xmpp-client-xbosh=https://web.lab:5281/http-bind\n", prefix, i);
      break;
    case SHAPE_SRV: fprintf(out, "%s.d%07u SRV 5 0 5269 xmpp.d%07u.bal.\n", prefix, i, i); break;
    default: fprintf(out, "_xmpp-server._tcp.d%07u SRV 5 0 5269 xmpp.bal.\n", i); break;
    }
  }

  must(fclose(out) == 0);
  struct zonefile *reader = zonefile_open(stderr);
  struct zones *l = NULL;
  must(reader && zones_load(&o, ZONES_EXPAND_XMPP, reader, NULL, &l, stderr));
  zonefile_close(reader);
  unlink(z->file);
  return l;
}

/* ---- the packets ---- */

/* A query for each shape; the domain's digits are written into it. */
struct template {
  struct msg msg;
  size_t digits_at;
};

static void make_template(struct template *t, const struct mode *mode, enum shape shape) {
  char name[64];
  snprintf(name, sizeof name, "%s.d%07u.lab.", prefixes[shape], 0u);
  msg_query(&t->msg, name, types[shape]);
  t->digits_at = DNS_HEADER;
  while (t->msg.octets[t->digits_at] != 1 + DIGITS || t->msg.octets[t->digits_at + 1] != 'd') {
    t->digits_at += 1u + t->msg.octets[t->digits_at];
  }
  t->digits_at += 1 + NUMBER_AT;
  if (mode->how == HOW_EDNS) msg_opt(&t->msg, DNS_UDP_OURS, 0, false, NULL, 0);
}

static void write_number(uint8_t *digits, unsigned number) {
  for (unsigned i = DIGITS; i-- > 0; number /= 10) digits[i] = (uint8_t)('0' + number % 10);
}

/* Additional records without end, none of them OPT. `chain`: the name before them leads through as many
 * pointers as fit. */
static void make_crowd(struct msg *m, bool chain) {
  uint16_t last = 0;
  msg_query(m, "d0000000.lab.", TYPE_SRV);
  if (chain) {
    uint8_t rdata[256];
    size_t at = m->len + 11;
    /* Each points at the one before it, the first at the root's octet. */
    for (unsigned i = 0; i < sizeof rdata; i += 2) {
      last = i ? (uint16_t)(0xc000 + at + i - 2) : (uint16_t)(0xc000 + at - 11);
      store_u16(rdata + i, last);
    }
    msg_record(m, SECTION_ADDITIONAL, ".", TYPE_TXT, 0, rd_octets(rdata, sizeof rdata));
    last = (uint16_t)(0xc000 + at + 2 * 125);
  }

  for (unsigned n = 1; m->len + 13 <= PACKET_MAX; n++) {
    if (chain) msg_put_u16(m, last);
    else msg_put(m, "", 1);
    const uint8_t rest[10] = {0, TYPE_TXT, 0, CLASS_IN};
    msg_put(m, rest, sizeof rest);
    msg_set_count(m, 3, (uint16_t)(n + chain));
  }

  msg_put(m, "", 1); /* one octet too many: it is refused after all has been read */
}

/* One additional record that fills the packet. */
static void make_giant(struct msg *m, bool options) {
  msg_query(m, "d0000000.lab.", TYPE_SRV);
  msg_set_count(m, 3, 1);
  if (options) {
    const uint8_t opt[] = {0, 0, TYPE_OPT, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 0};
    msg_put(m, opt, sizeof opt);
    uint16_t rdlen = (uint16_t)((PACKET_MAX - m->len - 3) / 4 * 4);
    msg_put_u16(m, rdlen);
    for (unsigned i = 0; i < rdlen / 2u; i++) msg_put_u16(m, 0);
    msg_put(m, "", 1);
    return;
  }
  while (m->len + 2 <= PACKET_MAX) msg_put_u16(m, 0x0161);
}

struct packet {
  size_t len;
  uint8_t octets[PACKET_MAX];
};

static struct packet *make_packets(const struct mode *mode) {
  static struct template t;
  struct rng r = {6120};
  struct packet *packets = must_zalloc(PACKETS * sizeof *packets);

  make_template(&t, mode, SHAPE_SRV);
  if (mode->how == HOW_CROWDED || mode->how == HOW_CHAINS) make_crowd(&t.msg, mode->how == HOW_CHAINS);
  if (mode->how == HOW_LABELS || mode->how == HOW_OPTIONS) make_giant(&t.msg, mode->how == HOW_OPTIONS);
  for (unsigned i = 0; i < PACKETS; i++) {
    struct packet *p = &packets[i];
    p->len = mode->how == HOW_CUT ? i % t.msg.len : mode->how == HOW_GARBAGE ? rng_below(&r, 512) : t.msg.len;
    memcpy(p->octets, t.msg.octets, t.msg.len);
    if (mode->how != HOW_GARBAGE) continue;
    for (size_t k = 0; k < p->len; k++) p->octets[k] = (uint8_t)rng_next(&r);
    p->octets[2] &= 0x7f;
    /* What looks right at first costs more to refuse. */
    if (i % 2) memcpy(p->octets + 2, t.msg.octets + 2, DNS_HEADER - 2);
  }

  return packets;
}

/* ---- the queries ---- */

static struct query_service serve;
static struct counters counters;
static uint8_t out[DNS_MSG_MAX];

static union addr here(void) {
  union addr a;
  must(addr_parse("127.0.0.1", 53, &a));
  return a;
}

static void nobody(const struct client *c, const uint8_t *msg, size_t len) {
  (void)c, (void)msg, (void)len;
  must(!"every query is answered at once");
}

static void ask_names(const struct mode *mode, unsigned hits, unsigned names) {
  static struct template templates[SHAPES];
  struct client client = {.deliver = nobody,
                          .peer = here(),
                          .local = here(),
                          .transport = mode->how == HOW_TCP ? TRANSPORT_TCP : TRANSPORT_UDP};
  struct rng r = {1};
  for (unsigned s = 0; s < SHAPES; s++) make_template(&templates[s], mode, (enum shape)s);
  for (unsigned i = 0; i < hits; i++) {
    unsigned number = (unsigned)(rng_next(&r) >> 32) % names;
    struct template *t = &templates[shape_of(mode, number)];
    write_number(t->msg.octets + t->digits_at, number);
    if (mode->how == HOW_NOTHING) continue;
    must(serve_query(&serve, t->msg.octets, t->msg.len, &client, NOW_MS + 5000, out) > 0);
  }
  must(mode->how == HOW_NOTHING || (mode->how == HOW_ZONE ? counters.zone : counters.hit) == hits);
}

static void ask_malformed(const struct mode *mode, unsigned hits) {
  struct packet *packets = make_packets(mode);
  struct client client = {.deliver = nobody, .peer = here(), .local = here()};
  for (unsigned i = 0; i < hits; i++) {
    const struct packet *p = &packets[i % PACKETS];
    must(serve_query(&serve, p->octets, p->len, &client, NOW_MS + 5000, out) != SERVE_LATER);
  }
  must(counters.queries == hits && counters.miss == 0);
  free(packets);
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run(const struct mode *mode, unsigned hits, unsigned names) {
  struct timers timers;
  struct upstream upstream; /* none is needed */
  struct routes routes = {.rest = &upstream};
  struct cache_stats stats;
  struct cache *cache = cache_new(((size_t)names * 512 + CACHE_SIZE_MIN) * 2, KIT_SEED);

  upstream_init(&upstream, UPSTREAM_FASTEST);
  timers_init(&timers);
  struct forward_options fo = {
      .cache = cache, .routes = &routes, .timers = &timers, .counters = &counters, .seed = KIT_SEED};
  struct forward *forward = cache ? forward_new(&fo) : NULL;
  must(forward);
  serve = (struct query_service){.cache = cache,
                                 .forward = forward,
                                 .counters = &counters,
                                 .seed = KIT_SEED,
                                 .rotation_mask = UINT32_MAX,
                                 .access = access_new(&(struct access_policy){.silent = false})};
  must(serve.access);
  if (mode->how == HOW_ZONE || mode->how == HOW_BESIDE) {
    serve.zones = make_lab(mode, names);
    serve.serve_zones = serve_zones_new();
  }

  check_same_size();
  fill(cache, mode, names);
  cache_stats(cache, &stats);
  must(stats.entries == names);
  double start = seconds();
  if (mode->how >= HOW_CUT) ask_malformed(mode, hits);
  else ask_names(mode, hits, names);
  double took = seconds() - start;
  printf("%s %u %u %.1f %.1f\n", mode->word, hits, names, took * 1e9 / hits, (double)stats.octets / names);
  forward_stop(forward);
  forward_free(forward);
  timers_close(&timers);
  access_free(serve.access);
  cache_free(cache);
  serve_zones_free(serve.serve_zones);
  zones_free((struct zones *)(uintptr_t)serve.zones);
}

/* What instruction counts depend on: compiler, machine, flags. */
static void print_build(void) {
#ifdef __clang__
  printf("clang-%d", __clang_major__);
#else
  printf("gcc-%d", __GNUC__);
#endif
#ifdef __x86_64__
  printf(" x86_64");
#else
  printf(" other");
#endif
#if !defined __OPTIMIZE__ || defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  printf(" slow\n");
#elif defined _FORTIFY_SOURCE && defined __PIE__
  printf(" hardened\n");
#else
  printf(" bare\n");
#endif
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "build") == 0) return print_build(), 0;
  long hits = argc > 2 ? strtol(argv[2], NULL, 10) : 0, names = argc > 3 ? strtol(argv[3], NULL, 10) : 1000;
  for (unsigned i = 0; argc <= 4 && i < sizeof modes / sizeof *modes; i++) {
    if (argc < 2 || strcmp(modes[i].word, argv[1]) != 0) continue;
    if (hits <= 0 || hits > 1000000000 || names <= 0 || names > NAMES_MAX) break;
    run(&modes[i], (unsigned)hits, (unsigned)names);
    return 0;
  }
  fputs("usage: hit MODE HITS [NAMES (1000)]; hit build\n", stderr);
  for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
    fprintf(stderr, "  %-9s %s\n", modes[i].word, modes[i].help);
  }
  return 2;
}
