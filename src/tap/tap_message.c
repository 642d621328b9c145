/* tap_message.c: a dnstap message as a protocol buffer. Exports tap_message_*. */
#include "tap/tap_message.h"

#include <string.h>

enum { NS_PER_S = 1000000000 };

/* Fields of message Dnstap, and the one type of it that there is. */
enum { DNSTAP_IDENTITY = 1, DNSTAP_VERSION = 2, DNSTAP_MESSAGE = 14, DNSTAP_TYPE = 15, TYPE_MESSAGE = 1 };

/* Fields of message Message. */
enum {
  MESSAGE_TYPE = 1,
  SOCKET_FAMILY,
  SOCKET_PROTOCOL,
  QUERY_ADDRESS,
  RESPONSE_ADDRESS,
  QUERY_PORT,
  RESPONSE_PORT,
  QUERY_TIME_SEC,
  QUERY_TIME_NSEC,
  QUERY_MESSAGE,
  RESPONSE_TIME_SEC = 12,
  RESPONSE_TIME_NSEC,
  RESPONSE_MESSAGE
};

enum { FAMILY_INET = 1, FAMILY_INET6 = 2 };

/* How a field's value is written: as a number of seven bits an octet, as octets behind their length, as four
 * octets. */
enum wire_type { VARINT = 0, OCTETS = 2, FIXED32 = 5 };

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

/* No field here has a number above 15: its tag is one octet. */
static uint8_t *put_tag(uint8_t *at, unsigned field, enum wire_type type) {
  *at++ = (uint8_t)(field << 3 | type);
  return at;
}

static uint8_t *put_number(uint8_t *at, unsigned field, uint64_t value) {
  return put_varint(put_tag(at, field, VARINT), value);
}

static uint8_t *put_octets(uint8_t *at, unsigned field, const void *octets, size_t len) {
  at = put_varint(put_tag(at, field, OCTETS), len);
  memcpy(at, octets, len);
  return at + len;
}

/* Seconds and what is left of them; the fraction has its lowest octet first. */
static uint8_t *put_time(uint8_t *at, unsigned field_s, unsigned field_ns, uint64_t ns) {
  uint32_t rest = (uint32_t)(ns % NS_PER_S);
  at = put_tag(put_number(at, field_s, ns / NS_PER_S), field_ns, FIXED32);
  for (unsigned i = 0; i < 4; i++, rest >>= 8) *at++ = (uint8_t)rest;
  return at;
}

/* ---- addresses ---- */

/* The address's octets. An IPv4 client of a socket for both families is shown as what it is. */
static const uint8_t *address_octets(const union addr *a, size_t *len) {
  const uint8_t *v6 = a->v6.sin6_addr.s6_addr;
  *len = 4;
  if (a->any.sa_family == AF_INET) return (const uint8_t *)&a->v4.sin_addr;
  if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) return v6 + 12;
  *len = 16;
  return v6;
}

static bool is_known(const union addr *a) {
  return a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6;
}

static uint8_t *put_family(uint8_t *at, const struct tap_message *m) {
  const union addr *known = is_known(m->asking) ? m->asking : m->answering;
  size_t len;
  if (!is_known(known)) return at;
  address_octets(known, &len);
  return put_number(at, SOCKET_FAMILY, len == 4 ? FAMILY_INET : FAMILY_INET6);
}

static uint8_t *put_address(uint8_t *at, unsigned field, const union addr *a) {
  size_t len;
  if (!is_known(a)) return at;
  const uint8_t *octets = address_octets(a, &len);
  return put_octets(at, field, octets, len);
}

static uint8_t *put_port(uint8_t *at, unsigned field, const union addr *a) {
  return is_known(a) ? put_number(at, field, addr_port(a)) : at;
}

/* ---- the whole ---- */

/* All of Message before the DNS message. Returns the octets written. */
static size_t write_head(const struct tap_message *m, uint8_t out[TAP_MESSAGE_HEAD]) {
  static const uint8_t protocols[TRANSPORTS] = {
      [TRANSPORT_UDP] = 1, [TRANSPORT_TCP] = 2, [TRANSPORT_TLS] = 3, [TRANSPORT_HTTPS] = 4};
  uint8_t *at = put_number(out, MESSAGE_TYPE, m->kind);
  at = put_family(at, m);
  at = put_number(at, SOCKET_PROTOCOL, protocols[m->transport]);
  at = put_address(at, QUERY_ADDRESS, m->asking);
  at = put_address(at, RESPONSE_ADDRESS, m->answering);
  at = put_port(at, QUERY_PORT, m->asking);
  at = put_port(at, RESPONSE_PORT, m->answering);
  at = put_time(at, QUERY_TIME_SEC, QUERY_TIME_NSEC, m->query_ns);
  if (!tap_kind_is_response(m->kind)) return (size_t)(put_tag(at, QUERY_MESSAGE, OCTETS) - out);

  at = put_time(at, RESPONSE_TIME_SEC, RESPONSE_TIME_NSEC, m->response_ns);
  return (size_t)(put_tag(at, RESPONSE_MESSAGE, OCTETS) - out);
}

static uint8_t *put_text(uint8_t *at, unsigned field, const char *text) {
  return *text ? put_octets(at, field, text, strnlen(text, TAP_MESSAGE_TEXT - 1)) : at;
}

size_t tap_message_start(const char *identity, const char *version, uint8_t out[TAP_MESSAGE_START]) {
  uint8_t *at = put_text(out, DNSTAP_IDENTITY, identity);
  return (size_t)(put_text(at, DNSTAP_VERSION, version) - out);
}

size_t tap_message_write(const struct tap_message *m, const uint8_t *start, size_t start_len, uint8_t *out) {
  uint8_t head[TAP_MESSAGE_HEAD];
  size_t head_len = write_head(m, head);
  head_len = (size_t)(put_varint(head + head_len, m->len) - head);

  memcpy(out, start, start_len);
  uint8_t *at = put_varint(put_tag(out + start_len, DNSTAP_MESSAGE, OCTETS), head_len + m->len);
  memcpy(at, head, head_len);
  memcpy(at + head_len, m->msg, m->len);
  at = put_number(at + head_len + m->len, DNSTAP_TYPE, TYPE_MESSAGE);
  return (size_t)(at - out);
}
