/* Inside the module: how zones lie in memory, and what loading them works on. */
#ifndef JIDNS_ZONES_ZONES_PRIV_H
#define JIDNS_ZONES_ZONES_PRIV_H
#include "dns/build.h"
#include "zones/zones.h"

/* Octets that only grow; places in it are offsets, at least 1. Out of memory shows in `failed`, checked once
 * at the end. */
struct arena {
  uint8_t *octets;
  size_t len, room;
  bool failed;
};

/* The answer to one type of a name: offsets of kept answers in the arena. */
struct zones_set {
  uint16_t type;
  uint32_t plain, secure; /* secure: for clients that set DO */
};

enum node_flags {
  NODE_APEX = 1,
  NODE_CUT = 2,    /* delegated: from here on others answer, but for DS */
  NODE_WILD = 4,   /* there is a name "*" right below it */
  NODE_DNAME = 8,  /* names below are renamed */
  NODE_ALIAS = 16, /* it has a CNAME: its sets are what that leads to */
  NODE_LEADS_OUT =
      32,          /* the CNAME leads to `target`, where the zones do not know on: `rest` is the way there */
  NODE_HIDDEN = 64 /* below a cut or a DNAME: as if it were not there */
};

/* A name that exists. Its answers hold for exactly it, but those of a name that begins with "*" for any name.
 */
struct zones_node {
  uint32_t name; /* offset in the arena */
  uint32_t sets; /* its first in the list; its own before those that a CNAME leads to */
  uint16_t set_count;
  uint8_t name_len, zone, flags;
  struct zones_set rest; /* ALIAS: the answer for all other types; DNAME: its records, to be taken apart */
  uint32_t target;       /* offset in the arena: length and name */
};

struct zones_slot {
  uint32_t tag, node; /* node: its number + 1; 0: empty */
};

/* An NSEC or NSEC3 record with its signatures (RFC 4034 section 4, RFC 5155): proves that nothing lies
 * between its owner and the next name. */
struct zones_proof {
  uint32_t node;    /* its owner */
  uint8_t zone;     /* whose it is: where another zone begins, that above has one, too */
  uint32_t records; /* offset in the arena of an answer with these alone, in its authority section */
};

/* How a zone's NSEC3 records hash names (RFC 5155 section 5). */
struct zones_hashing {
  uint16_t iterations;
  uint8_t salt_len, salt[UINT8_MAX];
};

/* What holds of one zone. */
struct zones_apex {
  uint8_t name_len, name[NAME_MAX_LEN];
  bool overlay;
  const struct sign_keys *keys; /* that it was signed with when it was loaded; NULL: it was not */
  struct zones_set negative;    /* SOA in the authority section; its RCODE says NOERROR */
  uint32_t proofs, proof_count; /* its first in the list, where they are in canonical order; 0: none */
  bool hashes;                  /* the proofs are NSEC3 */
  struct zones_hashing hashing;
};

struct zones {
  struct zones_ends ends;       /* all bits for the root; those of the sets behind it, too */
  struct zones *next;           /* zones for other clients; owned */
  struct zones_clients clients; /* none: for everybody, the first */
  struct arena arena;
  uint64_t seed;
  struct zones_slot *slots;
  uint32_t slot_mask;
  struct zones_node *nodes;
  uint32_t node_count, node_room;
  struct zones_set *sets;
  uint32_t set_count, set_room;
  struct zones_apex zones[ZONES_FILES_MAX + ZONES_DOMAINS];
  unsigned zone_count;
  size_t least_len;           /* of the zones' names */
  zonefile_sha1 *sha1;        /* NULL: no zone came from a file */
  struct signer *signer;      /* borrowed; NULL: no zone is signed */
  uint64_t signed_s;          /* when they were, seconds since 1970 */
  struct zones_proof *proofs; /* zone by zone */
  uint32_t proof_count;
  struct zones_delegation *delegations;
  unsigned delegation_count;
};

/* Where a name belongs. */
enum match_kind {
  MATCH_ELSEWHERE, /* to no zone, or at or below a cut */
  MATCH_NODE,
  MATCH_WILD,  /* node: the "*" that stands for it (RFC 4592) */
  MATCH_DNAME, /* node: the name above that has one */
  MATCH_NONE   /* in a zone that has no such name; node: the closest that exists above it */
};
struct match {
  enum match_kind kind;
  const struct zones_node *node;
};

/* A kept answer. */
static inline struct answer_view zones_view(const struct zones *l, uint32_t offset) {
  struct answer_view v;
  const uint8_t *p = l->arena.octets + offset;
  memcpy(&v.head, p, sizeof v.head);
  v.ttl_at = p + sizeof v.head;
  v.body = v.ttl_at + 2 * answer_records(&v.head);
  return v;
}

/* zones_proof.c: what proves a denial to those that validate. Names are in lower case. */

/* Puts the list of proofs in order, once it is whole. */
void zones_proof_sort(struct zones *l);
enum zones_proof_what {
  PROOF_NO_NAME, /* node: the nearest name above that exists */
  PROOF_NO_TYPE, /* node: the name itself, or the wildcard that stands for it */
  PROOF_EXPANDED /* node: the wildcard whose records the name has, as it is not there itself */
};

/* Adds the proof for `name` to an answer. In a zone without proofs, and when there is no room for them, it
 * stays as it is. */
void zones_proof_add(const struct zones *l, enum zones_proof_what what, const struct zones_node *node,
                     const uint8_t *name, struct answer *to);
/* The same beside a kept answer, which is copied, without additional records. */
void zones_proof_beside(const struct zones *l, const struct answer_view *v, enum zones_proof_what what,
                        const struct zones_node *node, const uint8_t *name, struct answer *to);
/* Does a zone's NSEC3 record tell how names are hashed, in a way that validators believe? Noted then. */
bool zones_proof_take_hashing(struct zones_apex *zone, const uint8_t *rdata, size_t len);

/* name is in lower case. */
const struct zones_node *zones_find(const struct zones *l, const uint8_t *name, size_t len);
struct match zones_match(const struct zones *l, const uint8_t *name, size_t len);

/* ---- loading ---- */

/* A record as it was read, its owner in lower case, its RDATA without compression. */
struct raw {
  uint32_t owner, rdata; /* offsets in the loader's arena */
  uint32_t line, ttl_s, number;
  uint16_t type, rdlen, file;
  uint8_t owner_len, zone;
};

/* The records of a node among the raw ones, which are sorted by owner and type. */
struct extent {
  uint32_t first, count;
};

enum { ZONES_READ_MAX = 1000 };

struct loader {
  struct zones *zones;
  const struct zones_policy *o;
  enum zones_expand expand;
  FILE *err;
  struct arena arena;
  struct raw *raws;
  uint32_t raw_count, raw_room;
  struct extent *extents; /* by node */
  struct raw *cuts;       /* NSEC, and their signatures, of names where a deeper zone begins */
  uint32_t cut_count, cut_room;
  char *files[ZONES_READ_MAX];
  unsigned file_count;
  unsigned zone; /* the one being read */
  bool has_signatures;
  struct signer *signer;
  bool failed; /* out of memory */
};

uint32_t arena_put(struct arena *a, const void *octets, size_t n, size_t align);

static inline const uint8_t *raw_owner(const struct loader *ld, const struct raw *r) {
  return ld->arena.octets + r->owner;
}
static inline const uint8_t *raw_rdata(const struct loader *ld, const struct raw *r) {
  return ld->arena.octets + r->rdata;
}
/* In the form that all others take, under an owner that may be another one. */
static inline struct record raw_record(const struct loader *ld, const struct raw *raw, const uint8_t *owner,
                                       size_t owner_len) {
  struct record r = {.msg = ld->arena.octets,
                     .msg_len = ld->arena.len,
                     .rdata_at = raw->rdata,
                     .ttl = raw->ttl_s,
                     .type = raw->type,
                     .klass = CLASS_IN,
                     .rdlen = raw->rdlen,
                     .owner_len = (uint16_t)owner_len};
  memcpy(r.owner, owner, owner_len);
  return r;
}
static inline const struct raw *node_raws(const struct loader *ld, uint32_t node) {
  static const struct raw none; /* no zone has a record: not even NULL + 0 is defined */
  return ld->raws ? ld->raws + ld->extents[node].first : &none;
}

/* The first record of this type at a node, NULL if there is none. */
const struct raw *zones_node_raw(const struct loader *ld, uint32_t node, uint16_t type);

/* zones_load.c: takes a record of the zone being read; false, and said on err, when it does not belong there.
 */
bool zones_take(void *loader, const struct record *r, const struct zonefile_place *at);
/* "jidnsd: [warning: ]FILE:LINE: OWNER TYPE: WHAT"; returns false. */
bool zones_complain(const struct loader *ld, const struct raw *r, bool warning, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* zones_load.c: puts the records in order, and takes away what is there twice. */
void zones_sort(struct loader *ld);
/* The number of the nearest zone above this one; -1: there is none. */
int zones_above(const struct zones *l, unsigned zone);
/* Says "no memory"; returns false. */
bool zones_no_memory(struct loader *ld);

/* zones_sign.c: signs those that are to be, once all are read and in order; false, and said on err. */
bool zones_sign(struct loader *ld);
/* Writes the file of trust anchors for all sets of the list. */
bool zones_write_anchors(struct signer *signer, const struct zones *l, const struct zones_policy *o,
                         FILE *err);

/* zones_check.c: what is wrong with the zones as a whole. */
bool zones_check(const struct loader *ld);

/* zones_compile.c: the answers. False, and said on err, when an RRset does not fit into a message. */
bool zones_compile(struct loader *ld);

/* shorthand.c: gives zones_take the records of a domain. */
bool zones_expand_domain(struct loader *ld, const struct zones_domain *d);
#endif
