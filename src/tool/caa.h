/* Which authorities may issue certificates for a domain (CAA, RFC 8659), and whether one of them did. */
#ifndef JIDNS_TOOL_CAA_H
#define JIDNS_TOOL_CAA_H
#include "tool/facts.h"

enum { CAA_ISSUERS_MAX = 16, CAA_ISSUER = 64 };

/* The records that hold for a domain: its own, or those of the nearest name above it that has any. */
struct caa {
  bool is_known;      /* the questions were answered */
  char at[NAME_TEXT]; /* where the records stand; "": there are none */
  bool restricts;     /* there are "issue" records: only those may */
  size_t count;
  char issuers[CAA_ISSUERS_MAX][CAA_ISSUER]; /* "letsencrypt.org"; those that fit */
  bool is_cut;                               /* others did not fit */
};

/* ask: as lookup_run has it, for the names above the domain. */
void caa_find(const struct facts *f, void (*ask)(void *context, struct asked *const *list, size_t n),
              void *context, struct caa *out);

/* The records keep that organisation, as certificates name it, from issuing. False as well where it is not
 * known by which name it goes in CAA. */
bool caa_forbids(const struct caa *c, const char *organisation);

/* The name that stands for it in CAA, "letsencrypt.org"; NULL: not known. */
const char *caa_name_of(const char *organisation);
#endif
