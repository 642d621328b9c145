/* dane.c: fuzz target: TLSA records of any kind, behind answers of any kind. DANE is only ever done where all
 * of the way is secure and a record is one that RFC 6698 knows; nobody is let connect where an answer failed.
 *
 * Input: an octet a proof (SRV, A, AAAA, TLSA) whose upper half is how many records it has, then the records,
 * each behind its length. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "xmpp/dane.h"

enum { PROOFS = 4, RECORDS_MAX = 16 };

static const uint8_t domain[] = "\001d\003lab", target[] = "\001x\001d\003lab";

static struct dane_answer answer_of(uint8_t octet) {
  return (struct dane_answer){.proof = (enum dane_proof)(octet % 4), .records = octet >> 4};
}

/* Each in memory of its own, so that a read behind its end is seen. */
static unsigned take_records(const uint8_t *data, size_t size, struct dane_rdata *list) {
  unsigned count = 0;
  while (count < RECORDS_MAX - 1 && size > 0 && size > data[0]) {
    size_t len = data[0];
    uint8_t *octets = malloc(len + !len);
    must(octets);
    memcpy(octets, data + 1, len);
    list[count++] = (struct dane_rdata){.octets = octets, .len = len};
    data += 1 + len;
    size -= 1 + len;
  }
  return count;
}

static bool is_known(const struct dane_rdata *r) {
  return r->len > 3 && r->octets[0] <= 3 && r->octets[1] <= 1 && r->octets[2] <= 2 &&
         (r->octets[2] != 1 || r->len == 3 + 32) && (r->octets[2] != 2 || r->len == 3 + 64);
}

static bool is_secure_address(const struct dane_answer *a) {
  return a->proof == DANE_SECURE && a->records > 0;
}

static void expect_sound(const struct dane_endpoint *e, const struct dane_verdict *v) {
  unsigned known = 0;
  for (unsigned i = 0; i < e->tlsa.records; i++) known += is_known(&e->tlsa_records[i]);

  must(v->usable <= known && (v->usable > 0) == (v->usages != 0) && v->usages < 16);
  must((v->flaw != DANE_FLAWLESS) == (v->usable < e->tlsa.records));
  if (v->use == DANE_VERIFY) {
    must(e->srv.proof == DANE_SECURE && e->tlsa.proof == DANE_SECURE && v->usable > 0);
    must(is_secure_address(&e->addresses[0]) || is_secure_address(&e->addresses[1]));
  }
  if (v->use == DANE_PLAIN) must(e->srv.proof == DANE_SECURE || e->srv.proof == DANE_INSECURE);
  must(v->name_count <= DANE_NAMES_MAX && v->names_matter == (v->name_count > 0));
  if (e->srv.proof != DANE_SECURE) {
    for (unsigned i = 0; i < v->name_count; i++) must(v->names[i].name == domain);
  }
  must(dane_state_word(v->state) && dane_state_text(v->state) && dane_flaw_text(v->flaw) &&
       dane_use_word(v->use));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct dane_rdata list[RECORDS_MAX];
  if (size < PROOFS) return 0;

  struct dane_endpoint e = {.has_srv = data[0] >> 4 > 0,
                            .srv = answer_of(data[0]),
                            .addresses = {answer_of(data[1]), answer_of(data[2])},
                            .tlsa = {.proof = (enum dane_proof)(data[3] % 4)},
                            .tlsa_records = list,
                            .domain = domain,
                            .domain_len = sizeof domain,
                            .target = target,
                            .target_len = sizeof target};
  e.tlsa.records = take_records(data + PROOFS, size - PROOFS, list);
  struct dane_verdict v = dane_judge(&e);
  expect_sound(&e, &v);

  for (unsigned i = 0; i < e.tlsa.records; i++) free((void *)(uintptr_t)list[i].octets);
  return 0;
}
