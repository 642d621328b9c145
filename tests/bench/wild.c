/* wild.c: a made-up XMPP world. Exports wild_*. */
#include "bench/wild.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

enum { TEXT = 256, TARGETS = 2, HOSTS = 5, OWN_LABELS = 97, DIRECT_TLS_PERCENT = 35, NEGATIVE_S = 300 };

uint64_t wild_mix(uint64_t n) {
  n += 0x9e3779b97f4a7c15;
  n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
  n = (n ^ n >> 27) * 0x94d049bb133111eb;
  return n ^ n >> 31;
}

/* ---- shapes ---- */

struct shape {
  bool has_srv, direct_tls;
  unsigned count;
  char targets[TARGETS][TEXT];
};

static void aim(struct shape *s, const char *label, const char *domain) {
  must(s->count < TARGETS);
  must(strlen(label) + strlen(domain) < TEXT);
  strcat(strcpy(s->targets[s->count++], label), domain);
  s->has_srv = true;
}

static void shape_even(unsigned num, const char *domain, struct shape *s) {
  switch (num % 5) {
  case 1:
    aim(s, "h0.", domain);
    aim(s, "h1.", domain);
    break;
  case 2: break;
  case 3: aim(s, "", domain); break;
  case 4:
    s->direct_tls = true;
    aim(s, "xmpp.", domain);
    break;
  default: aim(s, "xmpp.", domain);
  }
}

static void shape_real(unsigned num, const char *domain, struct shape *s) {
  static const struct {
    const char *label;
    unsigned percent;
  } mix[] = {{"xmpp.", 24}, {"", 21}, {"jabber.", 13}, {"chat.", 6}, {"im.", 5}, {"xmpp1.", 3}};
  unsigned at = (unsigned)(wild_mix(num) % 100);
  char label[32];

  s->direct_tls = wild_mix(num + (1u << 30)) % 100 < DIRECT_TLS_PERCENT;
  for (unsigned i = 0; i < sizeof mix / sizeof *mix; at -= mix[i++].percent) {
    if (at >= mix[i].percent) continue;
    aim(s, mix[i].label, domain);
    return;
  }

  if (at < 8) {
    snprintf(label, sizeof label, "h%u.", num % HOSTS);
    aim(s, label, "hosting.lab.");
  } else if (at < 8 + 14) {
    snprintf(label, sizeof label, "s%u.", num % OWN_LABELS);
    aim(s, label, domain);
  }
}

/* ---- names ---- */

struct place {
  char service[TEXT]; /* "_xmpp-server"; "" for a host */
  char host[TEXT];    /* the name behind it */
  char domain[TEXT];  /* "d7.lab." */
  unsigned num;
  bool hosted; /* the host is the hoster's */
};

static bool place_of(const char *name, struct place *p) {
  const char *host = name, *tcp = strstr(name, "._tcp.");
  int end = 0;
  *p = (struct place){0};
  if (*name == '_' && tcp) {
    snprintf(p->service, sizeof p->service, "%.*s", (int)(tcp - name), name);
    host = tcp + strlen("._tcp.");
  }
  snprintf(p->host, sizeof p->host, "%s", host);
  p->hosted = sscanf(host, "h%u.hosting.lab.%n", &p->num, &end) == 1 && end && !host[end];
  if (p->hosted) return p->num < HOSTS;

  for (const char *at = host;; at = strchr(at, '.') + 1) {
    end = 0;
    if (sscanf(at, "d%u.lab.%n", &p->num, &end) == 1 && end && !at[end]) {
      snprintf(p->domain, sizeof p->domain, "%s", at);
      return true;
    }
    if (!strchr(at, '.')) return false;
  }
}

/* ---- records ---- */

static void put_srvs(struct msg *m, const char *name, const struct shape *s, const char *service,
                     uint32_t ttl_s) {
  bool direct = strncmp(service, "_xmpps", 6) == 0, server = strstr(service, "-server") != NULL;
  uint16_t port = direct ? (server ? 5270 : 5223) : server ? 5269 : 5222;
  for (unsigned i = 0; i < s->count; i++)
    msg_record(m, SECTION_ANSWER, name, TYPE_SRV, ttl_s, rd_srv((uint16_t)i, 5, port, s->targets[i]));
}

static void put_address(struct msg *m, const char *name, uint16_t type, unsigned num, uint32_t ttl_s) {
  char text[64];
  if (type == TYPE_A) {
    snprintf(text, sizeof text, "192.0.2.%u", num % 250 + 1);
    msg_record(m, SECTION_ANSWER, name, TYPE_A, ttl_s, rd_a(text));
  } else if (type == TYPE_AAAA) {
    snprintf(text, sizeof text, "2001:db8::%x", num & 0xffff);
    msg_record(m, SECTION_ANSWER, name, TYPE_AAAA, ttl_s, rd_aaaa(text));
  }
}

static bool has_service(const struct shape *s, const char *service) {
  bool direct = strncmp(service, "_xmpps-", 7) == 0;
  const char *rest = service + (direct ? 7 : 6);
  if (!direct && strncmp(service, "_xmpp-", 6) != 0) return false;
  if (strcmp(rest, "server") != 0 && strcmp(rest, "client") != 0) return false;
  return s->has_srv && (!direct || s->direct_tls);
}

static bool has_host(const struct shape *s, const struct place *p) {
  if (p->hosted || strcmp(p->host, p->domain) == 0) return true;
  for (unsigned i = 0; i < s->count; i++) {
    if (strcmp(s->targets[i], p->host) == 0) return true;
  }
  return false;
}

/* Does the name exist, and what are its domain's records? */
static bool find(enum wild_world world, const char *name, struct place *p, struct shape *s) {
  *s = (struct shape){0};
  if (!place_of(name, p)) return false;
  if (p->hosted) return !*p->service;
  if (world == WILD_REAL) shape_real(p->num, p->domain, s);
  else shape_even(p->num, p->domain, s);
  if (!*p->service) return has_host(s, p);
  return strcmp(p->host, p->domain) == 0 && has_service(s, p->service);
}

void wild_answer(enum wild_world world, struct msg *m, const char *name, uint16_t type, uint32_t ttl_s) {
  struct place p;
  struct shape s;
  bool exists = find(world, name, &p, &s);

  if (!exists) m->octets[3] |= RCODE_NXDOMAIN;
  else if (!*p.service) put_address(m, name, type, p.num, ttl_s);
  else if (type == TYPE_SRV) put_srvs(m, name, &s, p.service, ttl_s);
  if (msg_count(m, 1) == 0)
    msg_record(m, SECTION_AUTHORITY, "lab.", TYPE_SOA, ttl_s, rd_soa("ns.lab.", "host.lab.", NEGATIVE_S));
}

uint32_t wild_ttl(enum wild_world world, const char *name, uint16_t type) {
  static const uint32_t mix_s[] = {60,   300,  300,  300,  300,   600,   600,   1800,  3600,  3600,
                                   3600, 3600, 3600, 3600, 14400, 14400, 14400, 86400, 86400, 86400};
  struct place p;
  struct shape s;
  if (!find(world, name, &p, &s)) return NEGATIVE_S;
  if (*p.service ? type != TYPE_SRV : type != TYPE_A && type != TYPE_AAAA) return NEGATIVE_S;
  return mix_s[wild_mix(p.num * 2ull + !*p.service + (1ull << 40)) % (sizeof mix_s / sizeof *mix_s)];
}
