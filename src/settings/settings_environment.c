/* settings_environment.c: what variables JIDNS_* say. Exports settings_environment_read. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/nearest.h"
#include "base/shown.h"
#include "settings/settings_priv.h"

enum { NAME_ROOM = 40 };

static const char prefix[] = "JIDNS_";

/* JIDNS_CACHE_SIZE is cache-size; "" for what can't be a name. */
static const char *name_of_variable(const char *variable, size_t len, char name[NAME_ROOM]) {
  *name = 0;
  if (len >= NAME_ROOM) return name;
  for (size_t i = 0; i < len; i++) {
    char c = variable[i];
    name[i] = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : '?';
  }
  name[len] = 0;
  return name;
}

/* ---- variables that Kubernetes sets ---- */

/* Where `word` stands in text as a whole part of a name set apart by underscores, NULL if it does not; what
 * follows it is behind *rest. */
static const char *part(const char *text, const char *word, const char **rest) {
  size_t len = strlen(word);
  for (const char *p = text; (p = strstr(p, word)); p++) {
    if (p[-1] == '_' && (p[len] == 0 || p[len] == '_')) {
      *rest = p + len;
      return p;
    }
  }
  return NULL;
}

/* Behind a port's number and protocol: nothing, _PROTO, _PORT or _ADDR. */
static bool is_port_tail(const char *rest) {
  static const char *const protocols[] = {"_TCP", "_UDP", "_SCTP"}, *const ends[] = {"", "_PROTO", "_PORT",
                                                                                     "_ADDR"};
  size_t digits = *rest == '_' ? strspn(rest + 1, "0123456789") : 0;
  if (!digits) return false;
  rest += 1 + digits;
  for (unsigned i = 0; i < sizeof protocols / sizeof *protocols; i++) {
    size_t len = strlen(protocols[i]);
    for (unsigned k = 0; k < sizeof ends / sizeof *ends; k++) {
      if (strncmp(rest, protocols[i], len) == 0 && strcmp(rest + len, ends[k]) == 0) return true;
    }
  }
  return false;
}

static bool is_url(const char *value) {
  return strncmp(value, "tcp://", 6) == 0 || strncmp(value, "udp://", 6) == 0 ||
         strncmp(value, "sctp://", 7) == 0;
}

/* Each container gets these for each service of its namespace; for one called jidns, or jidns-metrics, they
 * begin as ours do: JIDNS_SERVICE_HOST, JIDNS_SERVICE_PORT, JIDNS_SERVICE_PORT_DNS, JIDNS_PORT=udp://...,
 * JIDNS_PORT_53_UDP, JIDNS_PORT_53_UDP_ADDR. */
static bool is_of_kubernetes(const char *name, const char *value) {
  const char *rest;
  if (part(name + 1, "SERVICE_HOST", &rest) && !*rest) return true;
  if (part(name + 1, "SERVICE_PORT", &rest)) return true;
  for (const char *from = name + 1; part(from, "PORT", &rest); from = rest) {
    if (*rest ? is_port_tail(rest) : is_url(value)) return true;
  }
  return false;
}

/* ---- the rest ---- */

static const char *option_at(unsigned i, const void *ctx) {
  (void)ctx;
  for (unsigned k = 0; k < settings_count; k++) {
    const struct setting *t = &settings_table[k];
    if (t->name && t->value && i-- == 0) return t->name;
  }
  return NULL;
}

static void unknown_variable(struct raw_settings *g, const char *variable, const char *name) {
  const char *near = nearest_word(name, option_at, NULL);
  fputs("jidnsd: warning: ", g->err);
  shown_put(g->err, variable, NAME_ROOM);
  fputs(": unknown setting", g->err);
  if (near) {
    fputs("; did you mean ", g->err);
    settings_put_variable(g->err, near);
    fputs("?\n", g->err);
  } else {
    fputs("; a variable is JIDNS_ and an option's name: see jidnsd --help\n", g->err);
  }
}

/* What stands between several values of one variable; NULL: it has one. */
static const char *separators(const struct setting *t) {
  if (t->untitled) return "\r\n";
  if (t->section && t->section->title) return " \t\r\n";
  return t->clear ? " ,\t\r\n" : NULL;
}

/* A line feed at the end comes from the file that the value was read from. */
static void read_variable(struct raw_settings *g, const struct setting *t, const char *value) {
  const char *between = separators(t);
  size_t len = strlen(value);
  while (len && strchr("\r\n", value[len - 1])) len--;
  char *copy = strndup(value, len), *rest = copy;
  must(copy);
  if (!between) raw_settings_add_named(g, t, SOURCE_ENVIRONMENT, copy);
  for (char *word; between && (word = strtok_r(rest, between, &rest));) {
    if (word[strspn(word, " \t")]) raw_settings_add_named(g, t, SOURCE_ENVIRONMENT, word);
  }
  free(copy);
}

void settings_environment_read(struct raw_settings *g) {
  for (char **e = environ; *e; e++) {
    const char *equals = strchr(*e, '=');
    if (!equals || strncmp(*e, prefix, sizeof prefix - 1) != 0) continue;

    char *variable = strndup(*e, (size_t)(equals - *e)), name[NAME_ROOM];
    must(variable);
    const char *behind = variable + sizeof prefix - 1;
    const struct setting *t = setting_named(name_of_variable(behind, strlen(behind), name));
    if (t && t->value) read_variable(g, t, equals + 1);
    else if (!is_of_kubernetes(variable, equals + 1)) unknown_variable(g, variable, name);
    free(variable);
  }
}
