/* zones_check.c: what is wrong with zones though each of their records is right. Exports zones_check to the
 * module. */
#include <stdlib.h>

#include "zones/zones_priv.h"

enum { TYPE_KEY = 25, SRV_FIXED = 6 };

static bool check_soa(const struct loader *ld, unsigned zone) {
  const struct zones_apex *z = &ld->zones->zones[zone];
  uint32_t node = (uint32_t)(zones_find(ld->zones, z->name, z->name_len) - ld->zones->nodes);
  const struct raw *soa = zones_node_raw(ld, node, TYPE_SOA),
                   *end = node_raws(ld, node) + ld->extents[node].count;
  if (soa && soa + 1 < end && soa[1].type == TYPE_SOA)
    return zones_complain(ld, &soa[1], false, "SOA: the zone has one already");
  if (soa || z->overlay) return true;
  char name[NAME_TEXT];
  fprintf(ld->err, "jidnsd: %s: the zone %s has no SOA\n", ld->o->zones[zone].file,
          name_format(z->name, z->name_len, name));
  return false;
}

static bool may_stand_beside_cname(uint16_t type) {
  return type == TYPE_CNAME || type == TYPE_RRSIG || type == TYPE_NSEC || type == TYPE_SIG ||
         type == TYPE_KEY;
}

static bool check_node(const struct loader *ld, uint32_t node) {
  const struct zones_node *n = &ld->zones->nodes[node];
  const struct raw *first = node_raws(ld, node);

  for (const struct raw *r = first; r < first + ld->extents[node].count; r++) {
    bool again = r > first && r[-1].type == r->type;
    if (r->type == TYPE_SOA && !(n->flags & NODE_APEX))
      return zones_complain(ld, r, false, "SOA: belongs to the zone's own name");
    if (n->flags & NODE_ALIAS && !may_stand_beside_cname(r->type)) {
      return zones_complain(ld, r, false,
                            "has a CNAME, so it can have nothing else (RFC 1034 section 3.6.2)");
    }
    if (again && (r->type == TYPE_CNAME || r->type == TYPE_DNAME)) {
      return zones_complain(ld, r, false, "has two %s; should be one",
                            r->type == TYPE_CNAME ? "CNAME" : "DNAME");
    }
  }

  return true;
}

/* Programs connect to no target that has no address of its own (RFC 2782). */
static void check_target(const struct loader *ld, const struct raw *srv) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = srv->rdlen - SRV_FIXED;
  char text[NAME_TEXT];

  name_lower(name, raw_rdata(ld, srv) + SRV_FIXED, len);
  struct match m = zones_match(ld->zones, name, len);
  if (len == 1 || m.kind == MATCH_ELSEWHERE || m.kind == MATCH_DNAME) return;
  const struct zones_apex *zone = &ld->zones->zones[m.node->zone];
  uint32_t node = (uint32_t)(m.node - ld->zones->nodes);
  bool exists = m.kind != MATCH_NONE;
  name_format(name, len, text);
  if (exists && m.node->flags & NODE_ALIAS) {
    zones_complain(ld, srv, true,
                   "SRV: its target %s is an alias; should be a name with addresses (RFC 2782)", text);
  } else if (!zone->overlay &&
             !(exists && (zones_node_raw(ld, node, TYPE_A) || zones_node_raw(ld, node, TYPE_AAAA)))) {
    zones_complain(ld, srv, true, "SRV: its target %s has no address", text);
  }
}

bool zones_check(const struct loader *ld) {
  const struct zones *l = ld->zones;
  for (unsigned i = 0; i < l->zone_count; i++) {
    if (!check_soa(ld, i)) return false;
  }
  for (uint32_t i = 0; i < l->node_count; i++) {
    if (!(l->nodes[i].flags & NODE_HIDDEN) && !check_node(ld, i)) return false;
  }
  for (uint32_t i = 0; i < ld->raw_count; i++) {
    if (ld->raws[i].type == TYPE_SRV) check_target(ld, &ld->raws[i]);
  }
  return true;
}
