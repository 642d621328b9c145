#include "upstream/tls_end.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void tls_end_make_trust(struct tls_end_trust *t, const char *names, long until_s) {
  char ca_path[] = "/tmp/jidns-ca-XXXXXX";
  t->authority = make_cert("The test's authority", NULL, -DAY, 100L * DAY, NULL);
  t->own = make_cert("d", names, -9 * DAY, until_s, &t->authority);
  int fd = mkstemp(ca_path);
  FILE *out = fdopen(fd, "w");
  cr_assert(out && PEM_write_X509(out, t->authority.cert));
  fclose(out);
  t->context = tls_context_strict(ca_path, TLS_PROOF_NEEDED, stderr);
  cr_assert_not_null(t->context);
  unlink(ca_path);
}

void tls_end_free_trust(struct tls_end_trust *t) {
  tls_context_free(t->context);
  made_free(&t->authority);
  made_free(&t->own);
}

void tls_end_accept(struct tls_end *e, struct lo *l, const struct made *own, const char *alpn) {
  static struct peer peer;
  peer_accept(&peer, l);
  e->lo = l;
  e->fd = peer.fd;
  server_open(&e->tls, own, NULL, alpn);
}

bool tls_end_carry(struct tls_end *e) {
  unsigned char octets[16384];
  int n;
  while ((n = BIO_read(e->tls.out, octets, sizeof octets)) > 0)
    (void)send(e->fd, octets, (size_t)n, MSG_NOSIGNAL);
  lo_turns(e->lo, 1);
  ssize_t got = recv(e->fd, octets, sizeof octets, MSG_DONTWAIT);
  bool is_open = got > 0 || (got < 0 && errno == EAGAIN);
  if (got > 0) BIO_write(e->tls.in, octets, (int)got);
  if (!SSL_is_init_finished(e->tls.ssl)) SSL_do_handshake(e->tls.ssl);
  return is_open;
}

void tls_end_shake(struct tls_end *e) {
  char why[200];
  for (unsigned i = 0; i < 200 && !SSL_is_init_finished(e->tls.ssl); i++) tls_end_carry(e);
  ERR_error_string_n(ERR_peek_last_error(), why, sizeof why);
  const struct channel_facts *facts = e->lo->channel->ops->facts(e->lo->channel);
  cr_assert(SSL_is_init_finished(e->tls.ssl), "%s: %s, %s, %u open", SSL_state_string_long(e->tls.ssl), why,
            err_word(facts->failed), facts->open);
}

void tls_end_close(struct tls_end *e) {
  server_close(&e->tls);
  close(e->fd);
}
