/* verify.c's own: the library's functions, and what it can do. */
#ifndef JIDNS_CRYPTO_VERIFY_PRIV_H
#define JIDNS_CRYPTO_VERIFY_PRIV_H
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/library.h"
#include "crypto/verify.h"

#define VERIFY_FUNCTIONS(F)                                                                                  \
  F(EVP_MD_fetch)                                                                                            \
  F(EVP_MD_free)                                                                                             \
  F(EVP_MD_CTX_new)                                                                                          \
  F(EVP_MD_CTX_free)                                                                                         \
  F(EVP_DigestInit_ex)                                                                                       \
  F(EVP_DigestUpdate)                                                                                        \
  F(EVP_DigestFinal_ex)                                                                                      \
  F(EVP_DigestVerifyInit_ex)                                                                                 \
  F(EVP_DigestVerify)                                                                                        \
  F(EVP_PKEY_CTX_new_from_name)                                                                              \
  F(EVP_PKEY_CTX_free)                                                                                       \
  F(EVP_PKEY_fromdata_init)                                                                                  \
  F(EVP_PKEY_fromdata)                                                                                       \
  F(EVP_PKEY_CTX_new_from_pkey)                                                                              \
  F(EVP_PKEY_verify_init)                                                                                    \
  F(EVP_PKEY_CTX_set_signature_md)                                                                           \
  F(EVP_PKEY_CTX_set_rsa_padding)                                                                            \
  F(EVP_PKEY_verify)                                                                                         \
  F(EVP_PKEY_free)                                                                                           \
  F(ERR_clear_error)

struct verify_functions {
#define MEMBER(name) LIBRARY_MEMBER(, name)
  VERIFY_FUNCTIONS(MEMBER)
};

/* SHA-512 is for signatures alone. */
enum { SHA512 = DIGEST_SHA384 + 1, DIGESTS, NO_DIGEST };

struct verifier {
  void *handle;
  struct verify_functions f;
  EVP_MD *digests[DIGESTS]; /* NULL: the library has not got it */
  uint32_t algorithms;      /* a bit for each that it can verify */
};
#endif
