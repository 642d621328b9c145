/* form.c: is an RDATA of its type's form? Exports form_*. */
#include "dns/form.h"

static const char *const forms[] = {
#define FORM(type, name, letters) [type] = letters,
#include "dns/forms.def"
#undef FORM
};
enum { FORMS = sizeof forms / sizeof *forms, TYPE_WKS = 11, WIRE_LABEL_MAX = 63 };

const char *form_of(uint16_t type, uint16_t klass) {
  bool is_address = type == TYPE_A || type == TYPE_AAAA || type == TYPE_WKS;
  if (type >= FORMS || !forms[type] || (is_address && klass != CLASS_IN)) return "*";
  return forms[type];
}

/* An RDATA being read. */
struct rest {
  struct wire w;
  size_t start, end;
};

static size_t left(const struct rest *r) { return r->end - r->w.at; }

/* The octet `ahead` of what is next; there must be one. */
static uint8_t octet(const struct rest *r, size_t ahead) { return r->w.msg[r->w.at + ahead]; }

static bool skip(struct rest *r, size_t n) {
  if (left(r) < n) return false;
  r->w.at += n;
  return true;
}

static bool skip_string(struct rest *r) { return left(r) > 0 && skip(r, 1u + octet(r, 0)); }

static bool skip_strings(struct rest *r) {
  do {
    if (!skip_string(r)) return false;
  } while (left(r) > 0);
  return true;
}

static bool skip_name(struct rest *r) {
  uint8_t name[NAME_MAX_LEN];
  return name_read(&r->w, name) > 0 && r->w.at <= r->end;
}

static bool skip_plain_name(struct rest *r) {
  size_t start = r->w.at;
  for (;;) {
    if (left(r) == 0 || octet(r, 0) > WIRE_LABEL_MAX) return false;
    bool is_root = octet(r, 0) == 0;
    if (!skip(r, 1u + octet(r, 0)) || r->w.at - start > NAME_MAX_LEN) return false;
    if (is_root) return true;
  }
}

/* Windows of types in rising order, each of 1 to 32 octets. */
static bool skip_bitmap(struct rest *r) {
  for (int before = -1; left(r) > 0;) {
    if (left(r) < 2 || octet(r, 0) <= before) return false;
    uint8_t len = octet(r, 1);
    before = octet(r, 0);
    if (len < 1 || len > 32 || !skip(r, 2u + len)) return false;
  }
  return true;
}

/* ALPN's value: strings, none of them empty. */
static bool is_alpn(struct rest value) {
  do {
    if (left(&value) == 0 || octet(&value, 0) == 0 || !skip_string(&value)) return false;
  } while (left(&value) > 0);
  return true;
}

/* The value of an SvcParam that RFC 9460 defines; of others anything. */
static bool is_param(uint16_t key, struct rest value) {
  enum { MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT };
  size_t len = left(&value);
  switch (key) {
  case MANDATORY: return len > 0 && len % 2 == 0;
  case ALPN: return is_alpn(value);
  case NO_DEFAULT_ALPN: return len == 0;
  case PORT: return len == 2;
  case IPV4HINT: return len > 0 && len % 4 == 0;
  case IPV6HINT: return len > 0 && len % 16 == 0;
  default: return true;
  }
}

/* Keys in rising order. */
static bool skip_params(struct rest *r) {
  for (int before = -1; left(r) > 0;) {
    if (left(r) < 4) return false;
    uint16_t key = wire_u16(&r->w), len = wire_u16(&r->w);
    struct rest value = *r;
    if (key <= before || !skip(r, len)) return false;
    value.end = r->w.at;
    if (!is_param(key, value)) return false;
    before = key;
  }
  return true;
}

static bool skip_prefixes(struct rest *r) {
  while (left(r) > 0) {
    if (left(r) < 4 || !skip(r, 4u + (octet(r, 3) & 0x7f))) return false;
  }
  return true;
}

static bool skip_gateway(struct rest *r) {
  switch (r->w.msg[r->start + 1] & 0x7f) {
  case 0: return true;
  case 1: return skip(r, 4);
  case 2: return skip(r, 16);
  case 3: return skip_plain_name(r);
  default: return skip(r, left(r)); /* of a kind that is not yet known */
  }
}

static bool skip_hip(struct rest *r) {
  const uint8_t *lens = r->w.msg + r->start;
  if (!lens[0] || !skip(r, (size_t)lens[0] + load_u16(lens + 2))) return false;
  while (left(r) > 0) {
    if (!skip_plain_name(r)) return false;
  }
  return true;
}

static bool skip_loc(struct rest *r) {
  return left(r) > 0 && (octet(r, 0) != 0 ? skip(r, left(r)) : skip(r, 16));
}

static bool skip_part(struct rest *r, char letter) {
  switch (letter) {
  case 'c':
  case 'n': return skip_name(r);
  case 'u': return skip_plain_name(r);
  case 's': return skip_string(r);
  case 'o': return left(r) == 0 || skip_string(r);
  case 'S': return skip_strings(r);
  case 't': return left(r) > 0 && octet(r, 0) > 0 && skip_string(r);
  case 'b': return skip_bitmap(r);
  case 'v': return skip_params(r);
  case 'a': return skip_prefixes(r);
  case 'g': return skip_gateway(r);
  case 'h': return skip_hip(r);
  case 'l': return skip_loc(r);
  case '+': return left(r) > 0 && skip(r, left(r));
  case '*': return skip(r, left(r));
  default: return skip(r, (size_t)(letter - '0'));
  }
}

bool form_holds(const struct record *record) {
  struct rest r = {.w = wire_read(record->msg, record->msg_len),
                   .start = record->rdata_at,
                   .end = record->rdata_at + record->rdlen};
  r.w.at = r.start;
  for (const char *letter = form_of(record->type, record->klass); *letter; letter++) {
    if (!skip_part(&r, *letter)) return false;
  }
  return left(&r) == 0;
}
