/* chaos.c: the server's own version and name in class CHAOS. Exports chaos_*. */
#include "server/chaos.h"

#include "dns/answer.h"

static const char *text_for(const struct chaos *c, const struct query_opts *m) {
  static const struct {
    const char *name;
    uint8_t len;
    bool is_version;
  } names[] = {{"\7version\4bind", 14, true},
               {"\7version\6server", 16, true},
               {"\2id\6server", 11, false},
               {"\10hostname\4bind", 15, false}};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (!name_equal(m->qname_wire, m->name_len, (const uint8_t *)names[i].name, names[i].len)) continue;
    return names[i].is_version ? c->version : c->identity;
  }
  return "";
}

static bool is_text_of_chaos(const struct query_opts *m) {
  return m->qname_wire && load_u16(m->qname_wire + m->name_len) == TYPE_TXT &&
         load_u16(m->qname_wire + m->name_len + 2) == CLASS_CH;
}

const uint8_t chaos_health_name[CHAOS_HEALTH_LEN] = "\6health\6jidnsd";

bool chaos_asks_health(const struct query_opts *m) {
  return is_text_of_chaos(m) &&
         name_equal(m->qname_wire, m->name_len, chaos_health_name, sizeof chaos_health_name);
}

size_t chaos_answer(const struct chaos *c, const struct query_opts *m, uint8_t *out) {
  const char *text = is_text_of_chaos(m) ? text_for(c, m) : "";
  return *text ? chaos_write(text, m, out) : 0;
}

size_t chaos_write(const char *text, const struct query_opts *m, uint8_t *out) {
  size_t len = strlen(text);

  /* owner, type, class, TTL 0 */
  uint8_t body[12 + CHAOS_TEXT] = {0xc0, DNS_HEADER, 0, TYPE_TXT, 0, CLASS_CH};
  static const uint16_t ttl_at = 6;
  store_u16(body + 10, (uint16_t)(len + 1));
  body[12] = (uint8_t)len;
  memcpy(body + 13, text, len);
  struct answer_view v = {
      .head = {.an = 1, .body_len = (uint16_t)(13 + len)}, .ttl_at = (const uint8_t *)&ttl_at, .body = body};
  return answer_write(&v, m, ANSWER_FRESH, 0, DNS_UDP_PLAIN, out);
}
