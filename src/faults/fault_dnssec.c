/* fault_dnssec.c: signatures, proofs and DS records that a validator does not believe. Exports
 * fault_wants_signing and, to the module, fault_is_stripped, fault_change_proof. */
#include "dns/dns.h"
#include "faults/fault_priv.h"

enum { DS_DIGEST_AT = 4 }; /* RFC 4034 section 5.1 */

/* Validators forgive a clock that is a day off. */
enum { OFF_S = 7 * 86400, VALID_S = 30 * 86400 };

bool fault_wants_signing(const struct fault_match *k) {
  const struct rule *r = &k->fault->rule;
  return (rule_has(r, RULE_SIGNATURE) && r->signature != RULE_SIGNATURE_WRONG) || rule_has(r, RULE_WRONG_DS);
}

static bool is_proof(uint16_t type) { return type == TYPE_NSEC || type == TYPE_NSEC3; }

bool fault_is_stripped(const struct rule *rule, const struct record *r) {
  if (!rule_has(rule, RULE_STRIP)) return false;
  bool signs = r->type == TYPE_RRSIG,
       signs_proof = signs && r->rdlen > 2 && is_proof(load_u16(record_rdata(r)));
  switch (rule->strip) {
  case RULE_STRIP_ALL: return signs || is_proof(r->type);
  case RULE_STRIP_SIGNATURES: return signs;
  case RULE_STRIP_PROOFS: return signs_proof || is_proof(r->type);
  default: return false;
  }
}

/* Dates follow from those that it has, so that no clock is needed: what is valid now began before now. */
static void change_signature(const struct rule *rule, uint8_t *rdata, size_t len) {
  uint32_t inception = load_u32(rdata + RRSIG_INCEPTION_AT),
           expiration = load_u32(rdata + RRSIG_EXPIRATION_AT);
  switch (rule->signature) {
  case RULE_SIGNATURE_EXPIRED:
    store_u32(rdata + RRSIG_INCEPTION_AT, inception - OFF_S - VALID_S);
    store_u32(rdata + RRSIG_EXPIRATION_AT, inception - OFF_S);
    break;
  case RULE_SIGNATURE_EARLY:
    store_u32(rdata + RRSIG_INCEPTION_AT, expiration + OFF_S);
    store_u32(rdata + RRSIG_EXPIRATION_AT, expiration + OFF_S + VALID_S);
    break;
  case RULE_SIGNATURE_WRONG: rdata[len - 1] ^= 1; break;
  }
}

void fault_change_proof(const struct rule *rule, struct record *r, uint8_t room[FAULT_RDATA_MOST]) {
  bool is_signature = r->type == TYPE_RRSIG && rule_has(rule, RULE_SIGNATURE) && r->rdlen > RRSIG_SIGNER_AT,
       is_ds = r->type == TYPE_DS && rule_has(rule, RULE_WRONG_DS) && r->rdlen > DS_DIGEST_AT;
  if ((!is_signature && !is_ds) || r->rdlen > FAULT_RDATA_MOST) return;
  memcpy(room, record_rdata(r), r->rdlen);
  if (is_signature) change_signature(rule, room, r->rdlen);
  else room[r->rdlen - 1] ^= 1;
  r->msg = room;
  r->msg_len = r->rdlen;
  r->rdata_at = 0;
}
