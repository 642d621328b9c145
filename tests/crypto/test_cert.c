/* test_cert.c: for which XMPP domains a certificate is. */
#include "crypto/cert.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct cert named(enum cert_form form, const char *name) {
  struct cert c = {.count = 1};
  c.names[0].form = form;
  snprintf(c.names[0].text, sizeof c.names[0].text, "%s", name);
  return c;
}

static enum cert_form is_for(enum cert_form form, const char *name, const char *domain) {
  struct cert c = named(form, name);
  return cert_is_for(&c, domain, "_xmpp-client");
}

Test(cert, is_for_the_domain_that_it_names_in_any_case) {
  cr_expect_eq(is_for(CERT_DNS, "D.chat", "d.CHAT"), CERT_DNS);
  cr_expect_eq(is_for(CERT_DNS, "xmpp.d.chat", "d.chat"), CERT_NOT, "the host is not the domain");
  cr_expect_eq(is_for(CERT_DNS, "d.chat.evil.chat", "d.chat"), CERT_NOT);
  cr_expect_eq(is_for(CERT_XMPP, "d.chat", "d.chat"), CERT_XMPP);
}

Test(cert, a_star_is_one_whole_label) {
  cr_expect_eq(is_for(CERT_DNS, "*.d.chat", "a.d.chat"), CERT_DNS);
  cr_expect_eq(is_for(CERT_DNS, "*.d.chat", "d.chat"), CERT_NOT);
  cr_expect_eq(is_for(CERT_DNS, "*.d.chat", "a.b.d.chat"), CERT_NOT);
  cr_expect_eq(is_for(CERT_DNS, "*.chat", "d.chat"), CERT_NOT, "too wide");
  cr_expect_eq(is_for(CERT_DNS, "x*.d.chat", "xa.d.chat"), CERT_NOT);
  cr_expect_eq(is_for(CERT_DNS, "*.d.chat", ".d.chat"), CERT_NOT);
  cr_expect_eq(is_for(CERT_XMPP, "*.d.chat", "a.d.chat"), CERT_NOT);
}

Test(cert, an_srv_name_is_for_one_service) {
  struct cert c = named(CERT_SRV, "_XMPP-client.d.chat");
  cr_expect_eq(cert_is_for(&c, "d.chat", "_xmpp-client"), CERT_SRV);
  cr_expect_eq(cert_is_for(&c, "d.chat", "_xmpp-server"), CERT_NOT);
  cr_expect_eq(cert_is_for(&c, "d.chat", NULL), CERT_NOT);
  cr_expect_eq(cert_is_for(&c, "e.chat", "_xmpp-client"), CERT_NOT);
}

Test(cert, tells_the_plainest_form_of_several) {
  struct cert c = named(CERT_XMPP, "d.chat");
  c.names[1] = named(CERT_DNS, "d.chat").names[0];
  c.count = 2;
  cr_expect_eq(cert_is_for(&c, "d.chat", NULL), CERT_DNS);
}
