/* rules_unlike.c: ends that ought to be one service and are not, and whose certificate CAA excludes. Exports
 * rules_of_unlike, rules_of_caa. */
#include <stdio.h>

#include "tool/connect.h"
#include "tool/rules_priv.h"

/* ---- one service ---- */

/* The same words, in whatever order. */
static bool has_same_words(const char *a, const char *b) {
  char word[STREAM_MECHANISMS + 2], all[STREAM_MECHANISMS + 2];
  if (strlen(a) != strlen(b)) return false;
  snprintf(all, sizeof all, " %s ", b);
  while (*a) {
    size_t len = strcspn(a, " ");
    snprintf(word, sizeof word, " %.*s ", (int)len, a);
    if (!strstr(all, word)) return false;
    a += len + (a[len] == ' ');
  }
  return true;
}

/* In what two good connections differ; NULL: in nothing that matters. */
static const char *difference(const struct connection *a, const struct connection *b) {
  const struct stream_facts *x = &a->stream, *y = &b->stream;
  if (memcmp(a->digest, b->digest, sizeof a->digest) != 0) return "another certificate";
  if (!has_same_words(x->mechanisms, y->mechanisms)) return "other SASL mechanisms";
  if (a->starttls_required != b->starttls_required) return "another rule for encryption";
  if (x->dialback != y->dialback || x->sasl2 != y->sasl2) return "other features";
  return strcmp(a->version, b->version) == 0 ? NULL : "another version of TLS";
}

static bool is_same_way(const struct connection *a, const struct connection *b) {
  return a->side == b->side && a->direct_tls == b->direct_tls;
}

static bool is_same_address(const struct connection *a, const struct connection *b) {
  return a->address.family == b->address.family && memcmp(a->address.bytes, b->address.bytes, 16) == 0;
}

/* The first good one of the same kind and family that leads to another machine. */
static const struct connection *model_of(const struct connections *all, const struct connection *n) {
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *m = &all->list[i];
    if (m == n) return NULL;
    if (is_same_way(m, n) && connect_is_good(m) && m->address.family == n->address.family &&
        !is_same_address(m, n))
      return m;
  }
  return NULL;
}

static const char *end_text(const struct connection *n, const struct connection *other,
                            char text[NAME_TEXT]) {
  return n->host == other->host ? lookup_address_text(&n->address, text) : lookup_host_text(n->host, text);
}

static void rules_of_targets_unlike(struct report *r, const struct connections *all) {
  bool told[CONNECT_MAX] = {false};
  char subject[NAME_TEXT], other[NAME_TEXT];
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    const struct connection *m = connect_is_good(n) && !told[i] ? model_of(all, n) : NULL;
    const char *what = m ? difference(m, n) : NULL;
    if (!what) continue;

    end_text(n, m, subject);
    report_add(r, RULE_TARGETS_UNLIKE, n->side, subject, "%s has %s than %s, port %u", subject, what,
               end_text(m, n, other), n->port);
    for (size_t k = i; k < all->count; k++)
      told[k] |= all->list[k].side == n->side && all->list[k].host == n->host;
  }
}

/* ---- two families ---- */

/* A server that is none for the domain, while the other is. */
static bool is_alien(const struct connection *n) {
  return n->end == END_NOT_XMPP || n->end == END_HOST_UNKNOWN || n->end == END_XML_FIRST ||
         n->end == END_TLS_FIRST;
}

static const char *family_difference(const struct connection *a, const struct connection *b) {
  if (connect_is_good(a) && connect_is_good(b)) return difference(a, b);
  bool is_one_alien = (connect_is_good(a) && is_alien(b)) || (is_alien(a) && connect_is_good(b));
  return is_one_alien ? "another service" : NULL;
}

static void rules_of_families(struct report *r, const struct connections *all) {
  bool told[CONNECT_MAX] = {false};
  char host[NAME_TEXT];
  for (size_t i = 0; i < all->count; i++) {
    for (size_t k = 0; k < all->count; k++) {
      const struct connection *v4 = &all->list[i], *v6 = &all->list[k];
      bool is_pair = v4->address.family == AF_INET && v6->address.family == AF_INET6 &&
                     v4->host == v6->host && v4->port == v6->port && is_same_way(v4, v6);
      const char *what = is_pair && !told[i] ? family_difference(v4, v6) : NULL;
      if (!what) continue;

      lookup_host_text(v4->host, host);
      report_add(r, RULE_FAMILIES_UNLIKE, v4->side, host, "%s has %s over IPv6 than over IPv4, port %u", host,
                 what, v4->port);
      for (size_t m = i; m < all->count; m++)
        told[m] |= all->list[m].host == v4->host && all->list[m].side == v4->side;
    }
  }
}

void rules_of_unlike(struct report *r) {
  const struct connections *all = r->facts->connections;
  if (!all) return;
  rules_of_targets_unlike(r, all);
  rules_of_families(r, all);
}

/* ---- CAA ---- */

void rules_of_caa(struct report *r) {
  const struct connections *all = r->facts->connections;
  char host[NAME_TEXT];
  if (!all) return;

  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    bool is_public = n->has_tls && n->is_for_domain_alone && n->trust == TLS_TRUSTED;
    if (!is_public || !caa_forbids(&all->caa, n->issuer)) continue;
    lookup_host_text(n->host, host);
    struct finding *x = report_add(r, RULE_CAA_FORBIDS, n->side, all->caa.at,
                                   "CAA of %s does not allow %s, which issued the certificate of %s",
                                   all->caa.at, n->issuer, host);
    finding_change(x, true, all->caa.at, "CAA", "0 issue \"%s\"", caa_name_of(n->issuer));
    return;
  }
}
