/* A fleet's engine by script, in virtual time: the few commands that members may give, on keys in memory, and
 * how it fails. Several worlds may share one; each has a line to it. */
#ifndef JIDNS_SCENARIO_ENGINE_H
#define JIDNS_SCENARIO_ENGINE_H
#include "share/share.h"

enum { ENGINE_KEYS = 4096 };

struct engine_key {
  size_t key_len, len;
  uint64_t end_ms; /* by the engine's clock; 0: never */
  uint8_t key[ENTRY_KEY_MAX + 2];
  uint8_t value[ENTRY_MAX];
};

struct engine_script {
  int64_t clock_ms;                     /* the engine's clock at world time 0 */
  uint32_t late_ms;                     /* every reply */
  bool silent;                          /* nothing is answered */
  bool away;                            /* is_ready says no */
  const char *read_error, *write_error; /* its words to GET; to SET */
  bool holds_leases;                    /* all, for another member that never comes to an end */
  bool no_time;                         /* the ACL has no TIME */
  unsigned gets, sets;                  /* of entries, not of leases and clocks */
  unsigned praises, refusals;
  struct engine_key *keys; /* ENGINE_KEYS */
};

/* What a member is. */
struct engine_manner {
  bool is_reader;
  uint8_t secret;    /* octet that its secret is made of */
  const char *space; /* NULL: "default" */
};

/* What waits to be delivered. */
struct engine_line {
  struct engine engine;
  struct engine_script *script; /* NULL: there is no line */
  struct mac_key *mac;
  struct share *share;
  struct list waiting;
};

struct engine_script *engine_script_new(void);
void engine_script_free(struct engine_script *s);
/* The entry of that name and type, whichever view; NULL: there is none. */
struct engine_key *engine_script_find(struct engine_script *s, const char *name, uint16_t type,
                                      uint64_t now_ms);
unsigned engine_script_entries(const struct engine_script *s); /* of all names, those over too */

void engine_line_open(struct engine_line *l, struct engine_script *s, const struct engine_manner *manner,
                      struct timers *timers, struct counters *counters);
void engine_line_up(struct engine_line *l, uint64_t now_ms); /* as when it connects */
void engine_line_close(struct engine_line *l, uint64_t now_ms);
uint64_t engine_line_next_ms(const struct engine_line *l); /* UINT64_MAX: never */
void engine_line_deliver(struct engine_line *l, uint64_t now_ms);
#endif
