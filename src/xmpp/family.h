/* The names that belong to one XMPP domain: its client and its server family (RFC 6120 section 3.2,
 * XEP-0368). */
#ifndef JIDNS_XMPP_FAMILY_H
#define JIDNS_XMPP_FAMILY_H
#include "dns/answer.h"
#include "dns/srv.h"

enum family_role { FAMILY_C2S, FAMILY_S2S };
/* The port where its records name none. */
static inline uint16_t family_port(enum family_role role) { return role == FAMILY_S2S ? 5269 : 5222; }

enum { FAMILY_TARGETS = 32 }; /* of one answer; a domain that lists more gets help for the first */

struct family {
  enum family_role role;
  bool direct_tls;       /* _xmpps-* */
  const uint8_t *domain; /* borrowed from the question's key */
  size_t domain_len;
  uint8_t key_flags; /* of the question: what is asked for its sake must fit them */
};

/* Is q an SRV question for an XMPP service, and of which family? The root is no XMPP domain. */
bool family_of(const struct question *q, struct family *out);

/* The SRV question of the same family with the other kind of TLS. False when the name would be too long. */
bool family_sibling(const struct family *f, uint64_t seed, struct question *out);

/* _jabber._tcp.domain SRV, which old programs ask when they find no other. */
void family_jabber(const struct family *f, uint64_t seed, struct question *out);
bool family_is_jabber(const struct question *q);

/* _PORT._tcp.TARGET TLSA (RFC 7673 section 3.2). False when the name would be too long. */
bool family_tlsa(const struct srv *target, uint8_t key_flags, uint64_t seed, struct question *out);

/* The first `max` SRV records of an answer to q in the order in which programs try them, "." left out, each
 * target once. `message` is DNS_MSG_MAX octets of scratch. */
unsigned family_targets_in(const struct question *q, const struct answer_view *v, uint8_t *message,
                           struct srv *out, unsigned max);
static inline unsigned family_targets(const struct question *q, const struct answer *a, uint8_t *message,
                                      struct srv *out, unsigned max) {
  struct answer_view v = answer_view(a);
  return family_targets_in(q, &v, message, out, max);
}
#endif
