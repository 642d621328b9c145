/* seeds.c: makes what the fuzz targets begin with out of the packets of tests/kit: `seeds FOLDER`.
 * contrib/dev/fuzz --seeds runs it and keeps the result in tests/fuzz/corpus. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/snapshot.h"
#include "dns/frame.h"
#include "fuzz/fuzz.h"
#include "fuzz/resolver.h"
#include "server/cookie.h"

static const char *folder;
static struct msg m, input;

/* ---- files ---- */

static void put_u8(uint8_t v) { msg_put(&input, &v, 1); }
static void begin(uint8_t how, uint8_t what) {
  input.len = 0;
  put_u8(how);
  put_u8(what);
}

static void save(const char *target, const char *name, unsigned i) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, target);
  if (mkdir(path, 0777) != 0 && errno != EEXIST) perror(path);
  snprintf(path, sizeof path, "%s/%s/%s-%u", folder, target, name, i);
  FILE *out = fopen(path, "wb");
  must(out && fwrite(input.octets, 1, input.len, out) == input.len && fclose(out) == 0);
}

/* ---- packet: how, who, the query ---- */

static void packet(const char *name, unsigned i, uint8_t how, uint8_t who) {
  begin(how, who);
  msg_put(&input, m.octets, m.len);
  save("packet", name, i);
}

static void query(const struct warm *w) {
  msg_query(&m, w->name, w->type);
  if (w->key_flags & KEY_CD) m.octets[3] |= DNS_CD;
}

static void packets_of(const struct warm *w, unsigned i) {
  static const uint8_t keepalive[] = {0, OPT_KEEPALIVE, 0, 0};
  uint8_t cookie[4 + 24] = {0, OPT_COOKIE, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  static const uint8_t secret[SIPHASH_KEY];
  struct cookie_keys keys = {0};
  union addr peer;

  query(w);
  if (!(w->key_flags & KEY_DO)) packet("plain", i, 0, 0);
  msg_opt(&m, 512, 0, true, NULL, 0);
  packet("do", i, 0, (uint8_t)(i % 3 | 4));
  query(w);
  msg_opt(&m, DNS_UDP_OURS, 0, w->key_flags & KEY_DO, cookie, 12);
  packet("cookie", i, 0, 1);
  struct query_opts shown = {.cookie_len = 8};
  memcpy(shown.cookie, cookie + 4, 8);
  must(addr_parse("192.0.2.7", 1, &peer));
  cookie_keys_roll(&keys, secret, RESOLVER_START_MS / 1000);
  cookie_exchange(&shown, &keys, &peer, RESOLVER_START_MS / 1000);
  memcpy(cookie + 4, shown.cookie, 24);
  cookie[3] = 24;
  query(w);
  msg_opt(&m, 4096, 0, w->key_flags & KEY_DO, cookie, 28);
  packet("known", i, 0, 1);
  query(w);
  msg_opt(&m, 65535, 0, w->key_flags & KEY_DO, keepalive, sizeof keepalive);
  packet("tcp", i, 1, 2);
  packet("late", i, 1, 8);
  packet("failing", i, 16, 8);
  packet("cut", i, 64, 4);
}

static void wrong_packets(void) {
  const struct warm a = {"a.", TYPE_A, 0};
  msg_query(&m, "unknown.lab.", TYPE_A);
  packet("miss", 0, 0, 0);
  packet("miss", 1, 32 + 16, 1);
  msg_query(&m, "_xmpp-server._tcp.unknown.lab.", TYPE_SRV);
  packet("miss", 2, 1, 2);
  msg_query(&m, "_5269._tcp.a.", TYPE_TLSA);
  packet("miss", 3, 0, 0);
  msg_query(&m, "x.y.e.", TYPE_A);
  packet("denied", 0, 64, 0);
  query(&a);
  packet("stranger", 0, 0, 3);
  packet("stranger", 1, 4, 3);
  m.octets[2] = DNS_QR;
  packet("wrong", 0, 0, 0);
  m.octets[2] = 5 << 3;
  packet("wrong", 1, 0, 0);
  query(&a);
  msg_set_count(&m, 0, 2);
  packet("wrong", 2, 0, 0);
  query(&a);
  msg_opt(&m, 1232, 1, false, NULL, 0);
  packet("wrong", 3, 0, 0);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  packet("wrong", 4, 0, 0);
  msg_query(&m, "a.", TYPE_AXFR);
  packet("wrong", 5, 0, 0);
  msg_start(&m, 0);
  msg_question(&m, "version.bind.", TYPE_TXT, CLASS_CH);
  packet("chaos", 0, 32, 0);
  msg_start(&m, 0);
  msg_question(&m, "a.", TYPE_A, CLASS_IN);
  packet("no-rd", 0, 0, 0);
}

/* ---- reply: how, question, then each reply's way to end, its length, and it ---- */

/* A reply to the question chosen, from its flags on, the question left out. */
static void add_reply(void) {
  size_t question = m.octets[5] ? DNS_HEADER : 0, from = DNS_HEADER;
  if (question) {
    while (m.octets[from]) from += 1u + m.octets[from];
    from += 5;
  }
  put_u8(0);
  msg_put_u16(&input, (uint16_t)(8 + m.len - from));
  msg_put_u16(&input, (uint16_t)(load_u16(m.octets + 2) ^ ((DNS_QR | DNS_RD) << 8 | DNS_RA)));
  msg_put(&input, m.octets + 6, 6);
  msg_put(&input, m.octets + from, m.len - from);
}

static void record(enum section section, const char *owner, uint16_t type, struct rdata rd) {
  msg_record(&m, section, owner, type, 300, rd);
}

static void soa(const char *owner) {
  record(SECTION_AUTHORITY, owner, TYPE_SOA, rd_soa("ns.lab.", "host.lab.", 60));
}

/* Addresses, as often as they may be asked for. */
static void add_addresses(unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    msg_answer(&m, "a.lab.", i % 2 ? TYPE_AAAA : TYPE_A, RCODE_NOERROR);
    if (i % 2) record(SECTION_ANSWER, "a.lab.", TYPE_AAAA, rd_aaaa("2001:db8::1"));
    else record(SECTION_ANSWER, "a.lab.", TYPE_A, rd_a("192.0.2.1"));
    add_reply();
  }
}

static void reply_services(void) {
  static const char *const names[] = {"_xmpp-server._tcp.lab.", "_xmpp-client._tcp.lab."};
  for (unsigned i = 0; i < 8; i++) {
    const char *name = names[i % 2];
    begin((uint8_t)(i & 4 ? 32 : 0), (uint8_t)(2 + i % 2 + (i & 2 ? 0x80 : 0)));
    msg_answer(&m, name, TYPE_SRV, RCODE_NOERROR);
    record(SECTION_ANSWER, name, TYPE_SRV, rd_srv(5, 1, 5222, "a.lab."));
    record(SECTION_ANSWER, name, TYPE_SRV, rd_srv(6, 1, 5222, i == 7 ? "." : "b.lab."));
    add_reply();
    add_addresses(6);
    save("reply", "service", i);
  }
}

/* The SRV answer is held back for addresses; then the link to the server goes and all is flushed, and the
 * address is refused or its time runs out: what is let go fails at once. */
static void reply_held(void) {
  enum { REFUSED = 2, LATER = 4, LINK_AND_FLUSH = 16 | 32 };
  static const char name[] = "_xmpp-server._tcp.lab.";
  for (unsigned i = 0; i < 4; i++) {
    begin(32, (uint8_t)(2 + (i & 2 ? 0x80 : 0)));
    msg_answer(&m, name, TYPE_SRV, RCODE_NOERROR);
    record(SECTION_ANSWER, name, TYPE_SRV, rd_srv(5, 1, 5222, "a.lab."));
    add_reply();
    put_u8((uint8_t)((i & 1 ? REFUSED : LATER) | LINK_AND_FLUSH));
    for (unsigned k = 0; k < 6; k++) put_u8(i & 1 ? REFUSED : LATER);
    put_u8(LATER | 16);
    add_addresses(2);
    save("reply", "held", i);
  }
}

static void reply_chains(void) {
  static const uint8_t rrsig[40] = {0, TYPE_A, 8, 2, 0, 0, 1,  44, 0x70, 0,   0,
                                    0, 0x60,   0, 0, 0, 0, 42, 3,  'l',  'a', 'b'};
  for (unsigned i = 0; i < 2; i++) {
    begin((uint8_t)(i ? 1 + 128 : 0), 0);
    msg_answer(&m, "a.lab.", TYPE_A, RCODE_NOERROR);
    if (i) m.octets[3] |= DNS_AD;
    if (i) record(SECTION_ANSWER, "c.lab.", TYPE_A, rd_a("192.0.2.3"));
    record(SECTION_ANSWER, "a.lab.", TYPE_CNAME, rd_name("b.lab."));
    record(SECTION_ANSWER, "b.lab.", TYPE_CNAME, rd_name("c.lab."));
    if (!i) record(SECTION_ANSWER, "c.lab.", TYPE_A, rd_a("192.0.2.3"));
    record(SECTION_ANSWER, "c.lab.", TYPE_RRSIG, rd_octets(rrsig, sizeof rrsig));
    record(SECTION_ADDITIONAL, "evil.", TYPE_A, rd_a("192.0.2.66"));
    add_reply();
    save("reply", "chain", i);
  }

  for (unsigned i = 0; i < 2; i++) { /* the second leaves the CNAME out */
    begin(0, 14);
    msg_answer(&m, "a.b.c.d.e.f.g.h.lab.", TYPE_A, RCODE_NOERROR);
    record(SECTION_ANSWER, "h.lab.", TYPE_DNAME, rd_name("i.lab."));
    if (!i) record(SECTION_ANSWER, "a.b.c.d.e.f.g.h.lab.", TYPE_CNAME, rd_name("a.b.c.d.e.f.g.i.lab."));
    record(SECTION_ANSWER, "a.b.c.d.e.f.g.i.lab.", TYPE_A, rd_a("192.0.2.3"));
    add_reply();
    save("reply", "dname", i);
  }
}

static void reply_negatives(void) {
  static const uint8_t nsec[] = {0, 0, 1, 0x40};
  for (unsigned i = 0; i < 16; i++) {
    begin((uint8_t)(i & 1 ? 64 : 1), (uint8_t)i);
    msg_answer(&m, "a.lab.", TYPE_A, i & 2 ? RCODE_NXDOMAIN : RCODE_NOERROR);
    soa("lab.");
    if (i & 1) record(SECTION_AUTHORITY, "a.lab.", TYPE_NSEC, rd_octets(nsec, sizeof nsec));
    add_reply();
    save("reply", "negative", i);
  }
}

/* One bad reply, then a right one. */
static void reply_second_tries(void) {
  static const uint16_t flags[] = {DNS_TC << 8,    RCODE_FORMERR, RCODE_NOTIMP,
                                   RCODE_SERVFAIL, RCODE_REFUSED, RCODE_YXDOMAIN};
  uint8_t cookie[4 + 16] = {0, OPT_COOKIE, 0, 16};

  for (unsigned i = 0; i < 6; i++) {
    begin((uint8_t)(i << 2), 0);
    msg_answer(&m, "a.lab.", TYPE_A, 0);
    store_u16(m.octets + 2, (uint16_t)(load_u16(m.octets + 2) | flags[i]));
    add_reply();
    add_addresses(2);
    save("reply", "second", i);
  }

  begin(16, 0);
  msg_answer(&m, "a.lab.", TYPE_A, RCODE_BADCOOKIE & 15);
  msg_opt(&m, 1232, 0, false, cookie, sizeof cookie);
  m.octets[m.len - sizeof cookie - 6] = RCODE_BADCOOKIE >> 4;
  add_reply();
  msg_answer(&m, "a.lab.", TYPE_A, 0);
  record(SECTION_ANSWER, "a.lab.", TYPE_A, rd_a("192.0.2.3"));
  msg_opt(&m, 1232, 0, false, cookie, sizeof cookie);
  add_reply();
  save("reply", "cookie", 0);
  begin(0, 0);
  msg_answer(&m, "a.lab.", TYPE_A, 0);
  record(SECTION_AUTHORITY, ".", TYPE_NS, rd_name("ns."));
  add_reply();
  save("reply", "referral", 0);
  begin(0, 0);
  put_u8(1);
  msg_put_u16(&input, DNS_HEADER);
  msg_start(&m, DNS_QR << 8 | RCODE_FORMERR);
  msg_put(&input, m.octets, m.len);
  put_u8(2);
  put_u8(4);
  save("reply", "raw", 0);
}

static void reply_types(void) {
  static const struct {
    uint8_t what;
    const char *owner;
    uint16_t type;
  } others[] = {{4, "a.lab.", TYPE_CNAME}, {5, "a.lab.", TYPE_MX},
                {6, "a.lab.", TYPE_DNAME}, {7, "_5269._tcp.a.lab.", TYPE_TLSA},
                {8, ".", TYPE_NS},         {9, "lab.", TYPE_SOA},
                {10, "lab.", TYPE_MX},     {11, "lab.", TYPE_TXT},
                {12, "a.lab.", 65280}};
  for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
    uint16_t type = others[i].type;
    struct rdata rd = type == TYPE_MX    ? rd_mx(1, "a.lab.")
                      : type == TYPE_SOA ? rd_soa("ns.lab.", "host.lab.", 60)
                      : type == TYPE_TXT || type == TYPE_TLSA || type == 65280 ? rd_txt("text")
                                                                               : rd_name("b.lab.");
    begin(0, others[i].what);
    msg_answer(&m, others[i].owner, TYPE_A, 0);
    record(SECTION_ANSWER, others[i].owner, type, rd);
    add_reply();
    save("reply", "type", i);
  }
}

/* ---- connections: how, the steps, the stream ---- */

static void steps(uint8_t how, const uint8_t *ops, uint8_t n) {
  input.len = 0;
  put_u8(how);
  put_u8(n);
  msg_put(&input, ops, n);
}

static void add_frame(void) {
  msg_put_u16(&input, (uint16_t)m.len);
  msg_put(&input, m.octets, m.len);
}

static const uint8_t cuts[][12] = {{0, 0, 0, 1, 5, 20, 200, 50, 60, 70, 127, 130},
                                   {127, 200, 162, 163, 184, 3, 170, 185, 130, 175, 200, 187},
                                   {10, 176, 183, 182, 100, 184, 180, 40, 183, 183, 127, 192},
                                   {50, 165, 200, 193, 90, 184, 177, 40, 186, 183, 127, 200}};

static void client_streams(void) {
  for (unsigned i = 0; i < 8; i++) {
    steps((uint8_t)i, cuts[i / 2], sizeof cuts[0]);
    for (unsigned k = 0; k < warm_count; k++) {
      query(&warm_questions[(k + i) % warm_count]);
      if (k % 2) msg_opt(&m, 1232, 0, warm_questions[(k + i) % warm_count].key_flags & KEY_DO, NULL, 0);
      store_u16(m.octets, (uint16_t)k);
      if (k % 5 == i) m.len -= 3;
      add_frame();
      if (k % 4 != i % 4) continue;
      msg_query(&m, "unknown.lab.", TYPE_A);
      add_frame();
    }
    save("client_tcp", "stream", i);
  }
}

static void upstream_streams(void) {
  static const char *const names[] = {"a.", "b.lab.", "_xmpp-server._tcp.lab.", "."};
  static const uint8_t keepalive[] = {0, OPT_KEEPALIVE, 0, 2, 0, 10};
  static const uint8_t asks[][10] = {{0, 0, 0, 1, 5, 20, 50, 60, 70, 63},
                                     {63, 100, 136, 63, 101, 113, 63, 63, 130, 63},
                                     {136, 63, 63, 180, 96, 136, 63, 63, 128, 63},
                                     {63, 97, 63, 176, 137, 64, 99, 192, 138, 70}};
  for (unsigned i = 0; i < 8; i++) {
    steps((uint8_t)i, asks[i / 2], sizeof asks[0]);
    for (unsigned k = 0; k < 8; k++) {
      uint16_t type = k % 4 == 2 ? TYPE_SRV : TYPE_A;
      msg_answer(&m, names[k % 4], type, 0);
      store_u16(m.octets, (uint16_t)(i % 2 ? 7 - k : k));
      record(SECTION_ANSWER, names[k % 4], type, type == TYPE_A ? rd_a("192.0.2.1") : rd_srv(1, 1, 1, "a."));
      msg_opt(&m, 1232, 0, false, keepalive, sizeof keepalive);
      add_frame();
    }
    save("upstream_tcp", "stream", i);
  }
}

static void control_streams(void) {
  static const char *const own[] = {
      "say one\nsay \"two\twords\" \"\" \\\r\n fail a\tb\nhelp\nnone\n\n say x",
      "long 2 3\nlong 3 25000\nsay 1\n",
      "say \"half\nsay a b c d e f g h i j k l m n o p\nlong 0 9\nlong 9 0\nlong x\nsay \x7f\n",
      "long 999 50\nlong 9 9999\nfail\nlong 1 60000\n", "say a\xfe\nsay bbbb\xfe\nsay c\xff\nsay d\n"};
  static const char *const real[] = {
      "status\nstats --workers\nupstreams\ntop\n", "dump a\nflush a. AAAA\nflush --below a\ndump --below .\n",
      "reload\nreload\nlog-level warn,xmpp=error\nflush --all\n",
      "fault add servfail\nfault add \"name=*.lab share=30%\" delay=200-900\nfault list\nfault clear 1\n",
      "help\nflush a\\046b TYPE33\nfault add x\nlog-level x\n"};
  for (unsigned i = 0; i < 20; i++) {
    const char *text = i % 2 ? real[i / 2 % 5] : own[i / 2 % 5];
    steps((uint8_t)((i / 2 & 3) | (i % 2 ? 4 : 0) |
                    (i >= 18   ? 8 | 32
                     : i >= 14 ? 16
                               : 0)),
          cuts[i % 4], sizeof cuts[0]);
    msg_put(&input, text, strlen(text));
    save("control", "stream", i);
  }
}

/* ---- fault: a rule, how, a limit, the answer ---- */

static void faults(void) {
  static const char *const rules[] = {"servfail",
                                      "name=*.lab type=SRV,A share=30% seed=7 delay=200-900 nxdomain",
                                      "drop",
                                      "transport=tcp close",
                                      "first=2 nodata",
                                      "ttl=5 shuffle",
                                      "reverse no-additional",
                                      "truncate",
                                      "lose-target=a.lab",
                                      "target=x.lab port=1",
                                      "address=10.0.0.9,fd00::9",
                                      "wrong-id cut=20",
                                      "strip",
                                      "strip=signatures",
                                      "strip=proofs signature=wrong",
                                      "signature=early wrong-ds",
                                      "garbage",
                                      "garbage=all",
                                      "from=1s until=5s flap=1s/2s refused",
                                      "client=127.0.0.0/8 lose-target",
                                      "servfail drop=x",
                                      "name= delay",
                                      "share=50% cut"};
  for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++) {
    input.len = 0;
    msg_put(&input, rules[i], strlen(rules[i]));
    put_u8('\n');
    put_u8((uint8_t)i);
    msg_put_u16(&input, 1232);
    msg_answer(&m, "_xmpp-server._tcp.lab.", TYPE_SRV, 0);
    record(SECTION_ANSWER, "_xmpp-server._tcp.lab.", TYPE_SRV, rd_srv(5, 1, 5269, "a.lab."));
    record(SECTION_ANSWER, "_xmpp-server._tcp.lab.", TYPE_SRV, rd_srv(6, 1, 5269, "b.lab."));
    record(SECTION_ADDITIONAL, "a.lab.", TYPE_A, rd_a("192.0.2.1"));
    if (i % 2) msg_opt(&m, 1232, 0, true, NULL, 0);
    msg_put(&input, m.octets, m.len);
    save("fault", "rule", i);
  }
}

/* ---- snapshot: how, how old, the file ---- */

static void take_file(const char *path) {
  static uint8_t file[1 << 16];
  FILE *in = fopen(path, "rb");
  must(in);
  size_t len = fread(file, 1, sizeof file, in);
  fclose(in);
  unlink(path);
  msg_put(&input, file, len);
}

static void snapshots(void) {
  static struct made made;
  static const struct snapshot_now then = {.wall_ms = 1700000000000, .tick = 5000};
  char path[4096];
  struct snapshot_report report;

  snprintf(path, sizeof path, "%s/written", folder);
  struct cache *c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  must(c);
  for (unsigned i = 0; i < 4; i++) {
    made_a(&made, i % 2 ? "a.lab." : "b.lab.", 300, i + 1, 4000);
    must(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
    if (i == 2) {
      made_start(&made, "e.lab.", TYPE_A, RCODE_NXDOMAIN);
      made_add(&made, SECTION_AUTHORITY, "lab.", TYPE_SOA, 300, rd_soa("ns.lab.", "host.lab.", 60));
      made_done(&made, 4900);
      must(cache_put(c, &made.question, &made.answer, ORIGIN_PREFETCH_C2S, 4950, 0));
    }
    must(snapshot_write(c, path, &then, NULL, &report) == SNAPSHOT_GOOD);
    input.len = 0;
    put_u8((uint8_t)i);
    msg_put_u16(&input, (uint16_t)(i * 40));
    take_file(path);
    save("snapshot", "written", i);
  }

  cache_free(c);
}

int main(int argc, char **argv) {
  must(argc == 2);
  folder = argv[1];
  for (unsigned i = 0; i < warm_count; i++) packets_of(&warm_questions[i], i);
  wrong_packets();
  reply_services();
  reply_held();
  reply_chains();
  reply_negatives();
  reply_second_tries();
  reply_types();
  client_streams();
  upstream_streams();
  control_streams();
  faults();
  snapshots();
  return EXIT_SUCCESS;
}
