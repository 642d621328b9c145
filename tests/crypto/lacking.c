/* lacking.c: takes abilities away. */
#include "crypto/lacking.h"

#include "crypto/verify_priv.h"

void lacking_digest(struct verifier *v, enum digest which) {
  v->f.EVP_MD_free(v->digests[which]);
  v->digests[which] = NULL;
}

void lacking_algorithm(struct verifier *v, uint8_t algorithm) {
  v->algorithms &= ~(UINT32_C(1) << algorithm);
}
