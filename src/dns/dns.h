/* The numbers of DNS that the code names. */
#ifndef JIDNS_DNS_DNS_H
#define JIDNS_DNS_DNS_H
#include <stdbool.h>

enum {
  DNS_HEADER = 12,     /* octets, RFC 1035 section 4.1.1 */
  DNS_MSG_MAX = 65535, /* a TCP frame's limit */
  DNS_UDP_PLAIN = 512, /* RFC 1035 section 4.2.1 */
  DNS_UDP_OURS = 1232, /* what is advertised to both sides unless the settings say another size: fits every
                          path without fragments */
  DNS_UDP_MAX = 4096,  /* more is never sent in a datagram, whatever a client takes */
  DNS_OPT = 11,        /* octets of an OPT record without options, RFC 6891 section 6.1.2 */
  NAME_MAX_LEN = 255,  /* octets of a name on the wire, RFC 1035 section 2.3.4 */
};

/* Bits of the header's third and fourth octet. */
enum { DNS_QR = 0x80, DNS_OPCODE = 0x78, DNS_AA = 0x04, DNS_TC = 0x02, DNS_RD = 0x01 };
enum { DNS_RA = 0x80, DNS_Z = 0x40, DNS_AD = 0x20, DNS_CD = 0x10, DNS_RCODE = 0x0f };

enum {
  RCODE_NOERROR = 0,
  RCODE_FORMERR = 1,
  RCODE_SERVFAIL = 2,
  RCODE_NXDOMAIN = 3,
  RCODE_NOTIMP = 4,
  RCODE_REFUSED = 5,
  RCODE_YXDOMAIN = 6,
  RCODE_BADVERS = 16,
  RCODE_BADCOOKIE = 23
};

/* Says this RCODE what there is under a name, or that there is nothing? All others are failures. */
static inline bool rcode_is_answer(unsigned rcode) {
  return rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN;
}

enum {
  TYPE_A = 1,
  TYPE_NS = 2,
  TYPE_CNAME = 5,
  TYPE_SOA = 6,
  TYPE_PTR = 12,
  TYPE_MX = 15,
  TYPE_TXT = 16,
  TYPE_SIG = 24,
  TYPE_AAAA = 28,
  TYPE_SRV = 33,
  TYPE_DNAME = 39,
  TYPE_OPT = 41,
  TYPE_DS = 43,
  TYPE_RRSIG = 46,
  TYPE_NSEC = 47,
  TYPE_DNSKEY = 48,
  TYPE_NSEC3 = 50,
  TYPE_TLSA = 52,
  TYPE_SVCB = 64, /* RFC 9460 */
  TYPE_HTTPS = 65,
  TYPE_NXNAME = 128, /* RFC 9824: never asked for */
  TYPE_TKEY = 249,
  TYPE_TSIG = 250,
  TYPE_IXFR = 251,
  TYPE_AXFR = 252,
  TYPE_MAILB = 253,
  TYPE_MAILA = 254,
  TYPE_ANY = 255
};

enum { CLASS_IN = 1, CLASS_CH = 3 };
/* Where the fields of an RRSIG record's RDATA begin (RFC 4034 section 3.1); the type that it covers comes
 * first. */
enum {
  RRSIG_ALGORITHM_AT = 2,
  RRSIG_LABELS_AT = 3,
  RRSIG_TTL_AT = 4,
  RRSIG_EXPIRATION_AT = 8,
  RRSIG_INCEPTION_AT = 12,
  RRSIG_TAG_AT = 16,
  RRSIG_SIGNER_AT = 18
};

enum { OPT_COOKIE = 10, OPT_KEEPALIVE = 11, OPT_PADDING = 12, OPT_EDE = 15 }; /* RFC 7873, 7828, 7830, 8914 */
enum {                                                                        /* RFC 8914 section 4 */
       EDE_NONE = -1,
       EDE_OTHER = 0,
       EDE_STALE = 3,
       EDE_PROHIBITED = 18,
       EDE_NOT_AUTHORITATIVE = 20,
       EDE_NOT_SUPPORTED = 21,
       EDE_INVALID_TYPE = 30 /* RFC 9824 section 10.3 */
};
#endif
