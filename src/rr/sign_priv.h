/* Inside the module: ldns as a signer uses it. */
#ifndef JIDNS_RR_SIGN_PRIV_H
#define JIDNS_RR_SIGN_PRIV_H
#include <ldns/ldns.h>
#include <pthread.h>

#include "base/library.h"
#include "rr/sign.h"

/* clang-format off */
#define SIGN_FUNCTIONS(F) \
  F(buffer_new) F(buffer_free) F(get_errorstr_by_id) F(rr2buffer_wire) F(wire2rr) F(rr_free) F(rr_print) \
  F(rr_set_ttl) F(rdf_new_frm_data) F(rdf_deep_free) \
  F(rr_list_new) F(rr_list_push_rr) F(rr_list_rr) F(rr_list_rr_count) F(rr_list_free) F(rr_list_deep_free) \
  F(key_new_frm_fp) F(key_new_frm_algorithm) F(key_deep_free) F(key_print) F(key2rr) F(key_rr2ds) \
  F(key_algorithm) F(key_flags) F(key_keytag) F(key_set_flags) F(key_set_keytag) F(key_set_pubkey_owner) \
  F(key_set_inception) F(key_set_expiration) F(calc_keytag) \
  F(key_list_new) F(key_list_push_key) F(key_list_set_use) F(key_set_use) F(key_list_key) F(key_list_key_count) \
  F(key_list_free) F(sign_public) \
  F(dnssec_zone_new) F(dnssec_zone_deep_free) F(dnssec_zone_add_rr) F(dnssec_zone_sign) \
  F(dnssec_zone_sign_nsec3) F(dnssec_default_replace_signatures)
/* clang-format on */

struct sign_ldns {
#define MEMBER(name) LIBRARY_MEMBER(ldns_, name)
  SIGN_FUNCTIONS(MEMBER)
#undef MEMBER
};

struct sign_keys {
  struct sign_keys *next;
  ldns_key_list *list;
  uint8_t zone_len, zone[NAME_MAX_LEN];
  char *files; /* where they were read from, a line each */
};

struct signer {
  void *library;
  struct sign_ldns ldns;
  ldns_buffer *wire;    /* scratch */
  pthread_mutex_t lock; /* of it, and of the keys, in which the dates stand */
  struct sign_keys *first;
  char *anchors; /* as they were written last; NULL: never */
};

/* Gives a record of ldns' to `take`. False when it has no form on the wire, or `take` says so. */
bool sign_give(struct signer *s, const ldns_rr *rr, sign_take *take, void *ctx);
#endif
