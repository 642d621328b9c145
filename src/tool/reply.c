/* reply.c: reads a server's reply. Exports reply_*. */
#include "tool/reply.h"

#include <stdio.h>
#include <string.h>

enum { FOLLOW_MAX = 16 /* CNAMEs; resolvers stop between 8 and 16 */ };

struct reply reply_open(const uint8_t *msg, size_t len) {
  struct reply p = {.msg = msg, .w = wire_read(msg, len)};
  wire_bytes(&p.w, DNS_HEADER);
  for (unsigned i = 0; i < 3 && !p.w.err; i++) p.left[i] = load_u16(msg + 6 + 2 * i);
  for (unsigned n = p.w.err ? 0 : load_u16(msg + 4); n > 0 && !p.w.err; n--) {
    uint8_t name[NAME_MAX_LEN];
    name_read(&p.w, name);
    wire_bytes(&p.w, 4);
  }
  return p;
}

bool reply_next(struct reply *p, struct record *r, enum section *section) {
  unsigned s = SECTION_ANSWER;
  while (s < SECTION_ADDITIONAL && p->left[s] == 0) s++;
  if (p->left[s] == 0 || p->w.err || !record_read(&p->w, r)) return false;
  p->left[s]--;
  *section = (enum section)s;
  return true;
}

bool reply_next_answer(struct reply *p, uint16_t type, struct record *r) {
  enum section section;
  while (reply_next(p, r, &section) && section == SECTION_ANSWER) {
    if (r->type == type && r->klass == CLASS_IN) return true;
  }
  return false;
}

/* Replaces the alias' name by the target of its CNAME; false when the answer has none. */
static bool follow_once(const uint8_t *msg, size_t len, struct alias *a) {
  struct reply p = reply_open(msg, len);
  struct record r;
  uint8_t target[NAME_MAX_LEN];

  while (reply_next_answer(&p, TYPE_CNAME, &r)) {
    size_t target_len = name_equal(r.owner, r.owner_len, a->name, a->name_len) ? record_target(&r, 0, target)
                                                                               : 0;
    if (target_len == 0) continue;
    memcpy(a->name, target, target_len);
    a->name_len = (uint8_t)target_len;
    return true;
  }
  return false;
}

struct alias reply_follow(const uint8_t *msg, size_t len, const uint8_t *name, size_t name_len) {
  struct alias a = {.name_len = (uint8_t)name_len};
  memcpy(a.name, name, name_len);
  while (a.links < FOLLOW_MAX && follow_once(msg, len, &a)) a.links++;

  struct alias beyond = a;
  a.endless = a.links == FOLLOW_MAX && follow_once(msg, len, &beyond);
  return a;
}

const char *reply_text(const uint8_t *bytes, size_t len, char *text, size_t room) {
  size_t at = 0;
  for (size_t i = 0; i < len && at + sizeof "\\000" <= room; i++) {
    bool plain = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '\\';
    at += (size_t)snprintf(text + at, room - at, plain ? "%c" : "\\%03u", bytes[i]);
  }
  text[at] = 0;
  return text;
}
