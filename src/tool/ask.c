/* ask.c: a DNS client with a poll loop. Exports ask_all, asked_free, asked_text. */
#include "tool/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "base/random.h"
#include "dns/edns.h"
#include "dns/frame.h"
#include "dns/name.h"

enum {
  PARALLEL_MAX = 128, /* sockets open at once: far below any limit on descriptors, no flood for the server */
  UDP_TRIES = 3,      /* at 0, a quarter and half of the time; answers to any of them are taken to the end */
  PORT_TRIES = 8,
  PORT_LOWEST = 1024,
  QUERY_MAX = FRAME_HEAD + DNS_HEADER + NAME_MAX_LEN + 4 + DNS_OPT
};

/* One question on its way. */
struct flight {
  struct asked *asked;
  int fd; /* -1: not under way, or over */
  bool tcp, edns, over;
  uint16_t id;
  unsigned tries;
  uint64_t start_us;
  uint8_t query[QUERY_MAX]; /* behind two octets for TCP's length */
  size_t query_len;         /* without those two */
  size_t sent, got;         /* TCP: octets of the frames that went out and came in */
  uint8_t in[];             /* FRAME_HEAD + DNS_MSG_MAX octets; only touched pages take memory */
};

struct asker {
  const struct ask_options *options;
  struct random random;
  struct ask_list waiting; /* for room; those before `begun` have had it */
  size_t begun;
  struct flight *flights[PARALLEL_MAX]; /* the first `count` are in use */
  size_t count;
};

static uint64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

const char *asked_text(enum asked_outcome outcome) {
  static const char *const texts[] = {"no answer in time",
                                      "server not reachable, or it closed the connection",
                                      "no socket or memory to be had", "not looked at", "answered"};
  return texts[outcome];
}

void asked_free(struct asked *a) {
  free(a->msg);
  a->msg = NULL;
  a->len = 0;
}

static void finish(struct flight *f, enum asked_outcome outcome) {
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
  f->over = true;
  if (f->asked->open) --*f->asked->open;
  f->asked->outcome = f->asked->msg ? ASKED_ANSWERED : outcome; /* a truncated answer is better than none */
  f->asked->took_us = (unsigned)(clock_us() - f->start_us);
}

static void write_query(struct asker *asker, struct flight *f) {
  const struct asked *a = f->asked;
  f->id = random_u16(&asker->random);
  struct wire_out w = {.buf = f->query + FRAME_HEAD, .cap = QUERY_MAX - FRAME_HEAD};
  wire_put_u16(&w, f->id);
  wire_put_u16(&w, (uint16_t)((a->authority ? 0 : DNS_RD << 8) | (asker->options->want_ad ? DNS_AD : 0) |
                              (a->checking_disabled ? DNS_CD : 0)));
  wire_put_u16(&w, 1);
  wire_put_u32(&w, 0);
  wire_put_u16(&w, f->edns ? 1 : 0);
  wire_put(&w, a->name, a->name_len);
  wire_put_u16(&w, a->type);
  wire_put_u16(&w, a->klass);
  if (f->edns) {
    struct edns_writer opt = edns_start(w.buf + w.at, DNS_UDP_OURS, 0,
                                        asker->options->dnssec || a->dnssec_ok);
    w.at += edns_finish(&opt);
  }

  f->query_len = w.at;
  store_u16(f->query, (uint16_t)w.at);
}

/* An unpredictable source port; where none is free the kernel chooses on connect. */
static void bind_somewhere(struct asker *asker, int fd, sa_family_t family) {
  union addr any;
  memset(&any, 0, sizeof any);
  any.any.sa_family = family;
  for (int i = 0; i < PORT_TRIES; i++) {
    uint16_t port = htons((uint16_t)(PORT_LOWEST + random_below(&asker->random, 65536 - PORT_LOWEST)));
    if (any.any.sa_family == AF_INET6) {
      any.v6.sin6_port = port;
    } else {
      any.v4.sin_port = port;
    }
    if (bind(fd, &any.any, addr_len(&any)) == 0) return;
  }
}

/* (Re)starts the flight over UDP or TCP with a new socket, port and id. */
static void launch(struct asker *asker, struct flight *f, bool tcp) {
  const union addr *server = f->asked->server ? f->asked->server : &asker->options->server;
  if (f->fd >= 0) close(f->fd);
  f->tcp = tcp;
  f->tries = 0;
  f->sent = f->got = 0;
  f->fd = socket(server->any.sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (f->fd < 0) {
    finish(f, ASKED_SYSTEM);
    return;
  }
  write_query(asker, f);
  if (!tcp) bind_somewhere(asker, f->fd, server->any.sa_family);
  if (connect(f->fd, &server->any, addr_len(server)) != 0 && errno != EINPROGRESS) finish(f, ASKED_CLOSED);
}

static bool would_block(void) { return errno == EAGAIN || errno == EINTR || errno == ENOBUFS; }

static void send_udp(struct flight *f) {
  f->tries++;
  if (send(f->fd, f->query + FRAME_HEAD, f->query_len, 0) < 0 && !would_block()) finish(f, ASKED_CLOSED);
}

static void send_tcp(struct flight *f) {
  ssize_t n = send(f->fd, f->query + f->sent, FRAME_HEAD + f->query_len - f->sent, MSG_NOSIGNAL);
  if (n >= 0) {
    f->sent += (size_t)n;
  } else if (!would_block()) {
    finish(f, ASKED_CLOSED);
  }
}

static bool is_misunderstood(const uint8_t *msg) {
  unsigned rcode = msg[3] & DNS_RCODE;
  return rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP;
}

/* Does this answer the question (RFC 5452 section 9.1)? A header without a question is how some servers say
 * FORMERR or NOTIMP: alone, or with OPT by those that know EDNS (RFC 6891 section 7). */
static bool matches(const struct flight *f, const uint8_t *msg, size_t len) {
  const struct asked *a = f->asked;
  if (len < DNS_HEADER || load_u16(msg) != f->id || !(msg[2] & DNS_QR) || msg[2] & DNS_OPCODE) return false;
  unsigned end = DNS_HEADER + a->name_len + 4u;
  if (load_u16(msg + 4) == 0) return is_misunderstood(msg) && (len == DNS_HEADER || edns_is_in(msg, len));
  return load_u16(msg + 4) == 1 && len >= end &&
         name_equal(msg + DNS_HEADER, a->name_len, a->name, a->name_len) &&
         load_u16(msg + end - 4) == a->type && load_u16(msg + end - 2) == a->klass;
}

static void keep(struct flight *f, const uint8_t *msg, size_t len) {
  uint8_t *copy = malloc(len);
  if (!copy) {
    finish(f, ASKED_SYSTEM);
    return;
  }
  memcpy(copy, msg, len);
  asked_free(f->asked);
  f->asked->msg = copy;
  f->asked->len = len;
  f->asked->over_tcp = f->tcp;
  size_t question_end = (size_t)DNS_HEADER + f->asked->name_len;
  f->asked->keeps_case = load_u16(msg + 4) == 0 || len < question_end ||
                         memcmp(msg + DNS_HEADER, f->asked->name, f->asked->name_len) == 0;
}

/* A server from before RFC 6891 does not understand OPT, and has none in its reply; one with OPT means
 * something else (section 7 there), and its reply is the answer. */
static bool knows_no_edns(const uint8_t *msg, size_t len) {
  return is_misunderstood(msg) && !edns_is_in(msg, len);
}

static void take(struct asker *asker, struct flight *f, const uint8_t *msg, size_t len) {
  if (f->edns && knows_no_edns(msg, len)) {
    f->edns = false;
    f->asked->refuses_edns = true;
    launch(asker, f, f->tcp);
    return;
  }
  keep(f, msg, len);
  if (f->over) return;
  if (msg[2] & DNS_TC && !f->tcp) {
    launch(asker, f, true);
  } else {
    finish(f, ASKED_ANSWERED);
  }
}

static void receive_udp(struct asker *asker, struct flight *f) {
  ssize_t n = recv(f->fd, f->in, DNS_MSG_MAX, 0);
  if (n < 0) {
    if (!would_block()) finish(f, ASKED_CLOSED);
  } else if (matches(f, f->in, (size_t)n)) {
    take(asker, f, f->in, (size_t)n);
  }
}

static void receive_tcp(struct asker *asker, struct flight *f) {
  size_t len, frame;
  ssize_t n = recv(f->fd, f->in + f->got, FRAME_HEAD + DNS_MSG_MAX - f->got, 0);
  if (n == 0 || (n < 0 && !would_block())) finish(f, ASKED_CLOSED);
  if (n <= 0) return;
  f->got += (size_t)n;
  while (!f->over && (frame = frame_next(f->in, f->got, &len))) {
    if (matches(f, f->in + FRAME_HEAD, len)) {
      take(asker, f, f->in + FRAME_HEAD, len);
      return;
    }
    f->got -= frame;
    memmove(f->in, f->in + frame, f->got);
  }
}

/* Microseconds from the start at which the flight needs a hand again: the next try or the end. */
static uint64_t next_us(const struct asker *asker, const struct flight *f) {
  uint64_t whole = (uint64_t)asker->options->timeout_ms * 1000;
  return f->start_us + (f->tcp || f->tries >= UDP_TRIES ? whole : whole * f->tries / 4);
}

static void tend(struct asker *asker, struct flight *f, short events) {
  if (events && f->tcp && f->sent < FRAME_HEAD + f->query_len) {
    send_tcp(f);
  } else if (events && f->tcp) {
    receive_tcp(asker, f);
  } else if (events) {
    receive_udp(asker, f);
  }
  uint64_t now = clock_us();
  if (f->over) return;
  if (now >= f->start_us + (uint64_t)asker->options->timeout_ms * 1000) {
    finish(f, ASKED_TIMEOUT);
  } else if (!f->tcp && now >= next_us(asker, f)) {
    send_udp(f);
  }
}

static void start(struct asker *asker, struct asked *a) {
  struct flight *f = malloc(sizeof *f + FRAME_HEAD + DNS_MSG_MAX);
  a->msg = NULL;
  if (!f) {
    a->outcome = ASKED_SYSTEM;
    if (a->open) --*a->open;
    return;
  }
  *f = (struct flight){.asked = a, .fd = -1, .edns = !a->plain, .start_us = clock_us()};
  launch(asker, f, asker->options->tcp || a->only_tcp);
  asker->flights[asker->count++] = f;
}

static void sweep(struct asker *asker) {
  for (size_t i = 0; i < asker->count;) {
    if (asker->flights[i]->over) {
      free(asker->flights[i]);
      asker->flights[i] = asker->flights[--asker->count];
    } else {
      i++;
    }
  }
}

/* Waits for the sockets or the next time that something is due, then gives each flight its turn. */
static void turn(struct asker *asker) {
  struct pollfd fds[PARALLEL_MAX];
  uint64_t next = UINT64_MAX, now = clock_us();
  for (size_t i = 0; i < asker->count; i++) {
    const struct flight *f = asker->flights[i];
    bool writes = f->tcp && f->sent < FRAME_HEAD + f->query_len;
    fds[i] = (struct pollfd){.fd = f->fd, .events = writes ? POLLOUT : POLLIN};
    if (next_us(asker, f) < next) next = next_us(asker, f);
  }
  int wait_ms = next > now ? (int)((next - now + 999) / 1000) : 0;
  if (poll(fds, asker->count, wait_ms) < 0) memset(fds, 0, sizeof fds); /* EINTR: only the clock counts */
  for (size_t i = 0; i < asker->count; i++) tend(asker, asker->flights[i], fds[i].revents);
}

void ask_make(struct asked *a, const uint8_t *name, size_t len, uint16_t type) {
  memcpy(a->name, name, len);
  a->name_len = (uint8_t)len;
  a->type = type;
  a->klass = CLASS_IN;
}

void ask_list_add(struct ask_list *l, struct asked *a, const uint8_t *name, size_t len, uint16_t type) {
  ask_make(a, name, len, type);
  ask_list_put(l, a);
}

void ask_list_put(struct ask_list *l, struct asked *a) {
  if (l->count == l->room) {
    l->room = l->room ? 2 * l->room : 32;
    l->list = realloc(l->list, l->room * sizeof *l->list);
    must(l->list);
  }
  l->list[l->count++] = a;
}

void ask_list_free(struct ask_list *l) {
  free(l->list);
  *l = (struct ask_list){.count = 0};
}

struct asker *asker_new(const struct ask_options *options) {
  struct asker *asker = must_zalloc(sizeof *asker);
  asker->options = options;
  return asker;
}

void asker_free(struct asker *asker) {
  if (!asker) return;
  ask_list_free(&asker->waiting);
  free(asker);
}

void asker_add(struct asker *asker, struct asked *a) {
  if (asker->begun == asker->waiting.count) asker->begun = asker->waiting.count = 0;
  ask_list_put(&asker->waiting, a);
}

static bool is_idle(const struct asker *asker) {
  return asker->begun == asker->waiting.count && asker->count == 0;
}

bool asker_turn(struct asker *asker) {
  while (asker->begun < asker->waiting.count && asker->count < PARALLEL_MAX)
    start(asker, asker->waiting.list[asker->begun++]);
  sweep(asker);
  if (asker->count > 0) turn(asker);
  sweep(asker);
  return !is_idle(asker);
}

void ask_all(const struct ask_options *o, struct asked *const *list, size_t n) {
  struct asker *asker = asker_new(o);
  for (size_t i = 0; i < n; i++) asker_add(asker, list[i]);
  while (asker_turn(asker)) continue;
  asker_free(asker);
}
