/* build.c: makes an answer in normal form out of records. Exports build_start, build_add, build_repeats. */
#include "dns/build.h"

#include "base/hash.h"

enum { POINTER_MAX = 0x3fff };

static void note_name(struct build *b, size_t at, size_t len) {
  if (at > POINTER_MAX || b->name_count == BUILD_NAMES) return;
  b->names[b->name_count] = (uint16_t)at;
  b->name_lens[b->name_count++] = (uint8_t)len;
}

void build_start(struct build *b, struct answer *a, const struct question *q, uint8_t rcode) {
  a->head = (struct answer_head){.rcode = rcode};
  *b = (struct build){.answer = a, .question = q};
  for (size_t at = 0; at + 1 < q->name_len; at += 1u + q->key[at])
    note_name(b, DNS_HEADER + at, q->name_len - at);
}

static size_t body_base(const struct build *b) { return DNS_HEADER + b->question->name_len + 4u; }

/* The octets at a message offset: in the question or in the body, and no label lies in both. */
static const uint8_t *octets(const struct build *b, size_t at) {
  size_t base = body_base(b);
  return at < base ? b->question->key + (at - DNS_HEADER) : b->answer->body + (at - base);
}

/* The name written at `at` equals the given one; it ends in a 0 or goes on in a pointer to an earlier one. */
static bool name_is_at(const struct build *b, size_t at, const uint8_t *name, size_t len) {
  for (size_t i = 0; i < len;) {
    const uint8_t *label = octets(b, at);
    if (*label >= 0xc0) {
      at = load_u16(label) & POINTER_MAX;
      continue;
    }
    if (*label != name[i] || !name_equal(label + 1, *label, name + i + 1, *label)) return false;
    i += 1u + *label;
    at += 1u + *label;
  }
  return true;
}

/* The offset of a name already written that equals this one; 0 if there is none. */
static size_t find_name(const struct build *b, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < b->name_count; i++) {
    if (b->name_lens[i] == len && name_is_at(b, b->names[i], name, len)) return b->names[i];
  }
  return 0;
}

static void put_name(struct build *b, struct wire_out *w, const uint8_t *name, size_t len, bool compress) {
  size_t at = 0, seen = 0, start = body_base(b) + w->at;
  while (at + 1 < len && !(seen = find_name(b, name + at, len - at))) at += 1u + name[at];
  size_t fresh = at; /* octets of labels that stand nowhere yet */
  if (seen && compress) {
    wire_put(w, name, fresh);
    wire_put_u16(w, (uint16_t)(0xc000u | seen));
  } else {
    wire_put(w, name, len);
  }
  for (at = 0; at < fresh && !w->err; at += 1u + name[at]) note_name(b, start + at, len - at);
}

static bool put_rdata(struct build *b, struct wire_out *w, const struct record *r) {
  size_t len_at = w->at;
  wire_put_u16(w, 0);
  struct rdata_parts parts = record_parts(r);
  struct rdata_part part;
  while (record_next_part(&parts, &part) != PART_END) {
    if (part.kind == PART_BAD) return false;
    if (part.kind == PART_OCTETS) wire_put(w, part.bytes, part.len);
    else put_name(b, w, part.bytes, part.len, part.kind == PART_NAME);
  }
  if (w->err) return false;
  store_u16(w->buf + len_at, (uint16_t)(w->at - len_at - 2));
  return true;
}

/* Is r one more of the RRset that was written last? */
static bool run_goes_on(const struct build *b, enum section section, const struct record *r) {
  return answer_records(&b->answer->head) > 0 && r->type == b->run_type && r->klass == b->run_klass &&
         section == b->run_section && name_is_at(b, b->run_owner, r->owner, r->owner_len);
}

/* The next record, at `owner`, is the first of its RRset. */
static void run_start(struct build *b, enum section section, const struct record *r, size_t owner) {
  b->run_from = answer_records(&b->answer->head);
  b->run_owner = (uint16_t)owner;
  b->run_type = r->type;
  b->run_klass = r->klass;
  b->run_section = section;
}

/* Of all but the TTL: names without compression and in lower case, with a seed that no server can know. */
static uint64_t record_hash(const struct build *b, enum section section, const struct record *r) {
  uint8_t owner[NAME_MAX_LEN];
  uint64_t hash = b->question->hash ^ ((uint64_t)section << 32 | (uint64_t)r->klass << 16 | r->type);
  name_lower(owner, r->owner, r->owner_len);
  hash = hash_bytes(owner, r->owner_len, hash);
  struct rdata_parts parts = record_parts(r);
  struct rdata_part part;
  while (record_next_part(&parts, &part) != PART_END && part.kind != PART_BAD) {
    if (part.kind != PART_OCTETS) name_lower(part.name, part.name, part.len);
    hash = hash_bytes(part.bytes, part.len, hash);
  }
  return hash;
}

/* RFC 2181 section 5.2: the records of an RRset share one TTL, the least of those received; this one came
 * last. Signatures go by what they cover, RFC 4034 section 3. */
static void level_ttls(struct build *b, uint32_t ttl) {
  struct answer *a = b->answer;
  unsigned last = answer_records(&a->head) - 1;
  if (b->run_type == TYPE_RRSIG) return;
  uint32_t shared = load_u32(a->body + a->ttl_at[b->run_from]);
  if (ttl > shared) ttl = shared;
  for (unsigned i = ttl < shared ? b->run_from : last; i <= last; i++) store_u32(a->body + a->ttl_at[i], ttl);
}

/* Of thousands of records only the last are looked at: to compare all with all would be dear. */
bool build_repeats(struct build *b, enum section section, const struct record *r, uint32_t ttl) {
  uint64_t hash = record_hash(b, section, r);
  unsigned n = b->seen_count < BUILD_SEEN ? b->seen_count : BUILD_SEEN;
  for (unsigned i = 0; i < n; i++) {
    if (b->seen[i] != hash) continue;
    if (run_goes_on(b, section, r)) level_ttls(b, ttl);
    return true;
  }
  return false;
}

static bool section_is_full(const struct answer_head *h, enum section section) {
  if (answer_records(h) >= ANSWER_RECORDS_MAX) return true;
  if (section == SECTION_AUTHORITY) return h->ns == UINT8_MAX;
  return section == SECTION_ADDITIONAL && h->ar == UINT8_MAX;
}

bool build_add(struct build *b, enum section section, const struct record *r, uint32_t ttl) {
  struct answer *a = b->answer;
  unsigned names_before = b->name_count, n = answer_records(&a->head);

  if (section_is_full(&a->head, section)) return false;
  struct wire_out w = {.buf = a->body, .cap = DNS_MSG_MAX - body_base(b), .at = a->head.body_len};
  size_t start = body_base(b) + w.at;
  put_name(b, &w, r->owner, r->owner_len, true);
  wire_put_u16(&w, r->type);
  wire_put_u16(&w, r->klass);
  uint16_t ttl_at = (uint16_t)w.at;
  wire_put_u32(&w, ttl);
  if (w.err || !put_rdata(b, &w, r)) {
    b->name_count = names_before;
    return false;
  }

  if (!run_goes_on(b, section, r)) run_start(b, section, r, start);
  b->seen[b->seen_count++ % BUILD_SEEN] = record_hash(b, section, r);
  a->ttl_at[n] = ttl_at;
  a->head.body_len = (uint16_t)w.at;
  if (section == SECTION_ANSWER) a->head.an++;
  else if (section == SECTION_AUTHORITY) a->head.ns++;
  else a->head.ar++;
  level_ttls(b, ttl);
  return true;
}

bool build_add_message(struct build *b, const uint8_t *msg, size_t len, enum section first,
                       enum section last) {
  struct wire w = record_start(msg, len);
  struct record r;
  for (unsigned section = SECTION_ANSWER; section <= last; section++) {
    for (unsigned n = load_u16(msg + 6 + 2 * section); n > 0; n--) {
      if (!record_read(&w, &r)) return false;
      if (section < first || r.type == TYPE_OPT) continue;
      if (!build_add(b, (enum section)section, &r, r.ttl)) return section == SECTION_ADDITIONAL;
    }
  }
  return true;
}
