/* test_rules.c: each row of rules.def has a domain that shows it; a domain shows no more than what is listed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tool/fake.h"
#include "tool/report.h"

/* A domain's records, a line each: OWNER TYPE RDATA, names relative to d.chat where they have no final dot;
 * or what the server does: fail OWNER TYPE RCODE|timeout [checked], secure, insecure OWNER, search DOMAIN,
 * clients (only), aa, ede N, slow MS, truncate OWNER, ttl N for what follows. */
struct domain_case {
  const char *records;
  const char *
      codes; /* all that is worse than an info, in alphabetical order, and the infos that are meant, with + */
  const char *name; /* NULL: d.chat */
};

#define HOST "x A 9.9.1.1\nx AAAA 2a01::1\n"
#define WEB "@ A 9.9.8.8\n@ AAAA 2a01::88\n"
#define C2S "_xmpp-client._tcp SRV 0 5 5222 x\n"
#define S2S "_xmpp-server._tcp SRV 0 5 5269 x\n"
#define GOOD HOST WEB C2S S2S

static const struct domain_case cases[] = {
    /* right ones */
    {GOOD, "+no-direct-tls +no-second-choice +not-validating", NULL},
    {GOOD "_xmpps-client._tcp SRV 5 5 5223 x\n_xmpps-server._tcp SRV 5 5 5270 x\n", "", NULL},
    {GOOD "secure\n", "", NULL},
    {GOOD "@ SOA 300\n", "", NULL},
    {HOST WEB "_xmpp-client._tcp SRV 0 0 0 .\n_xmpp-server._tcp SRV 0 0 0 .\n", "+refused", NULL},
    {GOOD "conference CNAME x\n", "+component-alias", NULL},
    /* A */
    {GOOD, "+domain-special", "d.test"},
    {GOOD, "idna-invalid", "xn--zzzzzz.chat"},
    {GOOD, "idna-versions", "stra\u00dfe.chat"},
    {GOOD, "domain-bad-name", "my_d.chat"},
    {"", "domain-missing", NULL},
    {"_xmpp-client._tcp.d.chat. SRV 0 5 5222 y.d.chat.\n_xmpp-server._tcp.d.chat. SRV 0 5 5269 "
     "y.d.chat.\ny.d.chat. A 9.9.1.1\n",
     "domain-missing maybe-parent", "www.d.chat"},
    {"@ CNAME y\ny A 9.9.1.1\ny AAAA 2a01::1\n" HOST C2S S2S, "domain-alias", NULL},
    {HOST C2S S2S "@ TXT here\n", "domain-without-address", NULL},
    /* B */
    {"@ TXT here\n", "nothing", NULL},
    {WEB, "fallback-only", NULL},
    {"@ A 9.9.1.1\n@ AAAA 2a01::1\n" HOST C2S, "side-fallback", NULL},
    {HOST WEB C2S, "fallback-elsewhere", NULL},
    {HOST C2S "@ TXT here\n", "domain-without-address side-nothing", NULL},
    {HOST WEB S2S "_xmpps-client._tcp SRV 0 5 5223 x\n", "direct-tls-only", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 5222 0 5 .\n", "fields-swapped none-with-values +refused", NULL},
    {GOOD "_xmpp-client._tcp SRV 0 0 0 .\n", "none-among-others", NULL},
    {HOST WEB S2S "_xmpps-client._tcp SRV 0 0 0 .\n", "tls-refused-alone", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 0 0 .\n_xmpps-client._tcp SRV 0 5 5223 x\n", "starttls-refused",
     NULL},
    {GOOD "_xmpp-client._tcp RAW 1\n", "srv-malformed", NULL},
    {GOOD "y A 9.9.2.2\ny AAAA 2a01::2\n_xmpps-server._tcp SRV 5 5 5270 x\n", "", NULL},
    {HOST WEB C2S "y A 9.9.2.2\ny AAAA 2a01::2\n_xmpp-server._tcp SRV 0 5 5269 y\n", "records-unlike", NULL},
    /* C */
    {HOST WEB S2S "_xmpp-client._tcp CNAME _c\n_c SRV 0 5 5222 x\n", "srv-alias", NULL},
    {GOOD "_xmpps-client._tcp CNAME y\ny A 9.9.1.1\n", "srv-alias-without-srv", NULL},
    {GOOD "astray _xmpp-client._tcp DNAME elsewhere.\n", "+srv-dname", NULL},
    {HOST WEB "*._tcp SRV 0 5 5222 x\n", "srv-wildcard", NULL},
    {HOST WEB "_xmpp-client._udp SRV 0 5 5222 x\n" S2S, "fallback-elsewhere misnamed-srv", NULL},
    {HOST WEB "_xmpp-client._tcp.d.chat SRV 0 5 5222 x\n" S2S, "fallback-elsewhere misnamed-srv", NULL},
    {"@ A 9.9.1.1\n@ AAAA 2a01::1\n_xmpp-client._tcp.d.chat. SRV 0 5 5222 im.d.chat.\n",
     "fallback-only srv-at-parent", "im.d.chat"},
    {WEB S2S HOST "_xmpp-client._tcp.xmpp SRV 0 5 5222 x\n", "fallback-elsewhere srv-at-target", NULL},
    {GOOD "fail _tcp SOA NXDOMAIN\n", "ent-nxdomain", NULL},
    {GOOD "_tcp SOA 300\n", "+tcp-delegated", NULL},
    /* D */
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 nope\n", "target-missing", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 y\ny TXT here\n", "target-without-address", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 y\ny CNAME x\n", "target-alias", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 y\ny CNAME z\nz CNAME y\n",
     "target-alias target-without-address", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 a\na CNAME b\nb CNAME c\nc CNAME x\n",
     "target-alias target-alias-long", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 9.9.1.1.\n", "target-is-address", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 9.9.1.1\n", "target-is-address target-missing", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 x.d.chat\n", "missing-dot target-missing", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 x.\n", "target-missing target-single-label", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 localhost.\nlocalhost. A 127.0.0.1\n", "target-localhost",
     NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 server.local.\n", "target-special", NULL},
    {GOOD "_xmpp-client._tcp SRV 5 5 5222 abc.onion.\n", "target-onion", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 my_x\nmy_x A 9.9.1.1\nmy_x AAAA 2a01::1\n",
     "target-bad-name", NULL},
    {GOOD "fail _xmpps-client._tcp SRV SERVFAIL checked\nsecure\n", "dnssec-denial", NULL},
    {GOOD "fail _xmpps-client._tcp SRV SERVFAIL checked\n", "dnssec-bogus", NULL},
    {GOOD "fail _xmpps-client._tcp SRV SERVFAIL\n", "srv-failed", NULL},
    {HOST WEB "fail _xmpps-client._tcp SRV SERVFAIL checked\nfail _xmpp-client._tcp SRV SERVFAIL checked\n"
              "fail _xmpps-server._tcp SRV SERVFAIL checked\nfail _xmpp-server._tcp SRV SERVFAIL checked\n"
              "fail _jabber._tcp SRV SERVFAIL checked\n",
     "dnssec-bogus", NULL},
    {GOOD "_xmpp-client._tcp RRSIG 70 14\nsecure\n", "dnssec-expiring", NULL},
    {GOOD "_xmpp-client._tcp RRSIG 74 14\nsecure\n", "", NULL},
    {GOOD "_xmpp-client._tcp RRSIG 24 2\nsecure\n", "", NULL}, /* signed anew each day */
    {GOOD "_xmpp-client._tcp RRSIG 10 2\nsecure\n", "dnssec-expiring", NULL},
    {GOOD "_xmpp-client._tcp RRSIG 10 14\n_xmpp-client._tcp RRSIG 240 14\nsecure\n", "", NULL},
    {GOOD "_xmpp-client._tcp RRSIG 10 14\n", "", NULL}, /* nobody validates it */
    {GOOD "@ DNSKEY 5\n@ DS 2318 13\nsecure\n", "", NULL},
    {GOOD "@ DNSKEY 5\n@ DNSKEY 6\n@ DS 1 13\n@ DS 2574 13\nsecure\n", "", NULL},
    {GOOD "@ DNSKEY 5\n@ DS 2574 13\nsecure\n", "ds-without-key", NULL},
    {GOOD "@ DNSKEY 5\n@ DS 2318 8\nsecure\n", "ds-without-key", NULL},
    {GOOD "@ DS 2318 13\nsecure\n", "ds-without-key", NULL},
    {GOOD "@ DNSKEY 5\nsecure\ninsecure @\n", "ds-missing", NULL},
    {GOOD "@ DNSKEY 5\n", "", NULL}, /* the server may not know of DNSSEC */
    {GOOD "@ DNSKEY 5\nfail @ DS SERVFAIL\nsecure\n", "", NULL},
    {WEB "_xmpp-client._tcp SRV 0 5 5222 x.host.chat.\n_xmpp-server._tcp SRV 0 5 5269 "
         "x.host.chat.\nx.host.chat. A 9.9.1.1\nx.host.chat. AAAA 2a01::1\n",
     "+target-foreign", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 x.gone.chat.\n", "target-domain-gone target-missing", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 x.host.chat.\nhost.chat. A 9.9.1.1\n", "target-missing",
     NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 x.gone.co.uk.\nco.uk. TXT here\n",
     "target-domain-gone target-missing", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5222 x.host.chat.\nfail x.host.chat. A SERVFAIL\nfail "
                  "x.host.chat. AAAA SERVFAIL\n",
     "target-below-lame", NULL},
    {GOOD "_xmpp-client._tcp SRV 5 7 5222 x\n", "duplicate-target", NULL},
    {GOOD "_xmpp-client._tcp SRV 5 7 5222 y\ny A 9.9.1.1\ny AAAA 2a01::1\n", "same-address-targets", NULL},
    {GOOD "many 9 _xmpp-client._tcp\n", "answer-512 too-many-targets", NULL},
    /* E */
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 0 x\n", "port-zero", NULL},
    {HOST WEB "_xmpp-client._tcp SRV 0 5 5269 x\n_xmpp-server._tcp SRV 0 5 5222 x\n",
     "port-of-other-side port-of-other-side", NULL},
    {HOST WEB C2S "_xmpps-server._tcp SRV 0 5 5269 x\n", "direct-tls-only port-suggests-starttls", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5 5223 x\n", "port-suggests-tls", NULL},
    {GOOD "_xmpps-client._tcp SRV 5 5 5222 x\n", "port-suggests-starttls same-port-both-tls", NULL},
    {HOST WEB C2S "_xmpp-server._tcp SRV 0 5 5222 x\n", "port-of-other-side same-port-both-sides", NULL},
    {HOST WEB C2S "_xmpp-server._tcp SRV 0 5 40269 x\n", "port-unusual", NULL},
    {"@ A 9.9.1.1\n@ AAAA 2a01::1\n" HOST C2S S2S "_xmpps-client._tcp SRV 5 5 443 x\n", "port-443-at-web",
     NULL},
    {GOOD "y A 9.9.2.2\ny AAAA 2a01::2\n_xmpps-client._tcp SRV 5 5 5223 y\n", "tls-elsewhere", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 5222 0 5 x\n", "fields-swapped", NULL},
    {HOST WEB S2S "_xmpp-client._tcp SRV 0 5222 0 x\n", "fields-swapped", NULL},
    {HOST WEB S2S
     "_xmpp-client._tcp SRV 0 5 5222 x\n_xmpp-client._tcp SRV 0 0 5222 y\ny A 9.9.2.2\ny AAAA 2a01::2\n",
     "weight-zero-mixed", NULL},
    {HOST WEB S2S
     "_xmpp-client._tcp SRV 0 0 5222 x\n_xmpp-client._tcp SRV 0 0 5222 y\ny A 9.9.2.2\ny AAAA 2a01::2\n",
     "+weights-zero", NULL},
    {GOOD "_xmpps-client._tcp SRV 0 5 5223 x\n", "+tls-same-priority", NULL},
    /* F */
    {GOOD "x A 10.0.0.1\n", "address-private", NULL},
    {WEB "x A 192.168.1.1\nx AAAA fd42::1\n" C2S S2S, "address-private address-private", NULL},
    {GOOD "x A 127.0.0.1\n", "address-loopback", NULL},
    {GOOD "x AAAA fe80::1\n", "address-link-local", NULL},
    {GOOD "x AAAA ::ffff:9.9.1.1\n", "address-unusable", NULL},
    {GOOD "x A 192.0.2.1\n", "address-documentation", NULL},
    {HOST WEB S2S "y A 104.16.1.1\ny AAAA 2606:4700::1\n_xmpp-client._tcp SRV 0 5 5222 y\n",
     "address-behind-cdn address-behind-cdn records-unlike", NULL},
    {"@ A 9.9.8.8\nx A 9.9.1.1\n" C2S S2S, "ipv4-only", NULL},
    {"@ A 9.9.8.8\nx AAAA 2a01::1\n" C2S S2S, "ipv6-only ipv6-only", NULL},
    {GOOD "_xmpp-client._tcp SRV 5 5 5222 y\ny AAAA 2a01::2\n", "target-ipv6-only", NULL},
    {"x A 9.9.1.1\nfail x AAAA NXDOMAIN\n" WEB C2S S2S, "aaaa-nxdomain ipv4-only", NULL},
    {"x A 9.9.1.1\nfail x AAAA timeout\n" WEB C2S S2S, "aaaa-silent", NULL},
    {GOOD "fail x AAAA SERVFAIL\n", "address-failed", NULL},
    {GOOD "x A 9.9.1.2\nx A 9.9.1.3\nx A 9.9.1.4\nx A 9.9.1.5\nx A 9.9.1.6\nx A 9.9.1.7\nx A 9.9.1.8\nx A "
          "9.9.1.9\n",
     "many-addresses", NULL},
    /* G */
    {"ttl 0\n" GOOD, "ttl-zero ttl-zero", NULL},
    {"ttl 60\n" GOOD, "", NULL},
    {"ttl 60\n" GOOD "aa\n", "ttl-short ttl-short", NULL},
    {"ttl 172800\n" GOOD, "ttl-long ttl-long", NULL},
    {GOOD "ttl 900\n_xmpp-client._tcp SRV 5 5 5222 y\ny A 9.9.2.2\ny AAAA 2a01::2\n", "ttl-unlike", NULL},
    {"ttl 20000\n" GOOD "@ SOA 20000\n", "negative-ttl-long", NULL},
    {GOOD "long 7 _xmpp-client._tcp\n", "answer-512", NULL},
    {GOOD "many 60 _xmpp-client._tcp\n", "answer-large too-many-targets", NULL},
    {GOOD "slow 700\n", "resolver-slow slow slow slow slow", NULL},
    /* I */
    {GOOD "fail _xmpp-client._tcp SRV SERVFAIL\n", "srv-failed", NULL},
    {GOOD "fail _xmpp-client._tcp SRV timeout\nfail _xmpps-client._tcp SRV timeout\nfail _xmpp-server._tcp "
          "SRV timeout\n"
          "fail _xmpps-server._tcp SRV timeout\nfail _jabber._tcp SRV timeout\n",
     "srv-silent", NULL},
    {GOOD "truncate _xmpp-client._tcp\n", "no-tcp", NULL},
    {GOOD "*.invalid. A 9.9.7.7\n", "nxdomain-rewritten", NULL},
    {GOOD "ede 17\n", "answer-filtered", NULL},
    {GOOD "ede 3\n", "answer-stale", NULL},
    /* J */
    {GOOD "secure\ninsecure @\n", "+dnssec-none", NULL},
    {GOOD "fail _xmpp-client._tcp SRV SERVFAIL checked\n", "dnssec-bogus", NULL},
    {WEB "_xmpp-client._tcp SRV 0 5 5222 x.host.chat.\n_xmpp-server._tcp SRV 0 5 5269 "
         "x.host.chat.\nx.host.chat. A 9.9.1.1\nx.host.chat. AAAA 2a01::1\n"
         "secure\ninsecure host.chat.\n",
     "dnssec-part", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 32\n_5269._tcp.x TLSA 3 1 1 32\nsecure\n", "", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 32\n_5269._tcp.x TLSA 3 1 1 32\n", "tlsa-insecure", NULL},
    {GOOD "_5222._tcp TLSA 3 1 1 32\nsecure\n", "tlsa-misplaced", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 32\nsecure\n", "tlsa-incomplete", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 31\n_5269._tcp.x TLSA 3 1 9 32\nsecure\n", "tlsa-malformed tlsa-malformed",
     NULL},
    {GOOD "_5222._tcp.x TLSA 1 1 1 32\n_5269._tcp.x TLSA 3 1 1 32\nsecure\n", "tlsa-pkix", NULL},
    {GOOD "fail _5222._tcp.x TLSA SERVFAIL\n", "tlsa-failed", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 32\n_5269._tcp.x TLSA 3 1 1 32\n_5223._tcp.x TLSA 3 1 1 32\nsecure\n",
     "tlsa-no-port", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 32\n_5223._tcp.x TLSA 3 1 1 32\nsecure\nclients\n", "tlsa-no-port", NULL},
    {GOOD "*._tcp.x TLSA 3 1 1 32\nsecure\nclients\n", "", NULL},
    {WEB "x.host.example. A 9.9.1.1\nx.host.example. AAAA 2a01::1\n_xmpp-client._tcp SRV 0 5 5222 "
         "x.host.example.\n"
         "_xmpp-server._tcp SRV 0 5 5269 x.host.example.\n_5222._tcp.x.host.example. TLSA 3 1 1 "
         "32\n_5269._tcp.x.host.example. TLSA 3 1 1 32\n"
         "_5223._tcp.x.host.example. TLSA 3 1 1 32\nsecure\n",
     "", NULL},
    {GOOD "_5222._tcp.x TLSA 3 1 1 32\n_5269._tcp.x TLSA 3 1 1 32\n_5223._tcp.x TLSA 3 1 1 32\n_5270._tcp.x "
          "TLSA 3 1 1 32\nsecure\n",
     "", NULL},
    {GOOD "@ SOA 300\nfail @ CAA SERVFAIL\n", "caa-failed", NULL},
    {WEB "_xmpp-client._tcp SRV 0 5 5222 y\n_xmpp-server._tcp SRV 0 5 5269 y\ny CNAME host.chat.\nhost.chat. "
         "A 9.9.1.1\nhost.chat. AAAA 2a01::1\nsecure\ninsecure y\n",
     "target-alias target-in-cname-zone", NULL},
    {GOOD "conference A 9.9.1.1\nsecure\ninsecure conference\n", "component-unsigned", NULL},
    {GOOD, "+no-reverse", NULL},
    {GOOD "1.1.9.9.in-addr.arpa. PTR "
          "x\n1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.a.2.ip6.arpa. PTR x\n",
     "", NULL},
    {GOOD, "+usage-url", "https://d.chat/"},
    {HOST WEB C2S "search corp.test\n_xmpp-server._tcp.d.chat.corp.test. SRV 0 5 5269 x\n",
     "fallback-elsewhere search-list", NULL},
    {GOOD "search corp.test\n_xmpp-server._tcp.d.chat.corp.test. SRV 0 5 5269 x\n", "", NULL},
    {GOOD "search corp.test\n", "", NULL},
    /* K */
    {GOOD "component talks\n", "component-missing", NULL},
    {HOST WEB C2S "_xmpp-server._tcp SRV 0 5 5270 x\nconference A 9.9.1.1\n",
     "component-elsewhere port-suggests-tls", NULL},
    {GOOD "conference A 9.9.6.6\n", "component-elsewhere", NULL},
    {GOOD "*.d.chat. A 9.9.8.8\n", "", NULL},
    {GOOD "*.d.chat. A 9.9.8.8\ncomponent talks\n", "component-wildcard", NULL},
    {GOOD "conference CNAME x\n_xmpp-client._tcp.conference SRV 0 5 5222 x\n", "+component-client-record",
     NULL},
    {GOOD "_xmpp-server.conference._tcp SRV 0 5 5269 x\n", "component-misnamed", NULL},
    {GOOD "_xmpp-server._tcp.conference SRV 0 0 0 .\n", "+component-refused", NULL},
    {GOOD "_xmpp-server._tcp.upload SRV 0 5 5269 x\nupload TXT here\n", "upload-no-address", NULL},
    /* L */
    {GOOD "_xmppconnect TXT _xmpp-client-websocket=wss://d.chat/ws\n", "obsolete-xmppconnect", NULL},
    {GOOD "_xmppconnect TXT _xmpp-client-xbosh=http://d.chat/bosh\n",
     "obsolete-xmppconnect xmppconnect-insecure", NULL},
    {GOOD "_xmppconnect TXT [_xmpp-client-xbosh=https://d.chat/bosh]\n",
     "obsolete-xmppconnect xmppconnect-malformed", NULL},
    {GOOD "_jabber._tcp SRV 0 5 5269 x\n", "obsolete-jabber", NULL},
    {GOOD "_jabber._tcp SRV 0 5 5269 y\ny A 9.9.3.3\n", "jabber-elsewhere obsolete-jabber", NULL},
    {HOST WEB C2S "_jabber._tcp SRV 0 5 5269 x\n", "fallback-elsewhere jabber-only obsolete-jabber", NULL},
    {GOOD "_jabber._tcp SRV 0 5 5222 x\n", "obsolete-jabber port-of-other-side", NULL},
    {GOOD "_im._xmpp SRV 0 5 5222 x\n", "+obsolete-im-pres", NULL},
    {GOOD "_xmppq-client._udp SRV 0 5 443 x\n", "+quic-record", NULL},
};

/* ---- from a case's text to a fake ---- */

struct reading {
  struct fake *fake;
  const char *domain;
  uint32_t ttl;
  const char *component, *search;
  enum lookup_side sides;
};

static const char *absolute(const struct reading *r, const char *name, char out[NAME_TEXT]) {
  size_t len = strlen(name);
  if (strcmp(name, "@") == 0) snprintf(out, NAME_TEXT, "%s", r->domain);
  else if (strcmp(name, ".") == 0) snprintf(out, NAME_TEXT, ".");
  else if (name[len - 1] == '.') snprintf(out, NAME_TEXT, "%.*s", (int)len - 1, name);
  else snprintf(out, NAME_TEXT, "%s.%s", name, r->domain);
  return out;
}

static uint16_t type_of(const char *word) {
  uint16_t type = 0;
  cr_assert(print_type_parse(word, &type), "%s", word);
  return type;
}

static struct rdata rdata_of(const struct reading *r, uint16_t type, char *rest) {
  char name[NAME_TEXT], target[NAME_TEXT];
  unsigned a, b, c, n;
  uint8_t octets[128] = {0};

  switch (type) {
  case TYPE_A: return rd_a(rest);
  case TYPE_AAAA: return rd_aaaa(rest);
  case TYPE_PTR:
  case TYPE_CNAME:
  case TYPE_DNAME: return rd_name(absolute(r, rest, name));
  case TYPE_TXT: return rd_txt(rest);
  case TYPE_SOA: return rd_soa("ns.d.chat", "admin.d.chat", (uint32_t)atoi(rest));
  case TYPE_DNSKEY: /* its last octet */
    memcpy(octets, "\1\1\3\15", 4);
    octets[4] = (uint8_t)atoi(rest);
    return rd_octets(octets, 5);
  case TYPE_DS: /* tag, algorithm */
    cr_assert_eq(sscanf(rest, "%u %u", &a, &b), 2);
    store_u16(octets, (uint16_t)a);
    octets[2] = (uint8_t)b, octets[3] = 2;
    return rd_octets(octets, 4 + 32);
  case TYPE_RRSIG: /* of SRV: hours until it ends, days that it holds in all */
    cr_assert_eq(sscanf(rest, "%u %u", &a, &b), 2);
    store_u16(octets, TYPE_SRV);
    store_u32(octets + 8, (uint32_t)time(NULL) + a * 3600 + 600);
    store_u32(octets + 12, (uint32_t)time(NULL) + a * 3600 - b * 86400);
    return rd_octets(octets, 18 + 1 + 64);
  case TYPE_TLSA:
    cr_assert_eq(sscanf(rest, "%u %u %u %u", &a, &b, &c, &n), 4);
    octets[0] = (uint8_t)a, octets[1] = (uint8_t)b, octets[2] = (uint8_t)c;
    return rd_octets(octets, 3 + n);
  default:
    cr_assert_eq(sscanf(rest, "%u %u %u %1000s", &a, &b, &c, target), 4, "%s", rest);
    return rd_srv((uint16_t)a, (uint16_t)b, (uint16_t)c, absolute(r, target, name));
  }
}

static void add_targets(struct reading *r, const char *owner, unsigned n, unsigned letters) {
  char target[96], name[NAME_TEXT];
  for (unsigned i = 0; i < n; i++) {
    snprintf(target, sizeof target, "t%u%.*s", i, (int)letters,
             "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    fake_add(r->fake, owner, TYPE_SRV, r->ttl,
             rd_srv((uint16_t)(10 + i), 5, 5222, absolute(r, target, name)));
    char address[32];
    snprintf(address, sizeof address, "9.9.2.%u", i + 1);
    fake_add(r->fake, name, TYPE_A, r->ttl, rd_a(address));
    snprintf(address, sizeof address, "2a01::2:%x", i + 1);
    fake_add(r->fake, name, TYPE_AAAA, r->ttl, rd_aaaa(address));
  }
}

static void read_failure(struct reading *r, char *words) {
  char owner[256], type[32], what[32], checked[32] = "", name[NAME_TEXT];
  cr_assert_geq(sscanf(words, "%255s %31s %31s %31s", owner, type, what, checked), 3);
  bool timeout = strcmp(what, "timeout") == 0;
  fake_fail(r->fake, absolute(r, owner, name), type_of(type), timeout ? ASKED_TIMEOUT : ASKED_ANSWERED,
            strcmp(what, "NXDOMAIN") == 0 ? RCODE_NXDOMAIN : RCODE_SERVFAIL);
  r->fake->failures[r->fake->failure_count - 1].checked = *checked != 0;
}

static bool read_directive(struct reading *r, const char *word, char *rest) {
  char name[NAME_TEXT], *behind;
  if (strcmp(word, "fail") == 0) read_failure(r, rest);
  else if (strcmp(word, "secure") == 0) r->fake->secure = true;
  else if (strcmp(word, "insecure") == 0)
    snprintf(r->fake->insecure, NAME_TEXT, "%.900s.", absolute(r, rest, name));
  else if (strcmp(word, "clients") == 0) r->sides = LOOKUP_C2S;
  else if (strcmp(word, "aa") == 0) r->fake->authoritative = true;
  else if (strcmp(word, "ede") == 0) r->fake->ede = (unsigned)atoi(rest);
  else if (strcmp(word, "slow") == 0) r->fake->took_ms = (unsigned)atoi(rest);
  else if (strcmp(word, "truncate") == 0) fake_truncate(r->fake, absolute(r, rest, name));
  else if (strcmp(word, "ttl") == 0) r->ttl = (uint32_t)atoi(rest);
  else if (strcmp(word, "component") == 0) r->component = rest;
  else if (strcmp(word, "search") == 0) r->search = rest;
  else if (strcmp(word, "many") == 0 || strcmp(word, "long") == 0) {
    unsigned n = (unsigned)strtoul(rest, &behind, 10);
    char owner[NAME_TEXT];
    add_targets(r, absolute(r, behind + 1, owner), n, *word == 'l' ? 50 : 0);
  } else return false;
  return true;
}

static void read_line(struct reading *r, char *line) {
  bool astray = strncmp(line, "astray ", 7) == 0;
  if (astray) line += 7;
  char *rest = line + strcspn(line, " "), name[NAME_TEXT];
  if (*rest) *rest++ = 0;
  if (read_directive(r, line, rest)) return;

  char *type = rest;
  rest += strcspn(rest, " ");
  *rest++ = 0;
  bool raw = strcmp(type, "RAW") == 0;
  uint16_t number = raw ? TYPE_SRV : type_of(type);
  fake_add(r->fake, absolute(r, line, name), number, r->ttl,
           raw ? rd_octets("\1", 1) : rdata_of(r, number, rest));
  if (astray) fake_astray(r->fake);
}

static struct report *report_of(const struct domain_case *c, struct fake **fake, struct facts **facts) {
  struct typed_domain typed;
  char ascii[NAME_TEXT], *text = strdup(c->records);
  const char *why = domain_read_jid(c->name ? c->name : "d.chat", &typed);

  cr_assert_null(why, "%s", why);
  struct reading r = {.fake = fake_new(),
                      .domain = domain_text(typed.name, typed.len, ascii),
                      .ttl = 3600,
                      .sides = LOOKUP_BOTH};
  for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest));) read_line(&r, line);

  *fake = r.fake;
  *facts = facts_new(&typed, r.sides, &r.component, r.component != NULL);
  if (r.search) facts_want_search(*facts, r.search);
  facts_run(*facts, fake_ask, r.fake);
  struct report *report = report_new(*facts);
  free(text);
  return report;
}

static int compare_words(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Codes worse than info, sorted, each as often as it is said. */
static void worse_codes(const struct report *r, char *out, size_t room) {
  const char *codes[256];
  size_t n = 0;
  for (size_t i = 0; i < r->count && n < 256; i++) {
    if (r->list[i].severity > SEVERITY_INFO) codes[n++] = report_rules[r->list[i].rule].code;
  }
  qsort(codes, n, sizeof *codes, compare_words);
  *out = 0;
  for (size_t i = 0; i < n; i++)
    snprintf(out + strlen(out), room - strlen(out), "%s%s", i ? " " : "", codes[i]);
}

static bool has_code(const struct report *r, const char *code) {
  for (size_t i = 0; i < r->count; i++) {
    if (strcmp(report_rules[r->list[i].rule].code, code) == 0) return true;
  }
  return false;
}

/* What is expected without the infos; each info is looked for. */
static void expect_infos(const struct report *r, const char *codes, char *others, size_t room,
                         const char *records) {
  char copy[512];
  snprintf(copy, sizeof copy, "%s", codes);
  *others = 0;
  for (char *rest = copy, *word; (word = strtok_r(rest, " ", &rest));) {
    if (*word == '+') cr_expect(has_code(r, word + 1), "%s is not said of\n%s", word, records);
    else snprintf(others + strlen(others), room - strlen(others), "%s%s", *others ? " " : "", word);
  }
}

Test(rules, say_of_each_domain_what_is_wrong_with_it_and_nothing_else) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fake *fake;
    struct facts *facts;
    char got[1024], want[1024];
    if (cases[i].name && strstr(cases[i].name, "\u00df")) continue; /* in a test of its own */
    struct report *r = report_of(&cases[i], &fake, &facts);
    worse_codes(r, got, sizeof got);
    expect_infos(r, cases[i].codes, want, sizeof want, cases[i].records);
    cr_expect_str_eq(got, want, "case %zu\n%sgot:  %s\nwant: %s", i, cases[i].records, got, want);
    report_free(r);
    facts_free(facts);
    free(fake);
  }
}

Test(rules, name_what_is_not_signed_on_the_way_to_tlsa) {
  static const struct {
    const char *records, *text;
  } rows[] = {{"insecure @\n", "but the SRV record _xmpp-client._tcp.d.chat is not signed"},
              {"insecure x\n", "but the address of x.d.chat is not signed"},
              {"insecure _tcp.x\n", "but TLSA of _5222._tcp.x.d.chat is not signed"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char records[1024];
    snprintf(records, sizeof records, "%s%s",
             GOOD "_5222._tcp.x TLSA 3 1 1 32\n_5269._tcp.x TLSA 3 1 1 32\nsecure\n", rows[i].records);
    struct domain_case c = {records, "", NULL};
    struct fake *fake;
    struct facts *facts;
    struct report *r = report_of(&c, &fake, &facts);
    const char *said = "";
    for (size_t k = 0; k < r->count; k++) {
      if (r->list[k].rule == RULE_TLSA_INSECURE) said = r->list[k].text;
    }
    cr_expect_not_null(strstr(said, rows[i].text), "got: %s\nwant: %s", said, rows[i].text);
    report_free(r);
    facts_free(facts);
    free(fake);
  }
}

Test(rules, know_names_that_two_versions_of_idna_read_otherwise) {
  struct typed_domain typed;
  struct domain_case c = {GOOD, "", "stra\u00dfe.chat"};
  if (domain_read_jid(c.name, &typed)) cr_skip_test("built without libidn2");
  struct fake *fake;
  struct facts *facts;
  struct report *r = report_of(&c, &fake, &facts);
  cr_expect(has_code(r, "idna-versions"));
  report_free(r);
  facts_free(facts);
  free(fake);
}

static bool is_in_words(const char *words, const char *code) {
  size_t len = strlen(code);
  for (const char *at = words; (at = strstr(at, code)); at += len) {
    bool begins = at == words || at[-1] == ' ' || at[-1] == '+';
    if (begins && (at[len] == 0 || at[len] == ' ')) return true;
  }
  return false;
}

/* What is said of several servers beside each other is shown with such: tests/e2e/test_check_servers.py. */
static bool needs_servers(unsigned id) {
  return report_rules[id].group == 'H' || id == RULE_RESOLVERS_DISAGREE;
}

/* What only connections show has its cases in test_connect.c and test_web.c. */
Test(rules, have_a_case_for_every_code) {
  for (unsigned id = 0; id < RULE_COUNT; id++) {
    bool shown = needs_servers(id) || report_needs_connections((enum rule_id)id);
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !shown; i++)
      shown = is_in_words(cases[i].codes, report_rules[id].code);
    cr_expect(shown, "no domain shows %s", report_rules[id].code);
  }
}

Test(rules, are_whole_sentences_with_a_mend_and_a_source) {
  for (unsigned id = 0; id < RULE_COUNT; id++) {
    const struct rule *r = &report_rules[id];
    cr_expect_eq(r->why[strlen(r->why) - 1], '.', "%s: why", r->code);
    cr_expect_eq(r->mend[strlen(r->mend) - 1], '.', "%s: mend", r->code);
    cr_expect_neq(r->hurts[0] ? r->hurts[strlen(r->hurts) - 1] : ' ', '.', "%s: hurts", r->code);
    cr_expect_gt(strlen(r->refs), 0, "%s: refs", r->code);
    cr_expect_eq(report_rule_of(r->code), id, "%s twice", r->code);
  }
}
