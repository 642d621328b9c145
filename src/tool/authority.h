/* The name servers of a domain's zone, asked themselves: what the parent says of them, which of them answer,
 * over what, and whether they agree. Judges nothing: rules_authority.c does. */
#ifndef JIDNS_TOOL_AUTHORITY_H
#define JIDNS_TOOL_AUTHORITY_H
#include "tool/lookup.h"

enum {
  AUTHORITY_STAGES = 7, /* one round trip each */
  AUTHORITY_NAMES_MAX = 16,
  AUTHORITY_SERVERS_MAX = 24, /* addresses */
  AUTHORITY_PARENTS_MAX = 2   /* servers of the parent that are asked */
};

/* Types that some servers refuse instead of saying that there is no such record. */
enum authority_probe { PROBE_SRV, PROBE_TLSA, PROBE_CAA, PROBE_UNKNOWN, PROBE_COUNT };

/* One address of a name server. */
struct authority_server {
  const struct host *name;
  struct address address;
  union addr addr;
  struct asked soa;   /* over UDP */
  struct asked tcp;   /* the same over TCP */
  struct asked plain; /* the same without EDNS, when UDP gave nothing */
  struct asked mixed; /* the same in MiXeD case */
  struct asked alias; /* CNAME of the zone's own name */
  struct asked ns;
  struct asked probes[PROBE_COUNT];
  struct asked services[LOOKUP_SERVICES];
  struct asked addresses[2]; /* of the domain */
};

/* A server of the parent zone, asked for the delegation. */
struct authority_parent {
  union addr addr;
  struct asked asked;
};

/* A server that was not asked, since its address is none of the world's. */
struct authority_skipped {
  const struct host *name;
  struct address address;
  bool of_parent;
};

struct authority {
  const struct lookup *domain; /* borrowed */
  const struct asked *soa;     /* of the domain, by the resolver; borrowed */
  bool allow_private;          /* servers with private and local addresses are asked, too */
  uint8_t apex[NAME_MAX_LEN], apex_len;
  bool is_apex_known;
  struct asked ns, parent_soa, parent_ns;        /* by the resolver */
  struct hosts *hosts;                           /* names of all servers */
  const struct host *names[AUTHORITY_NAMES_MAX]; /* of the zone's servers, by the zone or by the parent */
  size_t name_count;
  struct authority_parent parents[AUTHORITY_PARENTS_MAX];
  size_t parent_count;
  struct authority_server servers[AUTHORITY_SERVERS_MAX];
  size_t server_count;
  struct authority_skipped skipped[AUTHORITY_SERVERS_MAX]; /* those that fit */
  size_t skipped_count;
};

/* Both are borrowed and must outlive the result. */
struct authority *authority_new(const struct lookup *domain, const struct asked *soa);
void authority_free(struct authority *a); /* NULL is allowed */

/* As facts_questions and facts_read: after those. */
void authority_questions(struct authority *a, unsigned stage, struct ask_list *to);
void authority_read(struct authority *a, unsigned stage);

/* ---- for rules ---- */

/* It answers over UDP at all, with EDNS or without. */
const struct asked *authority_answer(const struct authority_server *s);
/* ... and as an authority, for the zone. */
bool authority_is_good(const struct authority_server *s);
/* The parent's referral or answer that lists the zone's servers; NULL: none came. */
const struct asked *authority_referral(const struct authority *a);
/* Calls each with every NS name of the zone in a message, answer and authority section; returns how many
 * there are. */
size_t authority_each_ns(const struct authority *a, const struct asked *from,
                         void (*each)(void *context, const uint8_t *name, size_t len), void *context);
#endif
