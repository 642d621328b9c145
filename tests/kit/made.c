/* made.c: questions, clients and stored answers for tests. Exports question_of, asked_*, made_*. */
#include "kit/made.h"

#include <stdio.h>

#include "base/must.h"

void question_of(struct question *q, const char *name, uint16_t type) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  must(len > 0);
  question_make(q, octets, len, type, CLASS_IN, 0, KIT_SEED);
}

void asked_again(struct asked *a) {
  must(query_read(&a->query, a->msg.octets, a->msg.len, KIT_SEED) == QUERY_OK);
}

void asked_plain(struct asked *a, const char *name, uint16_t type) {
  msg_query(&a->msg, name, type);
  asked_again(a);
}

void asked_edns(struct asked *a, const char *name, uint16_t type, uint16_t udp_size, bool dnssec_ok) {
  msg_query(&a->msg, name, type);
  msg_opt(&a->msg, udp_size, 0, dnssec_ok, NULL, 0);
  asked_again(a);
}

void made_start(struct made *m, const char *name, uint16_t type, uint8_t rcode) {
  question_of(&m->question, name, type);
  build_start(&m->build, &m->answer, &m->question, rcode);
}

bool made_try(struct made *m, enum section section, const char *owner, uint16_t type, uint32_t ttl,
              struct rdata rd) {
  static _Thread_local struct msg msg;
  struct record r;
  msg_start(&msg, 0);
  msg_record(&msg, section, owner, type, ttl, rd);
  struct wire w = wire_read(msg.octets, msg.len);
  w.at = DNS_HEADER;
  must(record_read(&w, &r));
  return build_add(&m->build, section, &r, ttl);
}

void made_add(struct made *m, enum section section, const char *owner, uint16_t type, uint32_t ttl,
              struct rdata rd) {
  must(made_try(m, section, owner, type, ttl, rd));
}

void made_done(struct made *m, uint32_t stored_at) {
  answer_note_rotation(&m->answer);
  struct answer_view v = answer_view(&m->answer);
  m->answer.head.stored_at = stored_at;
  m->answer.ttl_s = answer_least_ttl(&v, 0, (unsigned)v.head.an + v.head.ns);
}

void made_a(struct made *m, const char *name, uint32_t ttl, unsigned count, uint32_t stored_at) {
  made_start(m, name, TYPE_A, RCODE_NOERROR);
  for (unsigned i = 0; i < count; i++) {
    char text[32];
    snprintf(text, sizeof text, "192.0.%u.%u", 2 + i / 256, i % 256);
    made_add(m, SECTION_ANSWER, name, TYPE_A, ttl, rd_a(text));
  }
  made_done(m, stored_at);
}
