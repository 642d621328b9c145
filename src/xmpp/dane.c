/* dane.c: may TLSA records be used at an endpoint, and which names are to be checked? Exports dane_*. */
#include "xmpp/dane.h"

/* ---- one record ---- */

enum {
  FIXED = 3,
  USAGE_MAX = 3,
  SELECTOR_MAX = 1,
  MATCHING_EXACT = 0,
  MATCHING_SHA256 = 1,
  MATCHING_SHA512 = 2
};
enum { USAGE_DANE_EE = 3 };

/* A certificate and a key are each one ASN.1 SEQUENCE of definite length, in DER. */
static bool is_one_sequence(const uint8_t *der, size_t len) {
  enum { SEQUENCE = 0x30, LONG_FORM = 0x80, LENGTH_OCTETS_MAX = 2 };
  if (len < 2 || der[0] != SEQUENCE) return false;
  if (der[1] < LONG_FORM) return len == 2u + der[1];

  size_t octets = der[1] - LONG_FORM, body = 0;
  if (octets == 0 || octets > LENGTH_OCTETS_MAX || len < 2 + octets) return false;
  for (size_t i = 0; i < octets; i++) body = body << 8 | der[2 + i];
  return len == 2 + octets + body;
}

enum dane_flaw dane_flaw_of(const uint8_t *rdata, size_t len) {
  if (len <= FIXED) return DANE_SHORT;
  if (rdata[0] > USAGE_MAX) return DANE_USAGE;
  if (rdata[1] > SELECTOR_MAX) return DANE_SELECTOR;

  const uint8_t *data = rdata + FIXED;
  size_t data_len = len - FIXED;
  switch (rdata[2]) {
  case MATCHING_EXACT: return is_one_sequence(data, data_len) ? DANE_FLAWLESS : DANE_DER;
  case MATCHING_SHA256: return data_len == 32 ? DANE_FLAWLESS : DANE_LENGTH;
  case MATCHING_SHA512: return data_len == 64 ? DANE_FLAWLESS : DANE_LENGTH;
  default: return DANE_MATCHING;
  }
}

/* ---- an endpoint ---- */

static bool has_failed(const struct dane_answer *a) {
  return a->proof == DANE_FAILED || a->proof == DANE_BOGUS;
}

/* One family that is secure is enough for TLSA to be asked for (RFC 7673 section 3.2). */
static bool has_secure_address(const struct dane_endpoint *e) {
  for (unsigned i = 0; i < 2; i++) {
    if (e->addresses[i].proof == DANE_SECURE && e->addresses[i].records > 0) return true;
  }
  return false;
}

static enum dane_state state_of_addresses(const struct dane_endpoint *e) {
  const struct dane_answer *v4 = &e->addresses[0], *v6 = &e->addresses[1];
  if (has_secure_address(e)) return DANE_USABLE;
  if (v4->records + v6->records > 0) return DANE_ADDRESSES_INSECURE;
  return has_failed(v4) || has_failed(v6) ? DANE_ADDRESSES_FAILED : DANE_NO_ADDRESS;
}

static enum dane_state state_of_tlsa(const struct dane_endpoint *e, const struct dane_verdict *v) {
  if (e->tlsa.proof == DANE_BOGUS) return DANE_TLSA_BOGUS;
  if (e->tlsa.proof == DANE_FAILED) return DANE_TLSA_FAILED;
  if (e->tlsa.proof == DANE_INSECURE) return DANE_TLSA_INSECURE;
  if (e->tlsa.records == 0) return DANE_NO_TLSA;
  return v->usable > 0 ? DANE_USABLE : DANE_TLSA_UNUSABLE;
}

/* The first thing on the way that is wrong is what a program meets first. */
static enum dane_state state_of(const struct dane_endpoint *e, const struct dane_verdict *v) {
  if (has_failed(&e->srv)) return DANE_SRV_FAILED;
  enum dane_state addresses = state_of_addresses(e);
  if (addresses == DANE_NO_ADDRESS || addresses == DANE_ADDRESSES_FAILED) return addresses;
  if (e->srv.proof != DANE_SECURE) return DANE_SRV_INSECURE;
  return addresses == DANE_USABLE ? state_of_tlsa(e, v) : addresses;
}

static enum dane_use use_of(enum dane_state s) {
  switch (s) {
  case DANE_USABLE: return DANE_VERIFY;
  case DANE_SRV_FAILED:
  case DANE_ADDRESSES_FAILED:
  case DANE_NO_ADDRESS:
  case DANE_TLSA_FAILED:
  case DANE_TLSA_BOGUS: return DANE_AVOID;
  default: return DANE_PLAIN;
  }
}

static void judge_records(const struct dane_endpoint *e, struct dane_verdict *v) {
  for (unsigned i = 0; i < e->tlsa.records; i++) {
    const struct dane_rdata *r = &e->tlsa_records[i];
    enum dane_flaw flaw = dane_flaw_of(r->octets, r->len);
    if (flaw == DANE_FLAWLESS) {
      v->usable++;
      v->usages |= 1u << r->octets[0];
    } else if (v->flaw == DANE_FLAWLESS) {
      v->flaw = flaw;
    }
  }
}

static void add_name(struct dane_verdict *v, enum dane_name_kind kind, const uint8_t *name, size_t len) {
  v->names[v->name_count++] = (struct dane_name){.kind = kind, .name = name, .len = len};
}

/* Who can forge the SRV answer chooses the target: its name counts only where that answer is secure. */
static void judge_names(const struct dane_endpoint *e, struct dane_verdict *v) {
  bool elsewhere = !name_equal(e->target, e->target_len, e->domain, e->domain_len);
  v->names_matter = v->state != DANE_USABLE || v->usages != 1u << USAGE_DANE_EE;
  if (!v->names_matter) return;
  if (e->has_srv && e->srv.proof == DANE_SECURE && elsewhere)
    add_name(v, DANE_DNS_ID, e->target, e->target_len);
  add_name(v, DANE_DNS_ID, e->domain, e->domain_len);
  add_name(v, DANE_SRV_ID, e->domain, e->domain_len);
}

struct dane_verdict dane_judge(const struct dane_endpoint *e) {
  struct dane_verdict v = {.usable = 0};
  judge_records(e, &v);
  v.state = state_of(e, &v);
  v.use = use_of(v.state);
  judge_names(e, &v);
  return v;
}

/* ---- words ---- */

static const struct {
  const char *word, *text;
} states[DANE_STATES] = {
    [DANE_USABLE] = {"usable", "usable"},
    [DANE_NO_TLSA] = {"no-tlsa", "there is no TLSA record"},
    [DANE_TLSA_INSECURE] = {"tlsa-insecure", "the answer to TLSA is not secure"},
    [DANE_TLSA_UNUSABLE] = {"tlsa-unusable", "no TLSA record can be used"},
    [DANE_TLSA_FAILED] = {"tlsa-failed", "the question for TLSA failed"},
    [DANE_TLSA_BOGUS] = {"tlsa-bogus", "the answer to TLSA does not validate"},
    [DANE_SRV_INSECURE] = {"srv-insecure", "the answer to SRV is not secure"},
    [DANE_SRV_FAILED] = {"srv-failed", "the question for SRV failed"},
    [DANE_ADDRESSES_INSECURE] = {"addresses-insecure", "the target's addresses are not secure"},
    [DANE_ADDRESSES_FAILED] = {"addresses-failed", "the question for the target's addresses failed"},
    [DANE_NO_ADDRESS] = {"no-address", "the target has no address"},
};

const char *dane_state_word(enum dane_state s) { return states[s].word; }
const char *dane_state_text(enum dane_state s) { return states[s].text; }

const char *dane_flaw_text(enum dane_flaw f) {
  static const char *const texts[DANE_FLAWS] = {
      [DANE_FLAWLESS] = "nothing",
      [DANE_SHORT] = "it is too short to say anything",
      [DANE_USAGE] = "its usage is above 3",
      [DANE_SELECTOR] = "its selector is above 1",
      [DANE_MATCHING] = "its matching type is above 2",
      [DANE_LENGTH] = "its digest has the wrong length",
      [DANE_DER] = "its matching type is 0, but it holds no whole certificate or key",
  };
  return texts[f];
}

const char *dane_use_word(enum dane_use u) {
  static const char *const words[] = {
      [DANE_VERIFY] = "verify", [DANE_PLAIN] = "plain", [DANE_AVOID] = "avoid"};
  return words[u];
}
