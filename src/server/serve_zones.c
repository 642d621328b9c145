/* serve_zones.c: answers from local zones. An alias that leads out of its zones is followed by asking for
 * what it leads to, as any client would, and both make one answer. Exports serve_zones*. */
#include "server/serve_zones.h"

#include <stdlib.h>

#include "dns/build.h"
#include "server/client_wrap.h"

enum { JOINED_MAGIC = 0x4a4f494e };

struct serve_zones {
  struct zones_alias alias;
  struct build build;
  struct answer made;
};

/* A client that waits for what an alias leads to. */
struct joined {
  struct client_wrap wrap;
  struct query_service *serve;
  struct query query;
  size_t
      way_len; /* of the message with the aliases so far, in `octets` behind the question as it was spelled */
  uint8_t *message; /* DNS_MSG_MAX octets for the other half when it is there at once; only while it is asked
                       for */
  uint8_t octets[];
};

static uint8_t *spelled_of(struct joined *j) { return j->octets; }
static uint8_t *way_of(struct joined *j) { return j->octets + j->query.query_opts.name_len + 4; }

static void joined_free(struct joined *j) {
  free(j->message);
  j->wrap.magic = 0;
  free(j);
}

/* ---- two answers into one ---- */

/* Section by section: the way there, then what was found. */
static bool join(struct joined *j, const uint8_t *found, size_t len) {
  struct build *b = &j->serve->serve_zones->build;
  const uint8_t *way = way_of(j);
  return build_add_message(b, way, j->way_len, SECTION_ANSWER, SECTION_ANSWER) &&
         (!found || build_add_message(b, found, len, SECTION_ANSWER, SECTION_ANSWER)) &&
         build_add_message(b, way, j->way_len, SECTION_AUTHORITY, SECTION_AUTHORITY) &&
         (!found || build_add_message(b, found, len, SECTION_AUTHORITY, SECTION_ADDITIONAL));
}

/* Writes the whole answer; found NULL: what the alias leads to is not told. Returns its length. */
static size_t finish(struct joined *j, const uint8_t *found, size_t len, uint8_t *out) {
  struct query_service *s = j->serve;
  struct serve_zones *l = s->serve_zones;
  const struct query_opts *m = &j->query.query_opts;
  uint8_t rcode = found ? found[3] & DNS_RCODE : RCODE_NOERROR;

  if (!rcode_is_answer(rcode)) return answer_rcode(m, rcode, out);
  build_start(&l->build, &l->made, &j->query.question, rcode);
  if (!join(j, found, len)) return answer_rcode(m, RCODE_SERVFAIL, out);

  answer_note_rotation(&l->made);
  struct answer_view v = answer_view(&l->made);
  size_t n = answer_write(&v, m, ANSWER_FRESH, 0, client_limit(&j->wrap.client, m), out);
  if (found) out[2] |= found[2] & DNS_TC; /* a part is a part of the whole, too */
  out[2] |= DNS_AA;                       /* it is about the first name, RFC 1035 section 4.1.1 */
  if (out[2] & DNS_TC) count(s->counters, truncated);
  return n;
}

static void on_found(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct client_wrap *wrap = client_wrap_of(stand_in, JOINED_MAGIC);
  struct joined *j = container(wrap, struct joined, wrap);
  uint8_t *out = len ? malloc(DNS_MSG_MAX) : NULL;
  size_t n = out ? finish(j, msg, len, out) : 0;
  j->wrap.client.deliver(&j->wrap.client, out, n);
  free(out);
  joined_free(j);
}

/* ---- asking on ---- */

static struct joined *joined_new(struct query_service *s, const struct query *q, const struct client *client,
                                 const struct answer_view *way) {
  size_t spelled = q->query_opts.name_len + 4u, head = DNS_HEADER + spelled;
  struct joined *j = malloc(sizeof *j + spelled + head + way->head.body_len);
  if (!j) return NULL;
  *j = (struct joined){.serve = s, .query = *q, .way_len = head + way->head.body_len};
  client_wrap_init(&j->wrap, client, JOINED_MAGIC, on_found);
  j->wrap.stand_in.transport = TRANSPORT_TCP; /* the other half may be as long as it likes */
  j->wrap.stand_in.links++;
  memcpy(spelled_of(j), q->query_opts.qname_wire, spelled);
  j->query.query_opts.qname_wire = spelled_of(j);
  uint8_t *p = way_of(j);
  memset(p, 0, DNS_HEADER);
  store_u16(p + 6, way->head.an);
  store_u16(p + 8, way->head.ns);
  memcpy(p + DNS_HEADER, q->query_opts.qname_wire, spelled);
  memcpy(p + head, way->body, way->head.body_len);
  return j;
}

static struct serve_result ask_on(struct joined *j, const struct zones_alias *alias, uint64_t now_ms,
                                  uint8_t *out) {
  const struct question *asked = &j->query.question;
  struct query q = {.query_opts = j->query.query_opts};

  question_make(&q.question, alias->target, alias->target_len, question_type(asked), CLASS_IN,
                question_flags(asked), j->serve->seed);
  q.query_opts.qname_wire = q.question.key; /* it begins as a question section does */
  q.query_opts.name_len = q.question.name_len;
  q.query_opts.cookie_len = 0;
  q.query_opts.idle_x100ms = 0;
  struct serve_result result = serve_question(j->serve, &q, &j->wrap.stand_in, now_ms, j->message);
  if (result.len == SERVE_LATER) {
    free(j->message);
    j->message = NULL;
    return result;
  }

  result.len = (int)finish(j, j->message, (size_t)result.len, out);
  joined_free(j);
  return result;
}

static struct serve_result follow(struct query_service *s, const struct query *q, const struct client *client,
                                  uint64_t now_ms, uint8_t *out) {
  struct zones_alias *alias = &s->serve_zones->alias;
  struct joined *j = joined_new(s, q, client, &alias->chain);
  bool recursive = q->query_opts.opcode_rd & DNS_RD;
  if (j && recursive && j->wrap.client.links < FORWARD_ALIASES && (j->message = malloc(DNS_MSG_MAX)))
    return ask_on(j, alias, now_ms, out);

  size_t len = j && !recursive ? finish(j, NULL, 0, out) : answer_rcode(&q->query_opts, RCODE_SERVFAIL, out);
  if (j) joined_free(j);
  return serve_result(s, SERVED_ZONE, (int)len);
}

struct serve_result serve_zones(struct query_service *s, const struct query *q, const struct client *client,
                                uint64_t now_ms, uint8_t *out) {
  size_t limit = client_limit(client, &q->query_opts);
  const struct zones *zones = zones_for(s->zones, &q->question, &client->peer);
  int len = zones_answer(zones, q, limit, out, &s->serve_zones->alias);
  if (len == ZONES_ELSEWHERE) {
    /* what an overlay for some clients lacks, the zones for everybody may have */
    if (zones != s->zones) len = zones_answer(s->zones, q, limit, out, &s->serve_zones->alias);
    if (len == ZONES_ELSEWHERE) return (struct serve_result){SERVED_ELSEWHERE, 0};
  }
  if (len == ZONES_ALIAS) return follow(s, q, client, now_ms, out);
  if (out[2] & DNS_TC) count(s->counters, truncated);
  return serve_result(s, SERVED_ZONE, len);
}

struct serve_zones *serve_zones_new(void) {
  return calloc(1, sizeof(struct serve_zones));
}

void serve_zones_free(struct serve_zones *l) { free(l); }
