/* prove_log.c: bogus answers, domain by domain. Exports prove_log_*. */
#include "forward/prove_log.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/must.h"
#include "forward/forward_priv.h"

void prove_log_init(struct prove_log *l) {
  *l = (struct prove_log){.domains = {{0, 0}}};
  must(pthread_mutex_init(&l->lock, NULL) == 0);
}

/* Is the domain to be told of? Its place is that of the one told of longest ago. */
static bool begins(struct prove_log *l, uint64_t hash, uint64_t now_ms) {
  struct prove_logged *place = &l->domains[0];
  for (unsigned i = 0; i < PROVE_LOG_DOMAINS; i++) {
    struct prove_logged *d = &l->domains[i];
    if (d->said_ms && d->hash == hash && now_ms < d->said_ms + PROVE_LOG_AGAIN_MS) return false;
    if (d->said_ms < place->said_ms) place = d;
  }
  if (place->said_ms && now_ms < place->said_ms + PROVE_LOG_AGAIN_MS) return false;
  *place = (struct prove_logged){hash, now_ms ? now_ms : 1};
  return true;
}

static void say(const struct pending *p, const struct verdict *v) {
  const struct question *q = &p->question;
  char text[QUESTION_TEXT], zone[NAME_TEXT], server[ADDR_TEXT] = "a server";
  if (p->server) addr_format(&p->server->address.addr, server);
  if (v->is_anchor_lost) {
    log_error("forward",
              "%s is signed by no key that jidnsd trusts, so no name below can be proven: bring the trust "
              "anchors up to date (a newer jidnsd or dns-root-data, or --trust-anchor), or find out who "
              "answers in its name at %s",
              q->name_len == 1 ? "the root" : name_format(q->key, q->name_len, zone), server);
  } else {
    log_warn("forward", "%s: bogus (%s): %s (from %s); %s", question_format(q, text), err_word(v->why),
             err_text(v->why), server,
             p->prove == PROVE_VALIDATE ? "it is not given out" : "--dnssec validate would refuse it");
  }
}

void prove_log_note(struct prove_log *l, const struct pending *p, const struct verdict *v, uint64_t now_ms) {
  const struct question *q = &p->question;
  if (!l) return;
  size_t at = name_last_two_at(q->key);
  must(pthread_mutex_lock(&l->lock) == 0);
  bool is_said = begins(l, hash_bytes(q->key + at, q->name_len - at, 0), now_ms);
  must(pthread_mutex_unlock(&l->lock) == 0);
  if (is_said) say(p, v);
}
