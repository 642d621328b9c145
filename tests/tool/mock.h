/* A DNS server on a port of loopback, in a thread: UDP and TCP, each packet given to a function. */
#ifndef JIDNS_TESTS_TOOL_MOCK_H
#define JIDNS_TESTS_TOOL_MOCK_H
#include <pthread.h>

#include "base/addr.h"
#include "kit/msg.h"

enum { MOCK_SEEN = 400 };

struct mock {
  union addr addr;
  int udp, tcp, stop[2];
  pthread_t thread;
  /* Sends what it likes with mock_send; called in the thread, one packet at a time. */
  void (*serve)(struct mock *m, const uint8_t *query, size_t len, bool over_tcp);
  /* For serve and mock_send; after mock_stop for the test. */
  unsigned packets, over_tcp;
  uint16_t ids[MOCK_SEEN], ports[MOCK_SEEN];
  union addr from;
  int connection;
  bool drip; /* TCP replies octet by octet */
};

void mock_start(struct mock *m, bool with_tcp, void (*serve)(struct mock *, const uint8_t *, size_t, bool));
void mock_stop(struct mock *m);

/* Sends octets to whoever asked, framed over TCP. */
void mock_send(struct mock *m, const uint8_t *msg, size_t len);

/* The query turned into a reply: QR set, this RCODE, TC or not, the rest as it is. */
void mock_reply(struct mock *m, const uint8_t *query, size_t len, uint8_t rcode, bool tc);
#endif
