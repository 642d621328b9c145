/* zones_load.c: zones from their files to nodes: records taken in, sorted, put under their names. Exports
 * zones_load and, to the module, zones_take, zones_complain, zones_sort, zones_above, zones_no_memory,
 * arena_put, zones_node_raw. */
#include <stdarg.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "zones/zones_priv.h"

enum { ROOM_FIRST = 64 };

/* ---- memory that can run out ---- */

uint32_t arena_put(struct arena *a, const void *octets, size_t n, size_t align) {
  size_t at = a->len ? (a->len + align - 1) & ~(align - 1) : align;
  if (at + n > a->room) {
    size_t room = (at + n) * 2 < 4096 ? 4096 : (at + n) * 2;
    uint8_t *grown = a->failed || at + n > UINT32_MAX ? NULL : realloc(a->octets, room);
    if (!grown) {
      a->failed = true;
      return 0;
    }
    a->octets = grown;
    a->room = room;
  }
  memcpy(a->octets + at, octets, n);
  a->len = at + n;
  return (uint32_t)at;
}

/* A list with room for one more; NULL: no memory, and the list is as it was. */
static void *with_room(void *list, uint32_t count, uint32_t *room, size_t each) {
  if (count < *room) return list;
  uint32_t more = *room ? *room * 2 : ROOM_FIRST;
  void *grown = realloc(list, more * each);
  if (grown) *room = more;
  return grown;
}

/* ---- complaints ---- */

bool zones_complain(const struct loader *ld, const struct raw *r, bool warning, const char *format, ...) {
  char owner[NAME_TEXT], what[300];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  fprintf(ld->err, "jidnsd: %s%s", warning ? "warning: " : "", ld->files[r->file]);
  if (r->line) fprintf(ld->err, ":%u", r->line);
  fprintf(ld->err, ": %s %s\n", name_format(raw_owner(ld, r), r->owner_len, owner), what);
  return false;
}

bool zones_no_memory(struct loader *ld) {
  if (!ld->failed) fputs("jidnsd: no memory for the zones\n", ld->err);
  ld->failed = true;
  return false;
}

/* ---- records ---- */

static bool number_of_file(struct loader *ld, const char *path, uint16_t *out) {
  for (unsigned i = ld->file_count; i-- > 0;) { /* it is the last one, mostly */
    *out = (uint16_t)i;
    if (strcmp(ld->files[i], path) == 0) return true;
  }
  *out = (uint16_t)ld->file_count;
  if (ld->file_count == ZONES_READ_MAX) {
    fprintf(ld->err, "jidnsd: %s: more than %u files of zones\n", path, ZONES_READ_MAX);
    return false;
  }
  ld->files[ld->file_count] = strdup(path);
  if (!ld->files[ld->file_count]) return zones_no_memory(ld);
  ld->file_count++;
  return true;
}

int zones_above(const struct zones *l, unsigned zone) {
  const struct zones_apex *z = &l->zones[zone];
  int nearest = -1;
  for (unsigned i = 0; i < l->zone_count; i++) {
    const struct zones_apex *other = &l->zones[i];
    if (other->name_len < z->name_len && name_is_within(z->name, z->name_len, other->name, other->name_len) &&
        (nearest < 0 || other->name_len > l->zones[nearest].name_len))
      nearest = (int)i;
  }
  return nearest;
}

/* Does another zone, below this one, hold the name? */
static bool is_deeper(const struct loader *ld, const uint8_t *name, size_t len) {
  const struct zones_apex *zone = &ld->zones->zones[ld->zone];
  for (unsigned i = 0; i < ld->zones->zone_count; i++) {
    const struct zones_apex *other = &ld->zones->zones[i];
    if (other->name_len > zone->name_len && name_is_within(name, len, other->name, other->name_len))
      return true;
  }
  return false;
}

/* What becomes of a record that another zone, below this one, has the name of. */
enum at_cut { AT_CUT_OTHERS, AT_CUT_OURS, AT_CUT_PROOF };

/* Where a zone begins, that above has DS records, and NSEC, and the signatures of both. */
static enum at_cut place_at_cut(const struct loader *ld, const struct raw *raw) {
  const uint8_t *owner = raw_owner(ld, raw);
  size_t label = 1u + owner[0];
  uint16_t type = raw->type;
  if (type == TYPE_RRSIG && raw->rdlen > 2) type = load_u16(raw_rdata(ld, raw));
  if (label >= raw->owner_len || is_deeper(ld, owner + label, raw->owner_len - label)) return AT_CUT_OTHERS;
  return type == TYPE_DS ? AT_CUT_OURS : type == TYPE_NSEC ? AT_CUT_PROOF : AT_CUT_OTHERS;
}

static bool note_at_cut(struct loader *ld, const struct raw *raw) {
  struct raw *list = with_room(ld->cuts, ld->cut_count, &ld->cut_room, sizeof *list);
  if (!list) return zones_no_memory(ld);
  ld->cuts = list;
  list[ld->cut_count++] = *raw;
  return true;
}

bool zones_take(void *loader, const struct record *r, const struct zonefile_place *at) {
  struct loader *ld = loader;
  const struct zones_apex *zone = &ld->zones->zones[ld->zone];
  uint8_t owner[NAME_MAX_LEN];
  struct raw *list = with_room(ld->raws, ld->raw_count, &ld->raw_room, sizeof *list);

  if (!list) return zones_no_memory(ld);
  ld->raws = list;
  struct raw *raw = &list[ld->raw_count], *last = raw - 1;
  *raw = (struct raw){.line = at->line,
                      .ttl_s = r->ttl,
                      .number = ld->raw_count,
                      .type = r->type,
                      .rdlen = r->rdlen,
                      .owner_len = (uint8_t)r->owner_len,
                      .zone = (uint8_t)ld->zone};
  if (!number_of_file(ld, at->file, &raw->file)) return false;
  name_lower(owner, r->owner, r->owner_len);
  bool same = ld->raw_count && last->owner_len == r->owner_len &&
              memcmp(raw_owner(ld, last), owner, r->owner_len) == 0;
  raw->owner = same ? last->owner : arena_put(&ld->arena, owner, r->owner_len, 1);
  raw->rdata = arena_put(&ld->arena, record_rdata(r), r->rdlen, 1);
  if (ld->arena.failed) return zones_no_memory(ld);
  if (!name_is_within(owner, r->owner_len, zone->name, zone->name_len)) {
    char name[NAME_TEXT];
    return zones_complain(ld, raw, false, "lies outside the zone %s",
                          name_format(zone->name, zone->name_len, name));
  }

  if (is_deeper(ld, owner, r->owner_len)) {
    enum at_cut place = place_at_cut(ld, raw);
    if (place == AT_CUT_PROOF) return note_at_cut(ld, raw);
    if (place == AT_CUT_OTHERS) return true; /* that zone's own file tells of it */
  }
  ld->raw_count++;
  ld->has_signatures |= r->type == TYPE_RRSIG;
  return true;
}

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
  int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
  if (order != 0) return order;
  return (a_len > b_len) - (a_len < b_len);
}

/* By name, by type, by where it stands. */
static int compare_raws(const void *left, const void *right, void *loader) {
  const struct loader *ld = loader;
  const struct raw *a = left, *b = right;
  int order = a->owner == b->owner
                  ? 0
                  : compare_bytes(raw_owner(ld, a), a->owner_len, raw_owner(ld, b), b->owner_len);
  if (order) return order;
  if (a->type != b->type) return a->type < b->type ? -1 : 1;
  return a->number < b->number ? -1 : 1;
}

static bool same_set(const struct loader *ld, const struct raw *a, const struct raw *b) {
  return a->type == b->type && a->owner_len == b->owner_len &&
         memcmp(raw_owner(ld, a), raw_owner(ld, b), a->owner_len) == 0;
}

/* Of the set that begins at `first` what no set has: the same record twice, several TTLs (RFC 2181 section
 * 5). Returns how many are left, moved to `to`. */
static uint32_t clean_set(struct loader *ld, const struct raw *first, uint32_t n, struct raw *to) {
  uint32_t kept = 0, ttl_s = first->ttl_s;
  bool differ = false;

  for (uint32_t i = 0; i < n; i++) {
    uint32_t k = n > ANSWER_RECORDS_MAX ? kept : 0; /* so many are refused later: not worth the time */
    while (k < kept && (to[k].rdlen != first[i].rdlen ||
                        memcmp(raw_rdata(ld, &to[k]), raw_rdata(ld, &first[i]), to[k].rdlen) != 0))
      k++;
    if (k < kept) continue;
    differ |= first[i].ttl_s != ttl_s;
    if (first[i].ttl_s < ttl_s) ttl_s = first[i].ttl_s;
    to[kept++] = first[i];
  }

  if (to->type == TYPE_RRSIG || !differ) return kept; /* signatures go by what they cover */
  zones_complain(ld, to, true, "has records of one type that differ in their time to live; %u is used",
                 ttl_s);
  for (uint32_t i = 0; i < kept; i++) to[i].ttl_s = ttl_s;
  return kept;
}

static void clean_sets(struct loader *ld) {
  uint32_t to = 0;
  for (uint32_t i = 0; i < ld->raw_count;) {
    uint32_t n = 1;
    while (i + n < ld->raw_count && same_set(ld, &ld->raws[i], &ld->raws[i + n])) n++;
    to += clean_set(ld, &ld->raws[i], n, &ld->raws[to]);
    i += n;
  }
  ld->raw_count = to;
}

void zones_sort(struct loader *ld) {
  if (ld->raw_count) qsort_r(ld->raws, ld->raw_count, sizeof *ld->raws, compare_raws, ld);
  clean_sets(ld);
}

/* ---- nodes ---- */

static void put_slot(struct zones *l, uint32_t node) {
  const struct zones_node *n = &l->nodes[node];
  uint64_t hash = hash_bytes(l->arena.octets + n->name, n->name_len, l->seed);
  uint32_t i = (uint32_t)hash & l->slot_mask;
  while (l->slots[i].node) i = (i + 1) & l->slot_mask;
  l->slots[i] = (struct zones_slot){.tag = (uint32_t)(hash >> 32), .node = node + 1};
}

/* A table at most half full of all nodes that are not hidden. */
static bool make_table(struct loader *ld) {
  struct zones *l = ld->zones;
  uint32_t size = ROOM_FIRST;
  while (size < l->node_room * 2) size *= 2;
  free(l->slots);
  l->slots = calloc(size, sizeof *l->slots);
  if (!l->slots) return zones_no_memory(ld);
  l->slot_mask = size - 1;
  for (uint32_t i = 0; i < l->node_count; i++) {
    if (!(l->nodes[i].flags & NODE_HIDDEN)) put_slot(l, i);
  }
  return true;
}

/* The node of this name, made if there is none; NULL: no memory. The next call may move it. */
static struct zones_node *node_of(struct loader *ld, const uint8_t *name, size_t len, unsigned zone) {
  struct zones *l = ld->zones;
  const struct zones_node *there = zones_find(l, name, len);

  if (there) return &l->nodes[there - l->nodes];
  if (l->node_count == l->node_room) {
    uint32_t room = l->node_room;
    struct extent *extents = with_room(ld->extents, l->node_count, &room, sizeof *extents);
    if (extents) ld->extents = extents;
    struct zones_node *nodes = extents ? with_room(l->nodes, l->node_count, &l->node_room, sizeof *nodes)
                                       : NULL;
    if (nodes) l->nodes = nodes;
    if (!nodes || !make_table(ld)) return NULL;
  }

  struct zones_node *n = &l->nodes[l->node_count];
  *n = (struct zones_node){
      .name = arena_put(&l->arena, name, len, 1), .name_len = (uint8_t)len, .zone = (uint8_t)zone};
  ld->extents[l->node_count] = (struct extent){0};
  if (l->arena.failed) return NULL;
  put_slot(l, l->node_count++);
  return n;
}

/* The names above one, down to the zone's: they exist, too, also without records (RFC 4592 section 2.2.2). */
static bool add_above(struct loader *ld, const uint8_t *name, size_t len, unsigned zone) {
  const struct zones_apex *apex = &ld->zones->zones[zone];
  while (len > apex->name_len) {
    bool wild = name[0] == 1 && name[1] == '*';
    len -= 1u + name[0];
    name += 1u + name[0];
    uint32_t before = ld->zones->node_count;
    struct zones_node *n = node_of(ld, name, len, zone);
    if (!n) return zones_no_memory(ld);
    if (wild) n->flags |= NODE_WILD;
    if (ld->zones->node_count == before) return true;
  }
  return true;
}

static uint8_t flag_of(const struct zones *l, const struct zones_node *n, uint16_t type) {
  if (type == TYPE_CNAME) return NODE_ALIAS;
  if (type == TYPE_DNAME) return NODE_DNAME;
  return type == TYPE_NS && !(n->flags & NODE_APEX) && !l->zones[n->zone].overlay ? NODE_CUT : 0;
}

static bool add_nodes(struct loader *ld) {
  struct zones *l = ld->zones;
  if (!make_table(ld)) return false;
  for (unsigned i = 0; i < l->zone_count; i++) {
    struct zones_node *n = node_of(ld, l->zones[i].name, l->zones[i].name_len, i);
    if (!n) return zones_no_memory(ld);
    n->flags |= NODE_APEX;
  }

  /* the names between two zones exist by the proofs of that above */
  for (unsigned i = 0; i < l->zone_count; i++) {
    int above = zones_above(l, i);
    if (above >= 0 && l->zones[above].keys &&
        !add_above(ld, l->zones[i].name, l->zones[i].name_len, (unsigned)above))
      return false;
  }

  for (uint32_t i = 0; i < ld->raw_count; i++) {
    const struct raw *r = &ld->raws[i];
    struct zones_node *n = node_of(ld, raw_owner(ld, r), r->owner_len, r->zone);
    if (!n) return zones_no_memory(ld);
    struct extent *e = &ld->extents[n - l->nodes];
    if (!e->count++) e->first = i;
    n->flags |= flag_of(l, n, r->type);
    if (e->count == 1 && !add_above(ld, raw_owner(ld, r), r->owner_len, r->zone)) return false;
  }

  return true;
}

const struct raw *zones_node_raw(const struct loader *ld, uint32_t node, uint16_t type) {
  const struct extent *e = &ld->extents[node];
  for (uint32_t i = 0; i < e->count; i++) {
    if (ld->raws[e->first + i].type == type) return &ld->raws[e->first + i];
  }
  return NULL;
}

/* ---- delegations ---- */

static void add_server(struct zones_delegation *d, const uint8_t *octets, bool v6) {
  if (d->server_count == ZONES_ADDRESSES) return;
  union addr *a = &d->servers[d->server_count++];
  memset(a, 0, sizeof *a);
  a->any.sa_family = v6 ? AF_INET6 : AF_INET;
  if (v6) memcpy(&a->v6.sin6_addr, octets, 16);
  else memcpy(&a->v4.sin_addr, octets, 4);
  if (v6) a->v6.sin6_port = htons(53);
  else a->v4.sin_port = htons(53);
}

static void add_addresses_of(const struct loader *ld, struct zones_delegation *d, const struct raw *ns) {
  uint8_t name[NAME_MAX_LEN];
  name_lower(name, raw_rdata(ld, ns), ns->rdlen);
  const struct zones_node *n = zones_find(ld->zones, name, ns->rdlen);
  if (!n) return;
  const struct extent *e = &ld->extents[n - ld->zones->nodes];
  for (const struct raw *r = ld->raws + e->first; r < ld->raws + e->first + e->count; r++) {
    if ((r->type == TYPE_A && r->rdlen == 4) || (r->type == TYPE_AAAA && r->rdlen == 16))
      add_server(d, raw_rdata(ld, r), r->rdlen == 16);
  }
}

/* Notes whom a cut names, by the addresses that stand in the zones. */
static bool add_delegation(struct loader *ld, uint32_t node) {
  struct zones *l = ld->zones;
  const struct zones_node *n = &l->nodes[node];
  struct zones_delegation *list = realloc(l->delegations, (l->delegation_count + 1) * sizeof *list), *d;
  if (!list) return zones_no_memory(ld);
  l->delegations = list;
  d = &list[l->delegation_count];
  *d = (struct zones_delegation){.name_len = n->name_len};
  memcpy(d->name, l->arena.octets + n->name, n->name_len);
  const struct extent *e = &ld->extents[node];
  for (uint32_t i = 0; i < e->count; i++) {
    if (ld->raws[e->first + i].type == TYPE_NS) add_addresses_of(ld, d, &ld->raws[e->first + i]);
  }
  if (d->server_count) l->delegation_count++;
  return true;
}

/* Is there a cut or a DNAME above it? */
static bool is_below_one(const struct zones *l, const struct zones_node *n) {
  const uint8_t *name = l->arena.octets + n->name;
  size_t len = n->name_len;
  while (len > l->zones[n->zone].name_len) {
    len -= 1u + name[0];
    name += 1u + name[0];
    const struct zones_node *above = zones_find(l, name, len);
    if (above && above->flags & (NODE_CUT | NODE_DNAME)) return true;
  }
  return false;
}

/* Takes away what a cut or a DNAME hides, after it has served to find the delegated servers. */
static bool hide(struct loader *ld) {
  struct zones *l = ld->zones;
  bool any = false;
  for (uint32_t i = 0; i < l->node_count; i++) any |= l->nodes[i].flags & (NODE_CUT | NODE_DNAME);
  if (!any) return true;
  for (uint32_t i = 0; i < l->node_count; i++) {
    struct zones_node *n = &l->nodes[i];
    if (is_below_one(l, n)) n->flags |= NODE_HIDDEN;
  }
  for (uint32_t i = 0; i < l->node_count; i++) {
    if ((l->nodes[i].flags & (NODE_CUT | NODE_HIDDEN)) == NODE_CUT && !add_delegation(ld, i)) return false;
  }
  return make_table(ld);
}

/* ---- the whole ---- */

static bool same_clients(const struct zones_clients *a, const struct zones_clients *b) {
  bool same = a->count == b->count;
  for (unsigned i = 0; i < a->count && same; i++) same = prefix_equal(&a->list[i], &b->list[i]);
  return same;
}

static bool add_zone(struct loader *ld, const uint8_t *name, uint8_t len, bool overlay) {
  struct zones *l = ld->zones;
  for (unsigned i = 0; i < l->zone_count; i++) {
    char text[NAME_TEXT];
    if (!name_equal(l->zones[i].name, l->zones[i].name_len, name, len)) continue;
    fprintf(ld->err, "jidnsd: the zone %s is given twice\n", name_format(name, len, text));
    return false;
  }
  struct zones_apex *z = &l->zones[l->zone_count++];
  *z = (struct zones_apex){.name_len = len, .overlay = overlay};
  memcpy(z->name, name, len);
  if (len < l->least_len) l->least_len = len;
  if (len == 1) memset(l->ends.bits, 0xff, sizeof l->ends.bits);
  else l->ends.bits[zones_end(name, len) / 64] |= (uint64_t)1 << zones_end(name, len) % 64;
  return true;
}

/* All names first, so that each record goes to the deepest zone that holds it. */
static bool read_zones(struct loader *ld, struct zonefile *reader) {
  const struct zones_policy *o = ld->o;
  for (unsigned i = 0; i < o->zone_count; i++) {
    if (!add_zone(ld, o->zones[i].name, o->zones[i].name_len, o->zones[i].overlay)) return false;
  }

  for (unsigned i = 0; i < o->domain_count; i++) {
    if (!add_zone(ld, o->domains[i].name, o->domains[i].name_len, o->domains[i].overlay)) return false;
  }

  for (; ld->zone < o->zone_count; ld->zone++) {
    const struct zones_file *z = &o->zones[ld->zone];
    if (!zonefile_read(reader, z->file, z->name, z->name_len, zones_take, ld, ld->err)) return false;
  }

  for (; ld->zone < ld->zones->zone_count; ld->zone++) {
    if (!zones_expand_domain(ld, &o->domains[ld->zone - o->zone_count])) return false;
  }

  return true;
}

static bool load(struct loader *ld, struct zonefile *reader) {
  if (!read_zones(ld, reader)) return false;
  zones_sort(ld);
  if (!zones_sign(ld) || !add_nodes(ld) || !hide(ld) || !zones_check(ld) || !zones_compile(ld)) return false;
  return ld->arena.failed || ld->zones->arena.failed ? zones_no_memory(ld) : true;
}

/* Those zones of o that are for these clients. */
static void pick(const struct zones_policy *o, const struct zones_clients *clients,
                 struct zones_policy *out) {
  out->sign = o->sign;
  memcpy(out->keys, o->keys, sizeof out->keys);
  out->zone_count = out->domain_count = 0;
  for (unsigned i = 0; i < o->zone_count; i++) {
    if (same_clients(&o->zones[i].clients, clients)) out->zones[out->zone_count++] = o->zones[i];
  }
  for (unsigned i = 0; i < o->domain_count; i++) {
    if (same_clients(&o->domains[i].clients, clients)) out->domains[out->domain_count++] = o->domains[i];
  }
}

/* NULL: said on err. */
static struct zones *load_set(const struct zones_policy *o, const struct zones_clients *clients,
                              enum zones_expand expand, struct zonefile *reader, struct signer *signer,
                              FILE *err) {
  struct loader ld = {.o = o, .expand = expand, .err = err, .signer = signer};
  ld.zones = calloc(1, sizeof *ld.zones);
  bool good = ld.zones ? true : zones_no_memory(&ld);
  if (good) {
    ld.zones->seed = random_seed();
    ld.zones->least_len = NAME_MAX_LEN;
    ld.zones->clients = *clients;
    ld.zones->sha1 = reader ? zonefile_sha1_of(reader) : NULL;
    good = load(&ld, reader);
  }

  for (unsigned i = 0; i < ld.file_count; i++) free(ld.files[i]);
  free(ld.raws);
  free(ld.extents);
  free(ld.cuts);
  free(ld.arena.octets);
  if (good) return ld.zones;
  zones_free(ld.zones);
  return NULL;
}

/* The set for these clients, at the end of the list that begins with *first, unless it has one. */
static bool add_set(const struct zones_policy *o, const struct zones_clients *clients,
                    enum zones_expand expand, struct zonefile *reader, struct signer *signer,
                    struct zones **first, FILE *err) {
  struct zones **end = first;
  for (; *end; end = &(*end)->next) {
    if (same_clients(&(*end)->clients, clients)) return true;
  }

  struct zones_policy *part = malloc(sizeof *part);
  if (part) {
    pick(o, clients, part);
    *end = load_set(part, clients, expand, reader, signer, err);
  } else {
    fputs("jidnsd: no memory for the zones\n", err);
  }
  free(part);
  if (!*end) return false;
  for (unsigned i = 0; i < sizeof(*first)->ends.bits / sizeof *(*first)->ends.bits; i++)
    (*first)->ends.bits[i] |= (*end)->ends.bits[i];
  (*first)->ends.several = *first != *end || (*first)->ends.several;
  return true;
}

bool zones_load(const struct zones_policy *o, enum zones_expand expand, struct zonefile *reader,
                struct signer *signer, struct zones **out, FILE *err) {
  static const struct zones_clients everybody = {.count = 0};
  *out = NULL;
  if (o->zone_count + o->domain_count == 0) return true;

  bool good = add_set(o, &everybody, expand, reader, signer, out, err);
  for (unsigned i = 0; i < o->zone_count && good; i++)
    good = add_set(o, &o->zones[i].clients, expand, reader, signer, out, err);
  for (unsigned i = 0; i < o->domain_count && good; i++)
    good = add_set(o, &o->domains[i].clients, expand, reader, signer, out, err);

  if (good && signer) good = zones_write_anchors(signer, *out, o, err);
  if (good) return true;
  zones_free(*out);
  *out = NULL;
  return false;
}
