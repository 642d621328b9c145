/* test_prove.c: servers that have to prove who they are within the handshake, and sessions that go on. */
#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

enum { DAY = 86400 };

static struct made authority;
static struct tls_context *context;
static struct tls_expect expect;
static union addr address;
static struct tls_ticket ticket;
static char ca_path[] = "/tmp/jidns-ca-XXXXXX";

static void setup(void) {
  authority = make_cert("The test's authority", NULL, -100L * DAY, 100L * DAY, NULL);
  int fd = mkstemp(ca_path);
  FILE *out = fdopen(fd, "w");
  cr_assert(out && PEM_write_X509(out, authority.cert));
  fclose(out);
  context = tls_context_strict(ca_path, TLS_PROOF_NEEDED, stderr);
  cr_assert_not_null(context);
  cr_assert(addr_parse("192.0.2.1", 853, &address));
  strcpy(expect.name, "dns.test");
}

static void teardown(void) {
  tls_drop_ticket(&ticket);
  tls_context_free(context);
  made_free(&authority);
  unlink(ca_path);
}

TestSuite(prove, .init = setup, .fini = teardown);

static struct made good_cert(void) {
  return make_cert("d", "DNS:dns.test,IP:192.0.2.1", -DAY, 30 * DAY, &authority);
}

static struct tls *client_new(int64_t now_s) {
  struct tls *t = tls_new(context, *expect.name ? expect.name : NULL, "dot");
  cr_assert(t);
  tls_use_ticket(t, &ticket, now_s);
  cr_assert(tls_expect_peer(t, &expect, &address, now_s));
  return t;
}

/* How a server with that certificate fails to prove itself; ERR_NONE: it does not. Nothing that it has read
 * by then is text. */
static enum err meet_at(struct made own, int64_t now_s) {
  struct nameserver s;
  char text[16];
  server_open(&s, &own, NULL, "dot");
  struct tls *t = client_new(now_s);
  enum tls_step step = server_shake(&s, t);
  enum err e = step == TLS_DONE ? ERR_NONE : tls_refused(t);
  cr_expect_leq(SSL_read(s.ssl, text, sizeof text), 0);
  cr_expect(step != TLS_WANT && tls_seen(t)->has_pin);
  tls_free(t);
  server_close(&s);
  made_free(&own);
  return e;
}

static enum err meet(struct made own) { return meet_at(own, time(NULL)); }

Test(prove, by_its_name) {
  cr_expect_eq(meet(good_cert()), ERR_NONE);
  cr_expect_eq(meet(make_cert("dns.test", "DNS:other.test", -DAY, DAY, &authority)), ERR_CERT_NAME);
  cr_expect_eq(meet(make_cert("d", "IP:192.0.2.1", -DAY, DAY, &authority)), ERR_CERT_NAME);
  strcpy(expect.name, "dns.a.test");
  cr_expect_eq(meet(make_cert("d", "DNS:*.a.test", -DAY, DAY, &authority)), ERR_NONE);
  cr_expect_eq(meet(make_cert("d", "DNS:*.test", -DAY, DAY, &authority)), ERR_CERT_NAME);
}

Test(prove, by_its_address_where_there_is_no_name) {
  *expect.name = 0;
  cr_expect_eq(meet(good_cert()), ERR_NONE);
  cr_expect_eq(meet(make_cert("d", "IP:192.0.2.2", -DAY, DAY, &authority)), ERR_CERT_NAME);
  cr_expect_eq(meet(make_cert("d", "DNS:192.0.2.1", -DAY, DAY, &authority)), ERR_CERT_NAME);
  cr_assert(addr_parse("2001:db8::1", 853, &address));
  cr_expect_eq(meet(make_cert("d", "IP:2001:db8::1", -DAY, DAY, &authority)), ERR_NONE);
}

Test(prove, by_an_authority_that_is_trusted_and_by_the_day) {
  struct made stranger = make_cert("Somebody", NULL, -DAY, 30 * DAY, NULL);
  cr_expect_eq(meet(make_cert("d", "DNS:dns.test", -DAY, DAY, &stranger)), ERR_CERT_CA);
  cr_expect_eq(meet(make_cert("d", "DNS:dns.test", -DAY, DAY, NULL)), ERR_CERT_CA);
  cr_expect_eq(meet(make_cert("d", "DNS:dns.test", -9 * DAY, -DAY, &authority)), ERR_CERT_EXPIRED);
  cr_expect_eq(meet(make_cert("d", "DNS:dns.test", DAY, 9 * DAY, &authority)), ERR_CERT_EARLY);
  made_free(&stranger);
}

Test(prove, by_a_time_that_a_wrong_clock_does_not_spoil) {
  cr_expect_eq(meet_at(make_cert("d", "DNS:dns.test", 0, DAY, &authority), 1000000), ERR_CERT_CLOCK,
               "made after this was built");
  tls_context_floor(context, time(NULL));
  cr_expect_eq(meet_at(good_cert(), 1000000), ERR_NONE);
  tls_context_floor(context, 5);
  cr_expect_eq(meet_at(good_cert(), 1000000), ERR_NONE, "it goes up only");
  cr_expect_eq(meet_at(good_cert(), time(NULL) + 99L * DAY), ERR_CERT_EXPIRED);
}

static void pin(const struct made *m) {
  unsigned char *der = NULL;
  int len = i2d_PUBKEY(m->key, &der);
  cr_assert(EVP_Digest(der, (size_t)len, expect.pins[expect.pin_count++], NULL, EVP_sha256(), NULL) == 1);
  OPENSSL_free(der);
}

Test(prove, by_a_pinned_key_alone) {
  struct made own = make_cert("x", "DNS:other.test", -9 * DAY, -DAY, NULL), other = good_cert();
  pin(&other);
  cr_expect_eq(meet(good_cert()), ERR_CERT_PIN, "another key, whatever its certificate says");
  pin(&own);
  cr_expect_eq(meet_at(own, 1000), ERR_NONE, "self-signed, of another name, expired");
  made_free(&other);
}

Test(prove, nothing_where_no_proof_is_asked_for_and_the_key_is_seen_all_the_same) {
  struct made stranger = make_cert("Somebody", NULL, -DAY, 30 * DAY, NULL);
  expect.proof = TLS_PROOF_NONE;
  cr_expect_eq(meet(make_cert("x", "DNS:other.test", -9 * DAY, -DAY, &stranger)), ERR_NONE);
  cr_expect_eq(meet(make_cert("x", NULL, DAY, 9 * DAY, NULL)), ERR_NONE);
  expect.proof = TLS_PROOF_NEEDED;
  cr_expect_eq(meet(make_cert("d", "DNS:dns.test", -DAY, DAY, &stranger)), ERR_CERT_CA);
  made_free(&stranger);
}

Test(prove, and_go_on_with_what_was_agreed_until_the_certificate_ends) {
  struct made own = good_cert();
  struct nameserver s;
  char text[16];
  size_t len;
  server_open(&s, &own, NULL, "dot");
  for (unsigned i = 0; i < 4; i++) {
    bool is_over = i == 3;
    struct tls *t = client_new(is_over ? time(NULL) + 31L * DAY : time(NULL));
    cr_expect_eq(server_shake(&s, t), is_over ? TLS_FAILED : TLS_DONE, "%s", tls_why(t));
    server_carry(&s, t);
    cr_expect_eq(tls_is_resumed(t), i > 0 && !is_over, "%u", i);
    cr_expect_eq(tls_read(t, text, sizeof text, &len), is_over ? TLS_FAILED : TLS_WANT);
    cr_expect(tls_seen(t)->has_pin);
    tls_free(t);
    SSL_clear(s.ssl);
    (void)BIO_reset(s.in);
    (void)BIO_reset(s.out);
  }
  server_close(&s);
  made_free(&own);
}

Test(prove, in_whatever_pieces_their_octets_come) {
  unsigned char octets[8192];
  char text[16];
  size_t len;
  int n;
  struct made own = good_cert();
  for (size_t cut = 1; cut < 64; cut += 3) {
    struct nameserver s;
    enum tls_step step = TLS_WANT;
    server_open(&s, &own, NULL, "dot");
    struct tls *t = client_new(time(NULL));
    for (unsigned round = 0; round < 8 && step == TLS_WANT; round++) {
      step = tls_handshake(t);
      while ((len = tls_take(t, octets, cut)) > 0) BIO_write(s.in, octets, (int)len);
      SSL_do_handshake(s.ssl);
      while ((n = BIO_read(s.out, octets, (int)cut)) > 0) {
        cr_assert(tls_put(t, octets, (size_t)n));
        if (step == TLS_WANT) step = tls_handshake(t);
      }
    }
    cr_assert_eq(step, TLS_DONE, "cut after %zu", cut);
    while ((len = tls_take(t, octets, cut)) > 0) BIO_write(s.in, octets, (int)len);
    SSL_do_handshake(s.ssl);
    cr_assert_eq(SSL_write(s.ssl, "hello", 5), 5);
    size_t got = 0;
    while ((n = BIO_read(s.out, octets, (int)cut)) > 0) {
      cr_assert(tls_put(t, octets, (size_t)n));
      if (tls_read(t, text + got, sizeof text - got, &len) == TLS_DONE) got += len;
    }
    cr_expect(got == 5 && memcmp(text, "hello", 5) == 0, "cut after %zu", cut);
    tls_free(t);
    server_close(&s);
    tls_drop_ticket(&ticket);
  }
  made_free(&own);
}

Test(prove, nothing_by_sending_much) {
  static unsigned char record[16389] = {22, 3, 3, 0x40, 0x00, 11, 0xff, 0xff, 0xff};
  struct tls *t = client_new(time(NULL));
  enum tls_step step = tls_handshake(t);
  unsigned records = 0;
  while (step == TLS_WANT && records < 100 && tls_put(t, record, sizeof record)) {
    records++;
    step = tls_handshake(t);
  }
  cr_expect_lt(records * sizeof record, (unsigned)TLS_EARLY_MAX + 1);
  tls_free(t);
}

Test(prove, only_where_somebody_says_who_is_trusted) {
  char *said = NULL;
  size_t len;
  FILE *err = open_memstream(&said, &len);
  cr_expect_null(tls_context_strict("/nowhere/at/all", TLS_PROOF_NEEDED, err));
  cr_expect_null(tls_context_strict("/etc/hostname", TLS_PROOF_NEEDED, err));
  fclose(err);
  cr_expect(strstr(said, "/nowhere/at/all: there are no") && strstr(said, "/etc/hostname: can't be read"),
            "%s", said);
  free(said);
}

Test(prove, by_the_same_word_until_the_file_is_another) {
  cr_expect(tls_context_serves(context, ca_path, TLS_PROOF_NEEDED));
  cr_expect_not(tls_context_serves(context, "", TLS_PROOF_NEEDED));
  FILE *out = fopen(ca_path, "a");
  fputs("\n", out);
  fclose(out);
  cr_expect_not(tls_context_serves(context, ca_path, TLS_PROOF_NEEDED));
}

Test(prove, a_context_serves_as_long_as_the_folder_is_the_same) {
  char folder[] = "/tmp/jidns-ca-folder-XXXXXX", inside[64];
  cr_assert(mkdtemp(folder));
  struct tls_context *c = tls_context_strict(folder, TLS_PROOF_NEEDED, stderr);
  cr_assert_not_null(c);
  cr_expect(tls_context_serves(c, folder, TLS_PROOF_NEEDED));

  usleep(20000); /* so that the file system's clock has gone on */
  snprintf(inside, sizeof inside, "%s/1234abcd.0", folder);
  cr_assert_eq(symlink(ca_path, inside), 0);
  cr_expect_not(tls_context_serves(c, folder, TLS_PROOF_NEEDED), "an authority came");
  tls_context_free(c);
  unlink(inside);
  rmdir(folder);
}

Test(prove, a_floor_set_by_a_clock_that_was_ahead_gives_way_to_the_clock) {
  tls_context_floor(context, time(NULL) + 400L * DAY);
  cr_expect_eq(meet(good_cert()), ERR_CERT_CLOCK, "by the floor it has expired");
  cr_expect_eq(meet(good_cert()), ERR_NONE);
}

Test(prove, a_floor_stays_when_the_clock_is_before_the_build) {
  tls_context_floor(context, time(NULL));
  cr_expect_eq(meet_at(make_cert("d", "DNS:dns.test", -9 * DAY, -DAY, &authority), 1000), ERR_CERT_CLOCK);
  cr_expect_eq(meet_at(good_cert(), 1000), ERR_NONE);
}
