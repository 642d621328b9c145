/* walk_text.c: a walk in words. Exports walks_format and its parts. */
#include <stdio.h>
#include <string.h>

#include "xmpp/walks.h"

const char *walks_name_format(const uint8_t *name, size_t len, char text[NAME_TEXT]) {
  name_format(name, len, text);
  size_t n = strlen(text);
  if (n > 1) text[n - 1] = 0;
  return text;
}

const char *walks_service_text(const struct walk_way *way, enum family_role role) {
  static const char *const texts[][2] = {
      [FAMILY_C2S] = {"_xmpp-client", "_xmpps-client"}, [FAMILY_S2S] = {"_xmpp-server", "_xmpps-server"}};
  return way->by_srv ? texts[role][way->direct_tls] : "no SRV";
}

const char *walks_end_word(enum walk_end end) {
  static const char *const words[] = {[WALK_REACHED] = "reached",
                                      [WALK_NO_SERVICE] = "no-service",
                                      [WALK_NO_ADDRESS] = "no-address",
                                      [WALK_FAILED] = "failed",
                                      [WALK_NOT_TRIED] = "not-tried"};
  return words[end];
}

const char *walks_why_text(enum walk_end end, enum err why) {
  switch (end) {
  case WALK_REACHED: return "";
  case WALK_NO_SERVICE: return "its SRV record says \".\": no such service here";
  case WALK_NO_ADDRESS: return "has no address";
  case WALK_FAILED: return why == ERR_NONE ? "the answer was an error" : err_text(why);
  default: return "it asked for services only, not for an address";
  }
}

const char *walks_why_format(const struct walked *w, char text[WALK_WHY]) {
  char name[NAME_TEXT], question[QUESTION_TEXT];
  const char *why = walks_why_text(w->end, w->why);
  if (w->end == WALK_NO_ADDRESS)
    snprintf(text, WALK_WHY, "%s %s", walks_name_format(w->way.target, w->way.target_len, name), why);
  else if (w->end == WALK_FAILED)
    snprintf(text, WALK_WHY, "%s: %s", question_format(&w->failed_question, question), why);
  else snprintf(text, WALK_WHY, "%s", why);
  return text;
}

/* The address without its port, which changes from question to question. */
static const char *host_format(const union addr *a, char text[ADDR_TEXT]) {
  addr_format(a, text);
  char *end = strrchr(text, ':');
  if (end) *end = 0;
  size_t n = strlen(text);
  if (*text != '[' || n < 2) return text;
  memmove(text, text + 1, n - 2);
  text[n - 2] = 0;
  return text;
}

static void put_way(const struct walked *w, FILE *out) {
  char target[NAME_TEXT];
  fprintf(out, "; %s:%u by %s", walks_name_format(w->way.target, w->way.target_len, target), w->way.port,
          walks_service_text(&w->way, w->role));
}

/* "2 of 5 answers waited for, 1 prefetched, 1 stale" */
static void put_answers(const struct walked *w, FILE *out) {
  fprintf(out, "%u of %u answer%s waited for", w->waited, w->answers, w->answers == 1 ? "" : "s");
  if (w->saved) fprintf(out, ", %u prefetched", w->saved);
  if (w->stale) fprintf(out, ", %u stale", w->stale);
  if (w->failed) fprintf(out, ", %u failed", w->failed);
}

const char *walks_format(const struct walked *w, char text[WALK_TEXT]) {
  char host[ADDR_TEXT], domain[NAME_TEXT], why[WALK_WHY];
  FILE *out = fmemopen(text, WALK_TEXT, "w");
  *text = 0;
  if (!out) return text;

  fprintf(out, "%s at %s ", w->role == FAMILY_S2S ? "server" : "client", host_format(&w->client, host));
  walks_name_format(w->domain, w->domain_len, domain);
  if (w->end == WALK_REACHED) {
    fprintf(out, "reached %s in %u ms: ", domain, w->reached_after_ms);
    put_answers(w, out);
    put_way(w, out);
  } else {
    fprintf(out, "did not reach %s: %s; ", domain, walks_why_format(w, why));
    put_answers(w, out);
  }
  fclose(out);
  text[WALK_TEXT - 1] = 0;
  return text;
}
