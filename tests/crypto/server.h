/* The other end of a TLS connection, in memory, with certificates made for the test. */
#ifndef JIDNS_TESTS_CRYPTO_SERVER_H
#define JIDNS_TESTS_CRYPTO_SERVER_H
#include <openssl/ssl.h>

#include "crypto/tls.h"

/* A certificate and its key. */
struct made {
  X509 *cert;
  EVP_PKEY *key;
};

/* names: a subjectAltName as openssl.cnf has it, "DNS:d.chat", or NULL for none. Valid from now + from_s to
 * now + until_s. signer: NULL: itself. */
struct made make_cert(const char *common_name, const char *names, long from_s, long until_s,
                      const struct made *signer);
void made_free(struct made *m);

struct nameserver {
  SSL_CTX *context;
  SSL *ssl;
  char *alpn;
  BIO *in, *out;
};

/* chain: sent after own, NULL for none. alpn: the one protocol it takes, or NULL. */
void server_open(struct nameserver *s, const struct made *own, const struct made *chain, const char *alpn);
void server_close(struct nameserver *s);

/* Carries octets both ways until the client is done, has failed or waits in vain. */
enum tls_step server_shake(struct nameserver *s, struct tls *client);
void server_carry(struct nameserver *s, struct tls *client);
#endif
