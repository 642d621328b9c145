/* test_cached.c: answers out of a daemon's cache, and which domains it knows. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/must.h"
#include "kit/msg.h"
#include "tool/cached_priv.h"
#include "tool/domain.h"
#include "tool/reply.h"

static struct cached *cached_new(void) { return must_zalloc(sizeof(struct cached)); }

/* An answer with one address, so that they can be told apart by it. */
static void add(struct cached *c, const char *name, uint16_t type, uint32_t ttl_s, const char *address) {
  static struct msg m;
  uint8_t octets[NAME_MAX_LEN];
  msg_answer(&m, name, type, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, name, TYPE_A, ttl_s, rd_a(address));
  struct cached_entry *x = must_zalloc(sizeof *x + m.len);
  x->type = type;
  x->ttl_s = ttl_s;
  x->len = m.len;
  x->name_len = (uint8_t)name_parse(name, octets);
  name_lower(x->name, octets, x->name_len);
  memcpy(x->msg, m.octets, m.len);
  c->list = realloc(c->list, (c->count + 1) * sizeof(*c->list));
  must(c->list);
  c->list[c->count++] = x;
}

/* The last octet of the address that the question is answered with; -1: the cache has no answer. */
static int answer(const struct cached *c, const char *name, uint16_t type) {
  struct asked a = {.name_len = 0};
  uint8_t octets[NAME_MAX_LEN];
  struct record r;
  int last = -1;
  ask_make(&a, octets, name_parse(name, octets), type);
  cached_answer(c, &a);
  cr_expect(a.outcome == ASKED_ANSWERED || a.outcome == ASKED_LEFT_OUT);
  if (a.outcome == ASKED_ANSWERED) {
    struct reply p = reply_open(a.msg, a.len);
    cr_assert(reply_next_answer(&p, TYPE_A, &r));
    last = record_rdata(&r)[3];
  }
  asked_free(&a);
  return last;
}

Test(cached, answers_by_name_in_any_case_and_by_type) {
  struct cached *c = cached_new();
  add(c, "b.chat", TYPE_A, 60, "9.9.9.1");
  add(c, "A.chat", TYPE_A, 60, "9.9.9.2");
  add(c, "a.chat", TYPE_AAAA, 60, "9.9.9.3");
  cached_settle(c);
  cr_expect_eq(answer(c, "B.Chat", TYPE_A), 1);
  cr_expect_eq(answer(c, "a.chat", TYPE_A), 2);
  cr_expect_eq(answer(c, "a.chat", TYPE_AAAA), 3);
  cr_expect_eq(answer(c, "c.chat", TYPE_A), -1);
  cr_expect_eq(answer(c, "b.chat", TYPE_SRV), -1);
  cached_free(c);
}

Test(cached, of_one_question_the_answer_that_lasts_longest_counts) {
  struct cached *c = cached_new();
  add(c, "a.chat", TYPE_A, 0, "9.9.9.1");
  add(c, "a.chat", TYPE_A, 90, "9.9.9.2");
  add(c, "A.CHAT", TYPE_A, 30, "9.9.9.3");
  cached_settle(c);
  cr_expect_eq(c->count, 1);
  cr_expect_eq(answer(c, "a.chat", TYPE_A), 2);
  cached_free(c);
}

struct names {
  char text[200];
  size_t stop_after;
};

static bool note(void *context, const uint8_t *name, size_t len) {
  struct names *n = context;
  char text[NAME_TEXT];
  strcat(n->text, domain_text(name, len, text));
  strcat(n->text, " ");
  return n->stop_after == 0 || --n->stop_after > 0;
}

Test(cached, tells_each_domain_once_by_the_alphabet) {
  struct cached *c = cached_new();
  struct names all = {.stop_after = 0}, first = {.stop_after = 1};
  add(c, "_xmpp-server._tcp.z.chat", TYPE_SRV, 60, "9.9.9.1");
  add(c, "_XMPPS-client._tcp.a.chat", TYPE_SRV, 60, "9.9.9.1");
  add(c, "_xmpp-client._tcp.a.chat", TYPE_SRV, 60, "9.9.9.1");
  add(c, "_jabber._tcp.old.chat", TYPE_SRV, 60, "9.9.9.1");
  add(c, "_sip._tcp.sip.chat", TYPE_SRV, 60, "9.9.9.1");
  add(c, "_xmpp-client._tcp.text.chat", TYPE_TXT, 60, "9.9.9.1");
  add(c, "_xmpp-client._tcp", TYPE_SRV, 60, "9.9.9.1");
  cached_settle(c);
  cr_expect_eq(cached_each_domain(c, note, &all), 2);
  cr_expect_str_eq(all.text, "a.chat z.chat ");
  cached_each_domain(c, note, &first);
  cr_expect_str_eq(first.text, "a.chat ", "it ends when it is told to");
  cached_free(c);
}

Test(cached, an_empty_one_knows_nothing) {
  struct cached *c = cached_new();
  struct names none = {.stop_after = 0};
  cached_settle(c);
  cr_expect_eq(answer(c, "a.chat", TYPE_A), -1);
  cr_expect_eq(cached_each_domain(c, note, &none), 0);
  cached_free(c);
  cached_free(NULL);
}
