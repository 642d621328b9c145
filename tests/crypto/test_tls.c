/* test_tls.c: TLS between two ends in memory, with good and bad certificates. */
#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

enum { DAY = 86400 };

/* An authority that the client trusts, and the client's context. */
static struct made authority;
static struct tls_context *context;
static char ca_path[] = "/tmp/jidns-ca-XXXXXX";

static void setup(void) {
  authority = make_cert("The test's authority", NULL, -DAY, 100L * DAY, NULL);
  int fd = mkstemp(ca_path);
  FILE *out = fdopen(fd, "w");
  cr_assert(out && PEM_write_X509(out, authority.cert));
  fclose(out);
  context = tls_context_new(ca_path, stderr);
  cr_assert_not_null(context);
}

static void teardown(void) {
  tls_context_free(context);
  made_free(&authority);
  unlink(ca_path);
}

/* Shakes hands with a server that has this certificate; the caller frees the client. */
static struct tls *meet(const struct made *own, const struct made *chain) {
  struct nameserver s;
  server_open(&s, own, chain, NULL);
  struct tls *t = tls_new(context, "d.chat", NULL);
  cr_assert_not_null(t);
  cr_assert_eq(server_shake(&s, t), TLS_DONE, "%s", tls_why(t));
  server_close(&s);
  return t;
}

static void expect_trust(struct made own, enum tls_trust wanted) {
  struct tls *t = meet(&own, NULL);
  cr_expect_eq(tls_trust(t), wanted, "%s", tls_trust_text(t));
  tls_free(t);
  made_free(&own);
}

Test(tls, trusts_who_has_a_certificate_of_the_authority, .init = setup, .fini = teardown) {
  expect_trust(make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority), TLS_TRUSTED);
}

Test(tls, names_what_is_wrong_with_a_certificate, .init = setup, .fini = teardown) {
  struct made stranger = make_cert("Somebody", NULL, -DAY, 30 * DAY, NULL);
  expect_trust(make_cert("d", "DNS:d.chat", -9 * DAY, -DAY, &authority), TLS_EXPIRED);
  expect_trust(make_cert("d", "DNS:d.chat", DAY, 9 * DAY, &authority), TLS_NOT_YET);
  expect_trust(make_cert("d", "DNS:d.chat", -DAY, 9 * DAY, NULL), TLS_SELF_SIGNED);
  expect_trust(make_cert("d", "DNS:d.chat", -DAY, 9 * DAY, &stranger), TLS_INCOMPLETE);
  made_free(&stranger);
}

Test(tls, reads_names_in_all_forms_and_the_days_of_a_certificate, .init = setup, .fini = teardown) {
  struct made own = make_cert("d",
                              "DNS:d.chat,otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-client.s.chat,"
                              "otherName:1.3.6.1.5.5.7.8.5;UTF8:x.chat,email:a@mail.chat,"
                              "otherName:1.2.3.4;UTF8:other.chat,DNS:with space.chat,"
                              "otherName:1.3.6.1.5.5.7.8.5;UTF8:b\xfc"
                              "cher.chat", /* in Latin 1; UTF-8 in the certificate */
                              -DAY, 30 * DAY, &authority);
  struct tls *t = meet(&own, NULL);
  struct cert c;

  cr_assert(tls_peer(t, &c));
  cr_expect_eq(c.count, 4);
  cr_expect_str_eq(c.names[3].text, "b\xc3\xbc"
                                    "cher.chat");
  cr_expect_eq(cert_is_for(&c, "d.chat", "_xmpp-client"), CERT_DNS);
  cr_expect_eq(cert_is_for(&c, "s.chat", "_xmpp-client"), CERT_SRV);
  cr_expect_eq(cert_is_for(&c, "s.chat", "_xmpp-server"), CERT_NOT);
  cr_expect_eq(cert_is_for(&c, "x.chat", "_xmpp-server"), CERT_XMPP);
  cr_expect_eq(cert_is_for(&c, "mail.chat", NULL), CERT_NOT);
  cr_expect_eq(cert_is_for(&c, "other.chat", NULL), CERT_NOT);
  cr_expect_eq(c.until_s - c.from_s, 31 * DAY);
  cr_expect_str_eq(tls_version(t), "TLSv1.3");
  tls_free(t);
  made_free(&own);
}

Test(tls, carries_text_both_ways_and_hears_the_end, .init = setup, .fini = teardown) {
  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  struct nameserver s;
  char text[64];
  size_t len;

  server_open(&s, &own, NULL, "xmpp-client");
  struct tls *t = tls_new(context, "d.chat", "xmpp-client");
  cr_assert_eq(server_shake(&s, t), TLS_DONE, "%s", tls_why(t));
  cr_expect(tls_alpn_is(t, "xmpp-client"));
  cr_expect_not(tls_alpn_is(t, "xmpp-server"));

  cr_assert_eq(tls_write(t, "hello", 5), TLS_DONE);
  cr_assert_eq(tls_read(t, text, sizeof text, &len), TLS_WANT);
  server_carry(&s, t);
  cr_assert_eq(SSL_read(s.ssl, text, sizeof text), 5);
  cr_assert_eq(SSL_write(s.ssl, "welcome", 7), 7);
  server_carry(&s, t);
  cr_assert_eq(tls_read(t, text, sizeof text, &len), TLS_DONE);
  cr_expect(len == 7 && memcmp(text, "welcome", 7) == 0);

  SSL_shutdown(s.ssl);
  server_carry(&s, t);
  cr_expect_eq(tls_read(t, text, sizeof text, &len), TLS_CLOSED);
  tls_free(t);
  server_close(&s);
  made_free(&own);
}

Test(tls, a_handshake_fails_on_what_is_no_tls_and_on_an_alert, .init = setup, .fini = teardown) {
  static const char xml[] = "<?xml version='1.0'?><stream:stream xmlns='jabber:client'>";
  struct tls *t = tls_new(context, "d.chat", NULL);

  cr_assert_eq(tls_handshake(t), TLS_WANT);
  cr_assert(tls_put(t, xml, sizeof xml - 1));
  cr_expect_eq(tls_handshake(t), TLS_FAILED);
  cr_expect_str_eq(tls_why(t), "wrong version number");
  tls_free(t);

  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  struct nameserver s;
  server_open(&s, &own, NULL, "h2");
  t = tls_new(context, "d.chat", "xmpp-client");
  cr_expect_eq(server_shake(&s, t), TLS_FAILED);
  cr_expect_not_null(strstr(tls_why(t), "no application protocol"), "%s", tls_why(t));
  tls_free(t);
  server_close(&s);
  made_free(&own);
}

Test(tls, takes_old_versions_only_when_told_to, .init = setup, .fini = teardown) {
  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  for (int old = 0; old < 2; old++) {
    struct nameserver s;
    server_open(&s, &own, NULL, NULL);
    cr_assert(SSL_set_min_proto_version(s.ssl, 0) && SSL_set_max_proto_version(s.ssl, TLS1_1_VERSION));
    cr_assert(SSL_set_cipher_list(s.ssl, "DEFAULT@SECLEVEL=0"));
    struct tls *t = tls_new(context, "d.chat", NULL);
    if (old) cr_assert(tls_take_old(t));
    cr_expect_eq(server_shake(&s, t), old ? TLS_DONE : TLS_FAILED);
    if (old) cr_expect_str_eq(tls_version(t), "TLSv1.1");
    tls_free(t);
    server_close(&s);
  }
  made_free(&own);
}

/* A record whose data is made of a certificate. */
static size_t make_tlsa(uint8_t rdata[2048], unsigned usage, unsigned selector, unsigned matching, X509 *x) {
  unsigned char *octets = NULL;
  unsigned digest_len = 0;
  int n = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &octets) : i2d_X509(x, &octets);
  cr_assert(n > 0 && n < 2000);
  rdata[0] = (uint8_t)usage;
  rdata[1] = (uint8_t)selector;
  rdata[2] = (uint8_t)matching;
  if (matching == 0) memcpy(rdata + 3, octets, (size_t)n);
  else
    EVP_Digest(octets, (size_t)n, rdata + 3, &digest_len, matching == 1 ? EVP_sha256() : EVP_sha512(), NULL);
  OPENSSL_free(octets);
  return 3 + (matching == 0 ? (size_t)n : digest_len);
}

Test(tls, tlsa_fits_the_own_certificate_or_one_above_it, .init = setup, .fini = teardown) {
  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  struct made other = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  struct tls *t = meet(&own, &authority);
  uint8_t rdata[2048];

  for (unsigned usage = 0; usage < 4; usage++) {
    X509 *right = usage == 1 || usage == 3 ? own.cert : authority.cert,
         *wrong = usage == 1 || usage == 3 ? authority.cert : own.cert;
    for (unsigned i = 0; i < 6; i++) {
      unsigned selector = i % 2, matching = i / 2;
      size_t len = make_tlsa(rdata, usage, selector, matching, right);
      cr_expect(tls_tlsa_fits(t, rdata, len), "%u %u %u", usage, selector, matching);
      cr_expect_not(tls_tlsa_fits(t, rdata, len - 1), "%u %u %u", usage, selector, matching);
      len = make_tlsa(rdata, usage, selector, matching, wrong);
      cr_expect_not(tls_tlsa_fits(t, rdata, len), "%u %u %u", usage, selector, matching);
      len = make_tlsa(rdata, usage, selector, matching, other.cert);
      cr_expect_not(tls_tlsa_fits(t, rdata, len), "%u %u %u", usage, selector, matching);
    }
  }

  static const uint8_t wrong_numbers[][5] = {{4, 0, 1, 0, 0}, {3, 2, 1, 0, 0}, {3, 0, 3, 0, 0}};
  for (size_t i = 0; i < 3; i++) cr_expect_not(tls_tlsa_fits(t, wrong_numbers[i], 5));
  cr_expect_not(tls_tlsa_fits(t, rdata, 3));
  cr_expect_not(tls_tlsa_fits(t, rdata, 0));
  tls_free(t);
  made_free(&own);
  made_free(&other);
}

Test(tls, tlsa_fits_an_authority_that_is_not_sent_but_trusted, .init = setup, .fini = teardown) {
  struct made stranger = make_cert("Somebody", NULL, -DAY, 30 * DAY, NULL);
  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority),
              strange = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &stranger);
  struct tls *t = meet(&own, NULL), *untrusted = meet(&strange, NULL);
  uint8_t rdata[2048];

  for (unsigned usage = 0; usage < 4; usage++) {
    size_t len = make_tlsa(rdata, usage, 1, 1, authority.cert);
    cr_expect_eq(tls_tlsa_fits(t, rdata, len), usage == 0 || usage == 2, "%u", usage);
    len = make_tlsa(rdata, usage, 1, 1, stranger.cert);
    cr_expect_not(tls_tlsa_fits(untrusted, rdata, len), "%u", usage);
  }

  tls_free(t);
  tls_free(untrusted);
  made_free(&own);
  made_free(&strange);
  made_free(&stranger);
}

Test(tls, says_so_when_the_library_can_not_be_set_up) {
  char path[] = "/tmp/jidns-conf-XXXXXX", *said = NULL;
  size_t len;
  FILE *conf = fdopen(mkstemp(path), "w"), *err = open_memstream(&said, &len);
  fputs("openssl_conf = a\n[a]\nproviders = b\n[b]\nnull = c\n[c]\nactivate = 1\n", conf); /* no algorithms */
  fclose(conf);
  setenv("OPENSSL_CONF", path, 1);
  cr_expect_null(tls_context_new(NULL, err));
  fclose(err);
  unlink(path);
  cr_expect_str_eq(said, "OpenSSL can't be set up\n");
  free(said);
}

Test(tls, says_which_file_holds_no_certificates) {
  char *said = NULL;
  size_t len;
  FILE *err = open_memstream(&said, &len);
  cr_expect_null(tls_context_new("/nowhere/ca.pem", err));
  fclose(err);
  cr_expect_not_null(strstr(said, "/nowhere/ca.pem: can't be read"), "%s", said);
  free(said);
}

static int take_any(int is_good, X509_STORE_CTX *store) {
  (void)is_good, (void)store;
  return 1;
}

Test(tls, knows_whether_the_peer_asks_for_a_certificate, .init = setup, .fini = teardown) {
  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    for (int asks = 0; asks < 2; asks++) {
      struct nameserver s;
      server_open(&s, &own, NULL, NULL);
      SSL_set_max_proto_version(s.ssl, version);
      if (asks) SSL_set_verify(s.ssl, SSL_VERIFY_PEER, take_any);
      struct tls *t = tls_new(context, "d.chat", NULL);
      cr_expect_eq(server_shake(&s, t), TLS_DONE, "%s", tls_why(t));
      cr_expect_eq(tls_asks_certificate(t), asks, "%s", tls_version(t));
      tls_free(t);
      server_close(&s);
    }
  }
  made_free(&own);
}

Test(tls, tells_certificates_apart_and_who_issued_them, .init = setup, .fini = teardown) {
  struct made signer = make_cert("R1", NULL, -DAY, 30 * DAY, NULL);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(signer.cert), "O", MBSTRING_ASC,
                             (const unsigned char *)"Let's \x1b[31m", -1, -1, 0);
  struct made a = make_cert("d", "DNS:d.chat,DNS:*.e.chat", -DAY, 30 * DAY, &signer),
              b = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &signer);
  struct cert first, again, other;

  struct tls *t = meet(&a, NULL);
  cr_assert(tls_peer(t, &first) && tls_peer(t, &again));
  tls_free(t);
  t = meet(&b, NULL);
  cr_assert(tls_peer(t, &other));
  tls_free(t);

  cr_expect_str_eq(first.issuer, "Let's ?[31m");
  cr_expect_eq(memcmp(first.digest, again.digest, CERT_DIGEST), 0);
  cr_expect_neq(memcmp(first.digest, other.digest, CERT_DIGEST), 0);
  cr_expect(cert_has_dns_name(&first, "D.chat") && !cert_has_dns_name(&first, "x.e.chat"));
  made_free(&a);
  made_free(&b);
  made_free(&signer);
}

/* The usage by which a server with this certificate, and perhaps one above it, is good; the record is of
 * `wanted`. */
static int usage_of(const struct made *own, const struct made *sent, unsigned usage, unsigned matching,
                    const struct made *wanted) {
  uint8_t rdata[2048];
  size_t len = make_tlsa(rdata, usage, matching == 0 ? 0 : 1, matching, wanted->cert);
  struct tls *t = meet(own, sent);
  unsigned usable;
  int result = tls_dane_usage(t, &(struct tls_tlsa){.rdata = rdata, .len = len}, 1, &usable);
  cr_expect_eq(usable, 1);
  tls_free(t);
  return result;
}

Test(tls, dane_vouches_for_a_chain_by_the_authority_that_a_record_names, .init = setup, .fini = teardown) {
  struct made strange = make_cert("Somebody", NULL, -DAY, 30 * DAY, NULL),
              other = make_cert("Another", NULL, -DAY, 30 * DAY, NULL),
              own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &strange),
              expired = make_cert("d", "DNS:d.chat", -9 * DAY, -DAY, &strange);
  cr_expect_eq(usage_of(&own, &strange, 2, 1, &strange), 2);
  cr_expect_eq(usage_of(&own, NULL, 2, 0, &strange), 2, "the record has the whole certificate");
  cr_expect_eq(usage_of(&own, NULL, 2, 1, &strange), -1, "who issued it was not sent");
  cr_expect_eq(usage_of(&own, &other, 2, 1, &other), -1, "what the record fits has not signed it");
  cr_expect_eq(usage_of(&expired, &strange, 2, 1, &strange), -1);
  cr_expect_eq(usage_of(&own, &strange, 3, 1, &strange), -1);
  made_free(&strange);
  made_free(&other);
  made_free(&own);
  made_free(&expired);
}

Test(tls, dane_takes_an_expired_own_key_and_wants_an_authority_with_usages_0_and_1, .init = setup,
     .fini = teardown) {
  struct made strange = make_cert("Somebody", NULL, -DAY, 30 * DAY, NULL),
              own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority),
              untrusted = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &strange),
              expired = make_cert("d", "DNS:d.chat", -9 * DAY, -DAY, &strange);
  cr_expect_eq(usage_of(&expired, NULL, 3, 1, &expired), 3);
  cr_expect_eq(usage_of(&own, NULL, 1, 1, &own), 1);
  cr_expect_eq(usage_of(&own, NULL, 0, 1, &authority), 0);
  cr_expect_eq(usage_of(&own, NULL, 0, 1, &strange), -1);
  cr_expect_eq(usage_of(&untrusted, &strange, 1, 1, &untrusted), -1);
  cr_expect_eq(usage_of(&untrusted, &strange, 0, 1, &strange), -1);
  made_free(&strange);
  made_free(&own);
  made_free(&untrusted);
  made_free(&expired);
}

Test(tls, records_that_nobody_can_use_vouch_for_nothing, .init = setup, .fini = teardown) {
  static const uint8_t bad[][5] = {{4, 1, 1, 0, 0}, {3, 2, 1, 0, 0}, {3, 1, 9, 0, 0}, {3, 1, 1, 0, 0}};
  struct made own = make_cert("d", "DNS:d.chat", -DAY, 30 * DAY, &authority);
  struct tls *t = meet(&own, NULL);
  unsigned usable;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    for (size_t len = 0; len <= sizeof bad[i]; len++) {
      struct tls_tlsa record = {.rdata = bad[i], .len = len};
      cr_expect_eq(tls_dane_usage(t, &record, 1, &usable), -1);
      cr_expect_eq(usable, 0, "%zu: %zu", i, len);
    }
  }
  tls_free(t);
  made_free(&own);
}
