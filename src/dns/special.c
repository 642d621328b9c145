/* special.c: answers for names that no server is asked for, and names that nobody signs. Exports special_is,
 * special_is_private, special_answer. */
#include "dns/special.h"

#include "dns/answer.h"

enum { SPECIAL_TTL_S = 10800, SOA_TTL_S = 10800 };

enum kind { LOOPBACK, NOWHERE, EMPTY };

struct special {
  const char *name;
  uint8_t len;
  enum kind kind;
};

static const struct special specials[] = {{"\11localhost", 11, LOOPBACK},
                                          {"\7invalid", 9, NOWHERE},
                                          {"\5onion", 7, NOWHERE},
                                          {"\3alt", 5, NOWHERE},
                                          {"\10resolver\4arpa", 15, EMPTY}};

static const struct special *find(const struct question *q) {
  if (question_class(q) != CLASS_IN) return NULL;
  for (unsigned i = 0; i < sizeof specials / sizeof *specials; i++) {
    const struct special *s = &specials[i];
    if (name_is_within(q->key, q->name_len, (const uint8_t *)s->name, s->len)) return s;
  }
  return NULL;
}

/* ---- private networks ---- */

struct private_name {
  uint8_t least, most; /* of the label before the name, a number; 0: the name itself, and all below it */
  uint8_t len;
  const char *name;
};

#define REVERSE(labels) sizeof labels "\7in-addr\4arpa", labels "\7in-addr\4arpa"
#define REVERSE6(labels) sizeof labels "\3ip6\4arpa", labels "\3ip6\4arpa"
#define ZEROES "\0010\0010\0010\0010\0010\0010\0010"

static const struct private_name privates[] = {
    {0, 0, sizeof "\5local", "\5local"},
    {0, 0, sizeof "\4test", "\4test"},
    {0, 0, sizeof "\4home\4arpa", "\4home\4arpa"},
    {0, 0, REVERSE("\0010")},
    {0, 0, REVERSE("\00210")},
    {0, 0, REVERSE("\003127")},
    {16, 31, REVERSE("\003172")},
    {64, 127, REVERSE("\003100")},
    {0, 0, REVERSE("\003168\003192")},
    {0, 0, REVERSE("\003254\003169")},
    {0, 0, REVERSE("\0012\0010\003192")},
    {0, 0, REVERSE("\003100\00251\003198")},
    {0, 0, REVERSE("\003113\0010\003203")},
    {0, 0, REVERSE("\003255\003255\003255\003255")},
    {0, 0, REVERSE6("\0010" ZEROES ZEROES ZEROES ZEROES "\0010\0010\0010")},
    {0, 0, REVERSE6("\0011" ZEROES ZEROES ZEROES ZEROES "\0010\0010\0010")},
    {0, 0, REVERSE6("\1d\1f")},
    {0, 0, REVERSE6("\0018\1e\1f")},
    {0, 0, REVERSE6("\0019\1e\1f")},
    {0, 0, REVERSE6("\1a\1e\1f")},
    {0, 0, REVERSE6("\1b\1e\1f")},
    {0, 0, REVERSE6("\0018\1b\1d\0010\0011\0010\0010\0012")},
};

/* The last label of the `len` octets at `name`, all labels, as a number; -1: it is none. */
static int last_number(const uint8_t *name, size_t len) {
  int number = 0;
  size_t at = 0;
  if (!len) return -1;
  while (at + 1u + name[at] < len) at += 1u + name[at];
  if (name[at] > 3) return -1;
  for (unsigned i = 1; i <= name[at]; i++) {
    if (name[at + i] < '0' || name[at + i] > '9') return -1;
    number = 10 * number + name[at + i] - '0';
  }
  return number;
}

bool special_is_private(const struct question *q) {
  for (unsigned i = 0; i < sizeof privates / sizeof *privates; i++) {
    const struct private_name *p = &privates[i];
    if (!name_is_within(q->key, q->name_len, (const uint8_t *)p->name, p->len)) continue;
    int number = p->most ? last_number(q->key, q->name_len - p->len) : 0;
    if (number >= p->least && number <= p->most) return true;
  }
  return false;
}

/* ---- names that no server is asked for ---- */

bool special_is(const struct question *q) { return find(q) != NULL; }

/* Owner (a pointer), type, class, TTL and length. */
static void put_head(struct wire_out *w, size_t owner, uint16_t type, uint32_t ttl, size_t rdlen) {
  wire_put_u16(w, (uint16_t)(0xc000u | owner));
  wire_put_u16(w, type);
  wire_put_u16(w, CLASS_IN);
  wire_put_u32(w, ttl);
  wire_put_u16(w, (uint16_t)rdlen);
}

/* The SOA that RFC 6303 section 3 gives to such zones; `zone` is where its name stands in the question. */
static void put_soa(struct wire_out *w, size_t zone) {
  static const uint8_t nobody[] = "\6nobody\7invalid";
  static const uint32_t numbers[] = {1, 3600, 1200, 604800, SOA_TTL_S};
  put_head(w, zone, TYPE_SOA, SOA_TTL_S, 2 + sizeof nobody + sizeof numbers);
  wire_put_u16(w, (uint16_t)(0xc000u | zone));
  wire_put(w, nobody, sizeof nobody);
  for (unsigned i = 0; i < 5; i++) wire_put_u32(w, numbers[i]);
}

size_t special_answer(const struct query *q, uint8_t *out) {
  static const uint8_t loopback[] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};
  static const uint16_t ttl_at = 6;
  const struct special *s = find(&q->question);

  if (!s) return 0;
  uint8_t body[64];
  struct wire_out w = {.buf = body, .cap = sizeof body};
  struct answer_head head = {.rcode = s->kind == NOWHERE ? RCODE_NXDOMAIN : RCODE_NOERROR};
  uint16_t type = question_type(&q->question);
  if (s->kind == LOOPBACK && (type == TYPE_A || type == TYPE_AAAA)) {
    size_t len = type == TYPE_A ? sizeof loopback : sizeof loopback6;
    put_head(&w, DNS_HEADER, type, SPECIAL_TTL_S, len);
    wire_put(&w, type == TYPE_A ? loopback : loopback6, len);
    head.an = 1;
  } else {
    put_soa(&w, DNS_HEADER + q->question.name_len - s->len);
    head.ns = 1;
  }

  head.body_len = (uint16_t)w.at;
  struct answer_view v = {.head = head, .ttl_at = (const uint8_t *)&ttl_at, .body = body};
  return answer_write(&v, &q->query_opts, ANSWER_FRESH, 0, DNS_UDP_PLAIN, out);
}
