/* walks.c: how long XMPP programs wait for DNS through a server that is there, in round trips to an upstream
 * that this program is: `walks WORLD UPSTREAM-PORT SERVER-PORT DELAY-MS DOMAINS LEARN [revisit]`. WORLD is
 * even or real. Before it measures it walks through LEARN domains; `revisit`: it walks through each domain
 * once more when its records (TTL 3 s) have run out, and measures that. Prints a line a program: name,
 * mean wait and 95th percentile in round trips, the least that the questions' order allows (whole round trips
 * counted for each walk), upstream questions a domain.
 *
 * Both ends are C and do next to nothing, so that what is left above whole round trips is the server's and
 * the kernel's. contrib/dev/walks runs it. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "bench/wild.h"
#include "dns/question.h"
#include "dns/wire.h"
#include "tool/programs.h"

enum { QUEUE = 4096, PATIENCE_MS = 5000, WALKED = 9, REVISIT_TTL_S = 3, TTL_S = 3600 };

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void sleep_us(uint64_t us) {
  struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
  nanosleep(&t, NULL);
}

static int bound_to(uint16_t port, struct sockaddr_in *to) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
  to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(fd >= 0);
  return fd;
}

/* ---- the upstream: a thread ---- */

static enum wild_world world;
static uint32_t ttl_s = TTL_S;
static uint64_t delay_us;
static _Atomic unsigned asked;

struct reply {
  uint64_t due_us;
  struct sockaddr_in to;
  size_t len;
  uint8_t octets[DNS_UDP_MAX];
};

static size_t question_end(const uint8_t *msg, size_t len) {
  size_t at = DNS_HEADER;
  while (at < len && msg[at]) at += msg[at] + 1u;
  return at + 5;
}

/* Makes the reply to a query. False: it is none. */
static bool make_reply(const uint8_t *query, size_t len, struct reply *r) {
  static struct msg m;
  char text[NAME_TEXT];
  uint8_t low[NAME_MAX_LEN];
  size_t end = len > DNS_HEADER ? question_end(query, len) : 0;
  if (!end || end > len || end - DNS_HEADER - 4 > NAME_MAX_LEN) return false;

  size_t name_len = end - DNS_HEADER - 4;
  name_lower(low, query + DNS_HEADER, name_len);
  msg_start(&m, (uint16_t)((DNS_QR | DNS_RD) << 8 | DNS_RA));
  memcpy(m.octets, query, 2);
  msg_put(&m, query + DNS_HEADER, end - DNS_HEADER);
  msg_set_count(&m, 0, 1);
  wild_answer(world, &m, name_format(low, name_len, text), load_u16(query + end - 4), ttl_s);
  if (load_u16(query + 10)) msg_opt(&m, 1232, 0, false, NULL, 0);
  if (m.len > sizeof r->octets) return false;
  r->len = m.len;
  memcpy(r->octets, m.octets, m.len);
  return true;
}

static void *upstream_main(void *arg) {
  static struct reply queue[QUEUE]; /* all wait equally long: first in, first out */
  unsigned first = 0, last = 0;
  struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
  for (;;) {
    uint64_t now = now_us();
    for (; first != last && queue[first % QUEUE].due_us <= now; first++) {
      struct reply *r = &queue[first % QUEUE];
      sendto(p.fd, r->octets, r->len, 0, (struct sockaddr *)&r->to, sizeof r->to);
    }

    struct timespec wait = {.tv_sec = 1};
    if (first != last) {
      uint64_t left = queue[first % QUEUE].due_us - now;
      wait = (struct timespec){.tv_sec = (time_t)(left / 1000000), .tv_nsec = (long)(left % 1000000) * 1000};
    }
    if (ppoll(&p, 1, &wait, NULL) < 1) continue;

    uint8_t query[DNS_UDP_MAX];
    struct reply *r = &queue[last % QUEUE];
    socklen_t size = sizeof r->to;
    ssize_t len = recvfrom(p.fd, query, sizeof query, 0, (struct sockaddr *)&r->to, &size);
    if (len <= 0 || last - first == QUEUE || !make_reply(query, (size_t)len, r)) continue;
    r->due_us = now_us() + delay_us;
    atomic_fetch_add(&asked, 1);
    last++;
  }
  return NULL;
}

/* ---- the walks ---- */

static int server_fd;

static size_t make_query(const struct program *p, const struct walker_question *q, uint16_t id,
                         struct msg *m) {
  msg_start(m, DNS_RD << 8);
  store_u16(m->octets, id);
  msg_put(m, q->name, q->name_len);
  msg_put_u16(m, q->type);
  msg_put_u16(m, CLASS_IN);
  msg_set_count(m, 0, 1);
  if (p->edns || p->dnssec_ok) msg_opt(m, 1232, 0, p->dnssec_ok, NULL, 0);
  return m->len;
}

/* Asks a batch together and takes the answers as they come. False: not all came. */
static bool ask_batch(struct walker *w, const struct program *p) {
  static struct msg m;
  static uint16_t next_id;
  uint16_t first = next_id;
  unsigned open = w->count;
  struct walker_question batch[WALKER_QUESTIONS];
  bool taken[WALKER_QUESTIONS] = {false};

  memcpy(batch, w->questions, sizeof batch);
  for (unsigned i = 0; i < w->count; i++, next_id++)
    must(send(server_fd, m.octets, make_query(p, &batch[i], next_id, &m), 0) > 0);
  for (uint64_t end = now_us() + PATIENCE_MS * 1000; open > 0 && now_us() < end;) {
    uint8_t answer[DNS_UDP_MAX];
    struct pollfd wait = {.fd = server_fd, .events = POLLIN};
    ssize_t len = poll(&wait, 1, 100) == 1 ? recv(server_fd, answer, sizeof answer, 0) : 0;
    uint16_t i = len > DNS_HEADER ? (uint16_t)(load_u16(answer) - first) : UINT16_MAX;
    if (i >= w->count || taken[i]) continue;
    taken[i] = true;
    open--;
    walker_take(w, &batch[i], answer, (size_t)len);
  }
  return open == 0;
}

/* How long the program waits for DNS until it can connect; 0: an answer did not come. */
static uint64_t walk_us(const struct program *p, unsigned num) {
  char text[NAME_TEXT];
  uint8_t name[NAME_MAX_LEN];
  struct walker w;
  snprintf(text, sizeof text, "d%u.lab.", num);
  uint64_t start = now_us();
  walker_start(&w, p, name, name_parse(text, name));
  while (walker_next(&w)) {
    if (!ask_batch(&w, p)) return 0;
  }
  return now_us() - start;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

struct run {
  unsigned domains, learn;
  bool revisit;
  unsigned next; /* the first domain that nobody has asked for */
};

static void walk_all(const struct program *p, const struct run *r, double *trips) {
  for (unsigned i = 0; i < r->domains; i++) {
    uint64_t us = walk_us(p, r->next + i);
    trips[i] = us ? (double)us / (double)delay_us : (double)PATIENCE_MS * 1000 / (double)delay_us;
    sleep_us(delay_us * 11 / 5); /* what is prefetched comes in, too */
  }
}

static void measure(const struct program *p, struct run *r) {
  double *trips = calloc(r->domains, sizeof *trips), sum = 0, whole = 0;
  must(trips);
  if (r->revisit) {
    walk_all(p, r, trips);
    sleep_us((REVISIT_TTL_S + 1) * 1000000ull);
  }
  unsigned before = atomic_load(&asked);
  walk_all(p, r, trips);
  unsigned cost = atomic_load(&asked) - before;
  r->next += r->domains;
  for (unsigned i = 0; i < r->domains; i++) {
    sum += trips[i];
    whole += (double)(unsigned)trips[i];
  }
  qsort(trips, r->domains, sizeof *trips, compare);
  printf("%s %.3f %.3f %.3f %.2f\n", p->name, sum / r->domains, trips[r->domains * 95 / 100],
         whole / r->domains, (double)cost / r->domains);
  fflush(stdout);
  free(trips);
}

static void wait_for_server(void) {
  const struct program *p = program_of("slixmpp");
  for (unsigned i = 0; i < 20; i++) {
    if (walk_us(p, 1000000 + i)) return;
    sleep_us(100000);
  }
  fputs("walks: the server does not answer\n", stderr);
  exit(1);
}

static unsigned number(const char *text) { return (unsigned)strtoul(text, NULL, 10); }

int main(int argc, char **argv) {
  static const enum program_id walked[WALKED] = {
      PROGRAM_PROSODY, PROGRAM_PROSODY_DANE, PROGRAM_EJABBERD, PROGRAM_MONGOOSEIM,   PROGRAM_OPENFIRE,
      PROGRAM_SMACK,   PROGRAM_SLIXMPP,      PROGRAM_DINO,     PROGRAM_CONVERSATIONS};
  if (argc < 7) {
    fputs("usage: walks even|real UPSTREAM-PORT SERVER-PORT DELAY-MS DOMAINS LEARN [revisit]\n", stderr);
    return 2;
  }

  struct run r = {.domains = number(argv[5]), .learn = number(argv[6]), .revisit = argc > 7};
  struct sockaddr_in upstream, server;
  pthread_t thread;
  world = strcmp(argv[1], "real") == 0 ? WILD_REAL : WILD_EVEN;
  if (r.revisit) ttl_s = REVISIT_TTL_S;
  delay_us = number(argv[4]) * 1000ull;
  int upstream_fd = bound_to((uint16_t)number(argv[2]), &upstream);
  server_fd = bound_to((uint16_t)number(argv[3]), &server);
  must(bind(upstream_fd, (struct sockaddr *)&upstream, sizeof upstream) == 0);
  must(connect(server_fd, (struct sockaddr *)&server, sizeof server) == 0);
  must(pthread_create(&thread, NULL, upstream_main, &upstream_fd) == 0);

  wait_for_server();
  for (unsigned i = 0; i < r.learn; i++)
    walk_us(&programs[i % 2 ? PROGRAM_PROSODY : PROGRAM_SMACK], 500000 + i);
  for (unsigned i = 0; i < WALKED; i++) measure(&programs[walked[i]], &r);
  return 0;
}
