/* What a certificate says, and whether it is for an XMPP domain (RFC 6120 section 13.7). No library, no I/O.
 */
#ifndef JIDNS_CRYPTO_CERT_H
#define JIDNS_CRYPTO_CERT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CERT_NAMES_MAX = 100, CERT_NAME_TEXT = 256, CERT_DIGEST = 32 };

/* In which form a certificate names somebody; CERT_NOT: not at all. */
enum cert_form {
  CERT_NOT,
  CERT_DNS, /* dNSName, perhaps with "*" as its first label */
  CERT_SRV, /* SRVName: "_xmpp-client.example.org" (RFC 4985) */
  CERT_XMPP /* id-on-xmppAddr: "example.org" (RFC 6120 section 13.7.1.4) */
};

struct cert {
  int64_t from_s, until_s;     /* seconds since 1970 */
  char issuer[CERT_NAME_TEXT]; /* the organisation that issued it, printable ASCII; "": it has no name */
  uint8_t digest[CERT_DIGEST]; /* SHA-256 of the whole */
  size_t count;
  struct cert_name {
    enum cert_form form;
    /* Printable ASCII; of an XmppAddr perhaps with octets above it, as UTF-8 that nobody has checked: the
     * domain is written there as people do (RFC 6120 section 13.7.1.4). Others are left off, as they match
     * nothing. */
    char text[CERT_NAME_TEXT];
  } names[CERT_NAMES_MAX];
};

/* The best form in which the certificate names the domain; service: "_xmpp-client", as in SRVName, or NULL
 * for none. Both as ASCII without a final dot. A certificate's common name counts for nothing (RFC 6125
 * section 6.4.4). */
enum cert_form cert_is_for(const struct cert *c, const char *domain, const char *service);

/* A dNSName is the domain itself, not a wildcard that covers it. */
bool cert_has_dns_name(const struct cert *c, const char *domain);

/* "SRV-ID": for people. */
const char *cert_form_text(enum cert_form f);
#endif
