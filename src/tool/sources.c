/* sources.c: questions answered from zone files, by the zones of jidnsd, and the others from the network.
 * Exports sources_*. */
#include "tool/sources.h"

#include <stdlib.h>

#include "base/must.h"
#include "dns/build.h"
#include "tool/cached.h"
#include "zones/zones.h"

struct sources {
  const struct ask_options *ask; /* borrowed */
  struct zonefile *reader;
  struct zones *lab; /* NULL: no zones */
  bool offline;
  const struct cached *cached; /* borrowed; NULL: none */
  /* for one answer at a time, too large for the stack */
  struct zones_alias alias;
  struct build build;
  struct answer made;
  uint8_t message[DNS_MSG_MAX];
};

/* A question whose name is an alias, and the one for what that leads to. */
struct onward {
  struct asked *first; /* has the CNAMEs as its answer so far */
  struct asked rest;
};

/* ---- reading the zones ---- */

static bool read_zone(const char *text, struct zones_file *out) {
  const char *equals = strchr(text, '=');
  char name[NAME_TEXT];
  uint8_t octets[NAME_MAX_LEN];
  if (!equals || equals == text || (size_t)(equals - text) >= sizeof name) return false;
  snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
  size_t len = name_parse(name, octets);
  if (len == 0 || equals[1] == 0 || strlen(equals + 1) >= sizeof out->file) return false;

  *out = (struct zones_file){.name_len = (uint8_t)len};
  name_lower(out->name, octets, len);
  strcpy(out->file, equals + 1);
  return true;
}

bool sources_is_zone(const char *text) {
  struct zones_file z;
  return read_zone(text, &z);
}

/* The zones' code says who it is in front of each line; here the tool speaks. What it warns of is the check's
 * to judge. */
static void say_again(char *lines, FILE *err) {
  static const char daemon[] = "jidnsd: ", warning[] = "warning: ";
  for (char *line = lines, *end; *line; line = end + 1) {
    end = strchr(line, '\n');
    if (!end) return;
    *end = 0;
    if (strncmp(line, daemon, sizeof daemon - 1) == 0) line += sizeof daemon - 1;
    if (strncmp(line, warning, sizeof warning - 1) != 0) fprintf(err, "jidns check: %s\n", line);
  }
}

static bool load_zones(struct sources *s, const char *const *zones, size_t n, FILE *err) {
  struct zones_policy *o = must_zalloc(sizeof *o);
  char *said = NULL;
  size_t said_len;
  FILE *lines = open_memstream(&said, &said_len);
  must(lines);

  for (size_t i = 0; i < n && i < ZONES_FILES_MAX; i++) must(read_zone(zones[i], &o->zones[o->zone_count++]));
  s->reader = zonefile_open(lines);
  bool good = s->reader && zones_load(o, ZONES_EXPAND_OFF, s->reader, NULL, &s->lab, lines);
  fclose(lines);
  say_again(said, err);
  free(said);
  free(o);
  return good;
}

struct sources *sources_open(const char *const *zones, size_t n, const struct ask_options *ask, bool offline,
                             FILE *err) {
  struct sources *s = must_zalloc(sizeof *s);
  s->ask = ask;
  s->offline = offline;
  if (n == 0 || load_zones(s, zones, n, err)) return s;
  sources_close(s);
  return NULL;
}

struct sources *sources_of_cache(const struct cached *cached) {
  struct sources *s = must_zalloc(sizeof *s);
  s->cached = cached;
  return s;
}

void sources_close(struct sources *s) {
  if (!s) return;
  zones_free(s->lab);
  zonefile_close(s->reader);
  free(s);
}

/* ---- answers from the zones ---- */

static void make_query(struct query *q, const uint8_t *name, size_t len, uint16_t type) {
  *q = (struct query){.query_opts = {.udp_size = DNS_UDP_MAX}};
  question_make(&q->question, name, len, type, CLASS_IN, 0, 0);
  q->query_opts.qname_wire = q->question.key; /* it begins as a question section does */
  q->query_opts.name_len = q->question.name_len;
}

bool sources_hold(const struct sources *s, const uint8_t *name, size_t len) {
  struct query q;
  if (!s->lab) return false;
  make_query(&q, name, len, TYPE_SOA);
  return zones_hold(s->lab, &q.question);
}

static void keep(struct asked *a, const uint8_t *msg, size_t len) {
  asked_free(a);
  a->msg = malloc(len);
  a->outcome = a->msg ? ASKED_ANSWERED : ASKED_SYSTEM;
  if (!a->msg) return;
  memcpy(a->msg, msg, len);
  a->msg[2] |= DNS_AA;
  a->len = len;
}

/* Answers a if the zones can. ZONES_ELSEWHERE: they can't; ZONES_ALIAS: a has the way as far as they know it,
 * s->alias the next name. */
static int answer_from_zones(struct sources *s, struct asked *a) {
  struct query q;
  if (!s->lab || a->server) return ZONES_ELSEWHERE;
  make_query(&q, a->name, a->name_len, a->type);
  int len = zones_answer(s->lab, &q, sizeof s->message, s->message, &s->alias);
  if (len == ZONES_ALIAS) keep(a, s->message, answer_view_message(&q.question, &s->alias.chain, s->message));
  if (len > 0) keep(a, s->message, (size_t)len);
  return len;
}

/* ---- what the zones do not know ---- */

/* The servers that the zones delegate the name to; NULL: they don't, or have no address of them. */
static const union addr *delegated_to(const struct sources *s, const uint8_t *name, size_t len) {
  const struct zones_delegation *d, *deepest = NULL;
  for (unsigned i = 0; s->lab && (d = zones_delegation(s->lab, i)); i++) {
    bool fits = d->server_count > 0 && name_is_within(name, len, d->name, d->name_len);
    if (fits && (!deepest || d->name_len > deepest->name_len)) deepest = d;
  }
  return deepest ? &deepest->servers[0] : NULL;
}

static void leave_out(struct ask_list *l) {
  for (size_t i = 0; i < l->count; i++) l->list[i]->outcome = ASKED_LEFT_OUT;
  l->count = 0;
}

static void choose_servers(const struct sources *s, struct ask_list *l) {
  for (size_t i = 0; i < l->count && s->lab; i++) {
    struct asked *a = l->list[i];
    if (!a->server) a->server = delegated_to(s, a->name, a->name_len);
  }
}

/* The CNAMEs so far and what was found behind them, as one answer. */
static void join(struct sources *s, struct onward *o) {
  struct asked *a = o->first;
  struct query q;

  a->took_us = o->rest.took_us;
  if (o->rest.outcome != ASKED_ANSWERED) {
    asked_free(a);
    a->outcome = o->rest.outcome;
    return;
  }

  make_query(&q, a->name, a->name_len, a->type);
  build_start(&s->build, &s->made, &q.question, o->rest.msg[3] & DNS_RCODE);
  bool good = build_add_message(&s->build, a->msg, a->len, SECTION_ANSWER, SECTION_ADDITIONAL) &&
              build_add_message(&s->build, o->rest.msg, o->rest.len, SECTION_ANSWER, SECTION_ADDITIONAL);
  if (!good) s->made.head.rcode = RCODE_SERVFAIL;
  keep(a, s->message, answer_message(&q.question, &s->made, s->message));
}

/* A question and what its aliases lead to: as many links as the zones follow themselves. */
struct way {
  struct onward links[ZONES_CHAIN];
  unsigned count;
};

/* Goes as far as the zones know; what is to be asked elsewhere, if anything, is put on the list. */
static void start_way(struct sources *s, struct way *w, struct asked *a, struct ask_list *elsewhere) {
  int found = answer_from_zones(s, a);
  while (found == ZONES_ALIAS && w->count < ZONES_CHAIN) {
    struct onward *o = &w->links[w->count++];
    *o = (struct onward){.first = a};
    a = &o->rest;
    ask_make(a, s->alias.target, s->alias.target_len, o->first->type);
    found = answer_from_zones(s, a);
  }
  if (found == ZONES_ELSEWHERE) ask_list_put(elsewhere, a);
}

/* From the last link back to the question itself. */
static void finish_way(struct sources *s, struct way *w) {
  while (w->count > 0) {
    struct onward *o = &w->links[--w->count];
    join(s, o);
    asked_free(&o->rest);
  }
}

void sources_begin(struct sources *s, struct asked *const *list, size_t n, struct sources_round *round) {
  *round = (struct sources_round){.way_count = 0};
  if (s->cached) {
    for (size_t i = 0; i < n; i++) cached_answer(s->cached, list[i]);
  } else if (!s->lab) {
    for (size_t i = 0; i < n; i++) ask_list_put(&round->elsewhere, list[i]);
  } else {
    /* they stay where they are: the list points into them */
    round->ways = must_zalloc((n + 1) * sizeof *round->ways);
    round->way_count = n;
    for (size_t i = 0; i < n; i++) start_way(s, &round->ways[i], list[i], &round->elsewhere);
  }
  if (s->offline) leave_out(&round->elsewhere);
  choose_servers(s, &round->elsewhere);
}

void sources_end(struct sources *s, struct sources_round *round) {
  for (size_t i = 0; i < round->way_count; i++) finish_way(s, &round->ways[i]);
  free(round->ways);
  ask_list_free(&round->elsewhere);
}

struct asker *sources_asker(const struct sources *s) {
  return asker_new(s->ask);
}

void sources_ask(void *context, struct asked *const *list, size_t n) {
  struct sources *s = context;
  struct sources_round round;
  sources_begin(s, list, n, &round);
  if (round.elsewhere.count > 0) ask_all(s->ask, round.elsewhere.list, round.elsewhere.count);
  sources_end(s, &round);
}
