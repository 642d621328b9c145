/* DANE at one endpoint of an XMPP service (RFC 6698, 7671, 7673): may its TLSA records be used, and which
 * names has its certificate to bear? Pure: it judges answers that somebody else asked for. What is secure is
 * what a validating resolver that one trusts says so of (AD). */
#ifndef JIDNS_XMPP_DANE_H
#define JIDNS_XMPP_DANE_H
#include "dns/name.h"

enum dane_proof {
  DANE_SECURE,   /* validated, also that there is nothing */
  DANE_INSECURE, /* not signed, or nobody validated it */
  DANE_BOGUS,    /* it does not validate */
  DANE_FAILED    /* no answer, or one that says neither: SERVFAIL, truncated */
};

/* An answer, as far as it matters here. */
struct dane_answer {
  enum dane_proof proof;
  unsigned records; /* of the asked type */
};

struct dane_rdata {
  const uint8_t *octets; /* of a TLSA record, as received: any */
  size_t len;
};

/* What leads to one connection. All names are wire form, borrowed. */
struct dane_endpoint {
  bool has_srv;           /* else programs go to the domain itself; `srv` says then that there is none */
  struct dane_answer srv; /* of its service, STARTTLS and direct TLS apart (XEP-0368) */
  struct dane_answer addresses[2]; /* of the target: A, AAAA */
  struct dane_answer tlsa;         /* at _PORT._tcp.TARGET, the port being that of the SRV record used */
  const struct dane_rdata *tlsa_records; /* tlsa.records of them */
  const uint8_t *domain, *target;        /* the source domain; the target host, the TLSA base domain */
  size_t domain_len, target_len;
};

enum dane_state {
  DANE_USABLE,
  DANE_NO_TLSA,       /* that there is none is secure */
  DANE_TLSA_INSECURE, /* or that there is none is not secure */
  DANE_TLSA_UNUSABLE, /* secure, but no record can be used: struct dane_verdict.flaw */
  DANE_TLSA_FAILED,   /* nobody knows whether there are any */
  DANE_TLSA_BOGUS,
  DANE_SRV_INSECURE,
  DANE_SRV_FAILED,
  DANE_ADDRESSES_INSECURE,
  DANE_ADDRESSES_FAILED, /* one family's lookup failed, the other has none that are secure */
  DANE_NO_ADDRESS,
  DANE_STATES
};

/* What a program that does DANE has to do (RFC 7673 sections 3.1 to 3.4). */
enum dane_use {
  DANE_VERIFY, /* TLS, and one of the records must fit the certificate */
  DANE_PLAIN,  /* as without DANE: authorities vouch, or dialback */
  DANE_AVOID   /* it must not connect there: an attacker may hide the records */
};

/* What is wrong with a TLSA record (RFC 6698 section 2.1). */
enum dane_flaw {
  DANE_FLAWLESS,
  DANE_SHORT,    /* fewer octets than usage, selector, matching type and some data */
  DANE_USAGE,    /* above 3 */
  DANE_SELECTOR, /* above 1 */
  DANE_MATCHING, /* above 2 */
  DANE_LENGTH,   /* not the digest's length */
  DANE_DER,      /* matching type 0: not one whole certificate or key */
  DANE_FLAWS
};

/* A name that the certificate may bear; one that fits does. */
enum dane_name_kind { DANE_DNS_ID, DANE_SRV_ID /* _xmpp-client or _xmpp-server of the domain (RFC 4985) */ };
struct dane_name {
  enum dane_name_kind kind;
  const uint8_t *name; /* borrowed; an SRV-ID's without the service */
  size_t len;
};
enum { DANE_NAMES_MAX = 3 };

struct dane_verdict {
  enum dane_state state;
  enum dane_use use;
  unsigned usable;     /* records that can be used, whether they may or not */
  enum dane_flaw flaw; /* of the first record that can't */
  unsigned usages;     /* bit N: a usable record of usage N */
  bool names_matter;   /* false: usage 3 alone, the key is enough (RFC 7671 section 5.1) */
  unsigned
      name_count; /* what a certificate that authorities or usages 0 to 2 vouch for must name: target and */
  struct dane_name
      names[DANE_NAMES_MAX]; /* domain where SRV is secure, else the domain (RFC 7673 section 4) */
};

enum dane_flaw dane_flaw_of(const uint8_t *rdata, size_t len);

struct dane_verdict dane_judge(const struct dane_endpoint *e);

/* A word for programs, "tlsa-failed", and a clause for people, "the question for TLSA failed"; of a flaw,
 * "usage above 3". Static. */
const char *dane_state_word(enum dane_state s);
const char *dane_state_text(enum dane_state s);
const char *dane_flaw_text(enum dane_flaw f);

/* "verify", "plain", "avoid". */
const char *dane_use_word(enum dane_use u);
#endif
