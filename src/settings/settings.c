/* settings.c: from file, environment and command line to what is in force. Exports settings_*. */
#include "settings/settings.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "config.h"
#include "dns/name.h"
#include "settings/settings_priv.h"

enum {
  OPTION_FIRST = 256
}; /* getopt_long returns this + the option's place in the table: no letter is so
      large */

/* ---- the command line ---- */

/* getopt_long returned ':' or '?' and set optopt: to the option's number, to a letter, or to 0 for a word it
 * does not know. */
static void wrong_option(struct raw_settings *g, int how, char **argv) {
  const struct setting *t = optopt >= OPTION_FIRST ? &settings_table[optopt - OPTION_FIRST] : NULL;
  char text[EXPECTED_TEXT];
  g->failed = true;
  if (t && how == ':')
    fprintf(g->err, "jidnsd: --%s: needs a value: %s\n", t->name, setting_expected(t, text));
  else if (t) fprintf(g->err, "jidnsd: '%s': --%s takes no value\n", argv[optind - 1], t->name);
  else if (optopt) fprintf(g->err, "jidnsd: '-%c': unknown option; see jidnsd --help\n", optopt);
  else fprintf(g->err, "jidnsd: '%s': unknown or ambiguous option; see jidnsd --help\n", argv[optind - 1]);
}

/* Notes all values; returns the first setting that says what to do. Stops there: --help helps with what
 * follows, too. */
static const struct setting *read_options(struct raw_settings *g, int argc, char **argv) {
  struct option options[SETTINGS_MAX + 1] = {{0}};
  const struct setting *todo = NULL;

  must(settings_count <= SETTINGS_MAX);
  for (unsigned i = 0, n = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->name)
      options[n++] = (struct option){t->name, t->value ? required_argument : no_argument, NULL,
                                     OPTION_FIRST + (int)i};
  }

  optind = 0; /* makes glibc start anew */
  opterr = 0;
  for (int c; !g->failed && (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
    const struct setting *t = c < OPTION_FIRST ? NULL : &settings_table[c - OPTION_FIRST];
    if (!t) wrong_option(g, c, argv);
    else if (t->value) raw_settings_add_named(g, t, SOURCE_OPTION, optarg);
    else if (strcmp(t->name, "help") == 0 || strcmp(t->name, "version") == 0) return t;
    else if (!todo) todo = t;
  }

  if (!g->failed && optind < argc) {
    fprintf(g->err, "jidnsd: '%s': not an option; see jidnsd --help\n", argv[optind]);
    g->failed = true;
  }

  return todo;
}

/* ---- all of it ---- */

/* Those of titled sections are read when one begins. */
static void set_defaults(struct raw_settings *g) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->default_value && !(t->section && t->section->title))
      raw_settings_add_named(g, t, SOURCE_DEFAULT, t->default_value);
  }
}

/* Does whoever listens at `here` get what is sent to `to`? */
static bool reaches(const union addr *here, const union addr *to) {
  if (addr_equal(here, to)) return true;
  return addr_is_any(here) && here->any.sa_family == to->any.sa_family && addr_port(here) == addr_port(to) &&
         addr_is_loopback(to);
}

static bool check_loops(const struct settings *s, const char *option, const struct settings_servers *set,
                        FILE *err) {
  char text[ADDR_TEXT];
  for (unsigned i = 0; i < set->count; i++) {
    for (unsigned k = 0; k < s->listen_count; k++) {
      if (!reaches(&s->listen[k], &set->list[i].addr)) continue;
      fprintf(err, "jidnsd: --%s '%s': jidnsd itself listens there; name another server\n", option,
              addr_format(&set->list[i].addr, text));
      return false;
    }
  }
  return true;
}

static bool check_all_loops(const struct settings *s, FILE *err) {
  bool good = check_loops(s, "upstream", &s->upstream, err);
  for (unsigned i = 0; i < s->forward_count && good; i++) {
    good = check_loops(s, "forward", &s->forwards[i].servers, err);
  }
  return good;
}

static bool check_metrics(const struct settings *s, FILE *err) {
  char text[ADDR_TEXT];
  const union addr *a = &s->metrics.addr;
  if (!a->any.sa_family || addr_is_loopback(a) || s->metrics.is_public) return true;
  fprintf(err,
          "jidnsd: --metrics %s: other hosts can reach that address; add --metrics-public on to allow it\n",
          addr_format(a, text));
  return false;
}

static void listen_at_default(struct settings *s) {
  const struct setting *t = setting_named("listen");
  s->listen_default = true;
  must(t->read(t, s, "127.0.0.1:53") && t->read(t, s, "[::1]:53"));
}

/* Where sockets were passed jidnsd listens, whatever else is set: in place of the default addresses. */
static bool listen_where_passed(struct settings *s, FILE *err) {
  struct passed_sockets passed;
  if (!passed_sockets_find(&passed, err)) return false;

  for (unsigned i = 0; i < passed.count; i++) {
    if (settings_listens(s, &passed.of[i].addr)) continue;
    if (s->listen_count == SETTINGS_LISTEN) {
      passed_sockets_too_many(err);
      return false;
    }
    *s->listen_scopes[s->listen_count] = 0;
    s->listen[s->listen_count++] = passed.of[i].addr;
  }
  return true;
}

/* What options or environment say of where settings stand; NULL: nothing. */
static const struct raw_value *last_named(const struct raw_settings *g, const char *name) {
  const struct setting *t = setting_named(name);
  const struct raw_value *found = NULL;
  for (const struct raw_value *v = g->first; v; v = v->next) {
    if (v->setting == t && (!found || v->source >= found->source)) found = v;
  }
  return found;
}

/* The file that options or environment name, else the one in its usual place; then the text that they give.
 */
static void read_file_and_text(struct raw_settings *g) {
  const struct raw_value *file = last_named(g, "config"), *text = last_named(g, "settings");
  if (!file) settings_file_read(g, SETTINGS_FILE, false);
  else if (*file->text) settings_file_read(g, file->text, true);
  if (text)
    settings_text_read(g, text->source == SOURCE_OPTION ? "--settings" : "JIDNS_SETTINGS", text->text);
}

static bool fit_memory(struct settings *s, FILE *err) {
  struct memory_limit m;
  memory_limit_find("", &m);
  return settings_fit_memory(s, &m, err);
}

/* As far as can be told without starting. */
static enum settings_outcome check(struct settings *s, FILE *out, FILE *err) {
  bool warned = false;
  char room[MEMORY_LIMIT_TEXT];
  if (!settings_check_zones(s, err) || !share_check(&s->share, err) ||
      !settings_check_here(s, &warned, err) || !settings_check_system(s, &warned, err))
    return SETTINGS_WRONG;
  warned |= !fit_memory(s, err);
  fprintf(out, "jidnsd: the settings %s\n", warned ? "can be used; see the warnings" : "are good");
  fprintf(out, "jidnsd: the cache takes up to %s of memory\n", memory_limit_format(s->cache_limit, room));
  return SETTINGS_TOLD;
}

static enum settings_outcome tell(const struct setting *todo, const struct raw_settings *g, FILE *out) {
  if (strcmp(todo->name, "version") == 0) fprintf(out, "jidnsd (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
  else if (strcmp(todo->name, "help") == 0) settings_print_help(out);
  else settings_print_config(g, out);
  return SETTINGS_TOLD;
}

static enum settings_outcome read_all(struct settings *s, struct raw_settings *g, int argc, char **argv,
                                      FILE *out) {
  const struct setting *todo = read_options(g, argc, argv);
  if (!g->failed && todo && (strcmp(todo->name, "help") == 0 || strcmp(todo->name, "version") == 0))
    return tell(todo, g, out);
  if (g->failed) return SETTINGS_WRONG;
  settings_environment_read(g);
  read_file_and_text(g);
  set_defaults(g);
  *s = (struct settings){.tcp = SERVE_TCP_DEFAULTS};
  snprintf(s->file, sizeof s->file, "%s", g->path ? g->path : "");
  raw_settings_apply(g, s, SOURCE_DEFAULT);
  raw_settings_apply(g, s, SOURCE_FILE);
  raw_settings_apply(g, s, SOURCE_TEXT);
  raw_settings_apply(g, s, SOURCE_ENVIRONMENT);
  if (!g->failed) raw_settings_apply(g, s, SOURCE_OPTION);
  if (!listen_where_passed(s, g->err)) return SETTINGS_WRONG;
  if (!s->listen_count) listen_at_default(s);
  if (g->failed || !check_all_loops(s, g->err) || !check_metrics(s, g->err)) return SETTINGS_WRONG;
  if (todo && strcmp(todo->name, "check-config") == 0) return check(s, out, g->err);
  if (todo && strcmp(todo->name, "health") == 0) return SETTINGS_HEALTH;
  return todo ? tell(todo, g, out) : SETTINGS_RUN;
}

enum settings_outcome settings_read(struct settings *s, int argc, char **argv, FILE *out, FILE *err) {
  struct raw_settings g = {.err = err};
  enum settings_outcome outcome = read_all(s, &g, argc, argv, out);
  raw_settings_free(&g);
  return outcome;
}

const char *settings_list(const union addr *list, unsigned n, char text[SETTINGS_LIST_TEXT]) {
  char one[ADDR_TEXT];
  size_t at = 0;
  *text = 0;
  for (unsigned i = 0; i < n && i < SETTINGS_LISTEN; i++) {
    at += (size_t)snprintf(text + at, SETTINGS_LIST_TEXT - at, "%s%s", i ? ", " : "",
                           addr_format(&list[i], one));
  }
  return text;
}

bool settings_forward(struct settings *s, const uint8_t *name, uint8_t len, const union addr *servers,
                      unsigned n) {
  for (unsigned i = 0; i < s->forward_count; i++) {
    if (name_equal(s->forwards[i].domain.octets, s->forwards[i].domain.len, name, len)) return true;
  }
  if (s->forward_count == SETTINGS_FORWARDS) return false;
  struct settings_forward *f = &s->forwards[s->forward_count];
  *f = (struct settings_forward){.domain.len = len};
  memcpy(f->domain.octets, name, len);
  for (unsigned i = 0; i < n && f->servers.count < UPSTREAM_SERVERS; i++) {
    bool own = false;
    for (unsigned k = 0; k < s->listen_count; k++) own |= reaches(&s->listen[k], &servers[i]);
    if (!own) f->servers.list[f->servers.count++].addr = servers[i];
  }
  s->forward_count += f->servers.count > 0;
  return true;
}

bool settings_listens(const struct settings *s, const union addr *addr) {
  for (unsigned i = 0; i < s->listen_count; i++) {
    if (addr_equal(&s->listen[i], addr)) return true;
  }
  return false;
}

void settings_keep_fixed(struct settings *s, const struct settings *running, FILE *err) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->fixed) continue;

    char *now = (char *)s + t->at;
    const char *was = (const char *)running + t->at;
    if (memcmp(now, was, t->size) != 0)
      fprintf(err, "jidnsd: --%s: takes effect at the next start\n", t->name);
    memcpy(now, was, t->size);
  }

  /* What was found out at the start follows from these. */
  s->cache_limit = running->cache_limit;
  s->tcp = running->tcp;
  s->control.usual = running->control.usual;
}
