/* health_ask.c: the question about health as it is asked: by DNS over UDP, as any client would, from the same
 * machine. Exports health_ask. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/shown.h"
#include "daemon/health.h"
#include "dns/dns.h"
#include "server/chaos.h"

enum {
  ASK_PATIENCE_MS = 900, /* whoever runs this may give it a second in all */
  ASK_AGAIN_MS = 300,
  ASK_ANSWER_MAX = 1232
};

/* One for each address listened on. */
struct ask {
  const struct settings *settings;
  struct pollfd sockets[SETTINGS_LISTEN];
  uint8_t query[DNS_HEADER + CHAOS_HEALTH_LEN + 4];
  size_t len;
  int why;                 /* errno of the last that failed */
  char answer[CHAOS_TEXT]; /* what one of them said; "": nothing yet */
  unsigned other;          /* answers that are none of jidnsd */
};

static void make_query(struct ask *a) {
  uint8_t *p = a->query;
  random_octets(p, 2);
  memcpy(p + 2, "\0\0\0\1\0\0\0\0\0\0", 10);
  memcpy(p + DNS_HEADER, chaos_health_name, CHAOS_HEALTH_LEN);
  store_u16(p + DNS_HEADER + CHAOS_HEALTH_LEN, TYPE_TXT);
  store_u16(p + DNS_HEADER + CHAOS_HEALTH_LEN + 2, CLASS_CH);
  a->len = DNS_HEADER + CHAOS_HEALTH_LEN + 4;
}

/* Who listens everywhere is asked at loopback. */
static union addr reach(const union addr *listen) {
  union addr a = *listen;
  if (!addr_is_any(listen)) return a;
  if (a.any.sa_family == AF_INET6) a.v6.sin6_addr = in6addr_loopback;
  else a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static void open_all(struct ask *a) {
  for (unsigned i = 0; i < a->settings->listen_count; i++) {
    union addr to = reach(&a->settings->listen[i]);
    int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, &to.any, addr_len(&to)) != 0) {
      a->why = errno;
      close(fd);
      fd = -1;
    } else if (fd < 0) {
      a->why = errno;
    }
    a->sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
}

static void close_all(struct ask *a) {
  for (unsigned i = 0; i < a->settings->listen_count; i++) {
    if (a->sockets[i].fd >= 0) close(a->sockets[i].fd);
  }
}

/* Nothing more is to be heard there. */
static void give_up(struct ask *a, struct pollfd *s, int why) {
  a->why = why;
  close(s->fd);
  s->fd = -1;
}

static bool send_all(struct ask *a) {
  bool any = false;
  for (unsigned i = 0; i < a->settings->listen_count; i++) {
    struct pollfd *s = &a->sockets[i];
    if (s->fd < 0) continue;
    if (send(s->fd, a->query, a->len, MSG_NOSIGNAL) < 0 && errno != EAGAIN) give_up(a, s, errno);
    else any = true;
  }
  return any;
}

/* The text of the one record behind our question. Nobody but jidnsd writes it so. */
static bool read_answer(struct ask *a, const uint8_t *msg, size_t len) {
  size_t at = a->len + 12; /* owner, type, class, TTL, length */
  if (len < a->len || memcmp(msg, a->query, 2) != 0 || !(msg[2] & DNS_QR)) return false;
  bool good = len > at && !(msg[3] & 0x0f) && load_u16(msg + 6) == 1 && len - at > msg[at] && msg[at] > 0;
  if (!good) {
    a->other++;
    return false;
  }
  memcpy(a->answer, msg + at + 1, msg[at]);
  a->answer[msg[at]] = 0;
  return true;
}

static bool is_ready(const struct ask *a) { return strncmp(a->answer, "ready", 5) == 0; }

/* Hears what has come; the first that is ready is enough. */
static void hear(struct ask *a) {
  uint8_t msg[ASK_ANSWER_MAX];
  for (unsigned i = 0; i < a->settings->listen_count && !is_ready(a); i++) {
    struct pollfd *s = &a->sockets[i];
    if (s->fd < 0 || !s->revents) continue;
    ssize_t n = recv(s->fd, msg, sizeof msg, 0);
    if (n >= 0) read_answer(a, msg, (size_t)n);
    else if (errno != EAGAIN && errno != EINTR) give_up(a, s, errno);
  }
}

static void ask_until_answered(struct ask *a) {
  uint64_t start_ms = clock_ms(), now_ms = start_ms, again_ms = start_ms;
  bool any = true;
  while (any && !*a->answer && now_ms - start_ms < ASK_PATIENCE_MS) {
    if (now_ms >= again_ms) {
      any = send_all(a);
      again_ms = now_ms + ASK_AGAIN_MS;
    }
    uint64_t until_ms = again_ms < start_ms + ASK_PATIENCE_MS ? again_ms : start_ms + ASK_PATIENCE_MS;
    if (any && poll(a->sockets, a->settings->listen_count, (int)(until_ms - now_ms)) > 0) hear(a);
    now_ms = clock_ms();
  }
}

static void complain(const struct ask *a, FILE *err) {
  char list[SETTINGS_LIST_TEXT];
  settings_list(a->settings->listen, a->settings->listen_count, list);
  if (a->other) {
    fprintf(err, "jidnsd: %s: it is not this jidnsd that answers there\n", list);
    return;
  }
  fprintf(err, "jidnsd: %s: no answer%s%s; does jidnsd run here, with these settings?\n", list,
          a->why ? ": " : "", a->why ? strerror(a->why) : "");
}

bool health_ask(struct settings *s, FILE *out, FILE *err) {
  struct ask a = {.settings = s};
  settings_find_scopes(s);
  make_query(&a);
  open_all(&a);
  ask_until_answered(&a);
  close_all(&a);

  if (!*a.answer) complain(&a, err);
  else {
    shown_put(out, a.answer, sizeof a.answer);
    fputc('\n', out);
  }
  return is_ready(&a);
}
