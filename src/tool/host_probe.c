/* host_probe.c: asks jidnsd what it is, and name servers whether they answer. Exports host_probe_*. */
#include "tool/host_probe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/random.h"
#include "rr/print.h"
#include "tool/ask.h"
#include "tool/ctl.h"
#include "tool/domain.h"
#include "tool/reply.h"

/* ---- its control socket ---- */

static void add(char list[HOST_PROBE_TEXT], const char *text, size_t len) {
  size_t at = strlen(list);
  snprintf(list + at, HOST_PROBE_TEXT - at, "%s%.*s", at ? ", " : "", (int)len, text);
}

/* The next string at *at, up to `end`, behind `key`; false: there is no more. */
static bool next_string(const char **at, const char *end, const char *key, const char **text, size_t *len) {
  const char *found = strstr(*at, key);
  if (!found || found >= end) return false;
  *text = found + strlen(key);
  *len = strcspn(*text, "\"");
  *at = *text + *len + 1;
  return *at <= end;
}

static void read_listen(const char *line, struct host_probe *p) {
  const char *at = strstr(line, "\"listen\":["), *text;
  const char *end = at ? strstr(at, "],\"") : NULL;
  size_t len;
  if (!end) return;
  for (at += sizeof "\"listen\":" - 1; next_string(&at, end, "\"", &text, &len);) {
    add(p->listen, text, len);
    p->is_there |= strncmp(text, HOST_JIDNSD ":53\"", len + 1) == 0 ||
                   strncmp(text, "0.0.0.0:53\"", len + 1) == 0;
  }
}

static void read_upstreams(const char *line, struct host_probe *p) {
  const char *at = strstr(line, "\"upstreams\":["), *text;
  size_t len;
  while (at && next_string(&at, line + strlen(line), "\"address\":\"", &text, &len)) {
    union addr a;
    char one[ADDR_TEXT];
    add(p->upstreams, text, len);
    snprintf(one, sizeof one, "%.*s", (int)len, text);
    if (!addr_parse(one, ASK_PORT, &a)) continue;
    bool stub = strcmp(one, "127.0.0.53:53") == 0 || strcmp(one, "127.0.0.54:53") == 0;
    p->asks.resolved_stub |= stub;
    p->asks.local |= addr_is_loopback(&a) && !stub;
  }
}

void host_probe_jidnsd(const struct cli *c, struct host_probe *p) {
  struct ctl ctl;
  *p = (struct host_probe){0};
  if (access(c->control, F_OK) != 0) return;
  if (ctl_open(&ctl, c) && ctl_send(&ctl, "status") && ctl_hear(&ctl) == CTL_DONE) {
    p->runs = true;
    read_listen(ctl.line, p);
    read_upstreams(ctl.line, p);
  }
  ctl_close(&ctl);
}

/* ---- questions ---- */

const char *host_probe_name(const struct cli *c, char text[64]) {
  uint32_t number;
  random_octets(&number, sizeof number);
  snprintf(text, 64, "jidns-%08x.example.com", number);
  return c->host.name ? c->host.name : text;
}

const char *host_probe_ask(const struct cli *c, const char *server, const char *name, bool *good,
                           char text[64]) {
  struct ask_options options = {.timeout_ms = c->ask.timeout_ms};
  struct asked a = {.klass = CLASS_IN, .type = TYPE_A}, *list[] = {&a};
  size_t len;

  *good = false;
  if (!addr_parse(server, ASK_PORT, &options.server)) return "no address";
  if (domain_read_name(name, a.name, &len)) return "no name";
  a.name_len = (uint8_t)len;
  ask_all(&options, list, 1);
  if (a.outcome != ASKED_ANSWERED) return asked_text(a.outcome);

  unsigned rcode = reply_rcode(a.msg, a.len);
  *good = rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN;
  const char *word = print_rcode(rcode, text);
  asked_free(&a);
  return word;
}
