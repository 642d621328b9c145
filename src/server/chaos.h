/* Who answers: version.bind and id.server, class CHAOS (RFC 4892), for operators who want it told. */
#ifndef JIDNS_SERVER_CHAOS_H
#define JIDNS_SERVER_CHAOS_H
#include "dns/query.h"

enum {
  CHAOS_TEXT = 256,
  CHAOS_HEALTH_LEN = 15
}; /* octets of a text with its NUL: a character string holds 255 */

struct chaos {
  char version[CHAOS_TEXT];  /* for version.bind and version.server; "": refused */
  char identity[CHAOS_TEXT]; /* for id.server and hostname.bind */
};

/* Writes the answer for such a question into out, at least DNS_UDP_PLAIN octets. Returns its length, 0 when
 * it is none of these or not to be told. */
size_t chaos_answer(const struct chaos *c, const struct query_opts *m, uint8_t *out);

/* health.jidnsd, on the wire: how the server is. */
extern const uint8_t chaos_health_name[CHAOS_HEALTH_LEN];
bool chaos_asks_health(const struct query_opts *m);

/* Writes an answer with this text, which is not empty, as above. */
size_t chaos_write(const char *text, const struct query_opts *m, uint8_t *out);
#endif
