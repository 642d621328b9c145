/* zone.c: fuzz target: the text of a zone file, and what is answered from it. Mistakes are said in whole
 * lines that any terminal can show; answers are whole messages from names in the zone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "kit/made.h"
#include "kit/seen.h"
#include "zones/zones.h"

enum { COMPLAINTS = 1 << 16 };

static const struct {
  const char *name;
  uint16_t type;
} questions[] = {{"lab.", TYPE_SOA},
                 {"lab.", TYPE_NS},
                 {"lab.", TYPE_ANY},
                 {"a.lab.", TYPE_A},
                 {"_xmpp-server._tcp.lab.", TYPE_SRV},
                 {"b.lab.", TYPE_A},
                 {"x.w.lab.", TYPE_TXT},
                 {"x.sub.lab.", TYPE_A},
                 {"d.lab.", TYPE_DNAME},
                 {"x.d.lab.", TYPE_AAAA},
                 {"a.lab.", TYPE_DS},
                 {"elsewhere.", TYPE_A}};

struct state {
  struct zonefile *reader;
  struct zones_policy options;
  int fd;
  char folder[32], *err;
};

static struct state *state;

static void end(void) {
  unlink(state->options.zones[0].file);
  rmdir(state->folder);
}

/* The file lies in a folder of its own, so that nothing else can be included. */
static void start(void) {
  struct state *s = state = must_zalloc(sizeof *s);
  strcpy(s->folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz_zone.XXXXXX" : "/tmp/fuzz_zone.XXXXXX");
  s->reader = zonefile_open(stderr);
  must(s->reader && mkdtemp(s->folder));
  struct zones_file *z = &s->options.zones[s->options.zone_count++];
  z->name_len = (uint8_t)name_parse("lab.", z->name);
  snprintf(z->file, sizeof z->file, "%s/zone", s->folder);
  s->fd = open(z->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  s->err = must_alloc(COMPLAINTS);
  must(s->fd >= 0 && atexit(end) == 0);
}

static void check_complaints(const char *err, bool loaded) {
  must(loaded || *err);
  while (*err) {
    const char *end = strchr(err, '\n');
    must(end && end > err);
    for (; err < end; err++) must((unsigned char)*err >= ' ' && *err != 0x7f);
    err = end + 1;
  }
}

static void ask(const struct zones *l, const char *name, uint16_t type, uint16_t udp_size) {
  static uint8_t out[DNS_MSG_MAX];
  static struct asked asked;
  static struct zones_alias alias;
  static struct seen seen;
  if (udp_size) asked_edns(&asked, name, type, udp_size, true);
  else asked_plain(&asked, name, type);
  size_t limit = udp_size ? udp_size : DNS_UDP_PLAIN;
  int n = zones_answer(l, &asked.query, limit, out, &alias);
  if (n == ZONES_ALIAS) must(alias.target_len > 0);
  if (n <= 0) return;
  must((size_t)n <= limit && seen_read(&seen, out, (size_t)n));
  must(seen.id == MSG_ID && seen.high & DNS_QR && seen.edns == !!udp_size);
  must(seen.question_len == asked.query.query_opts.name_len + 4u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct zones *lab = NULL;
  if (!state) start();
  struct state *s = state;
  s->options.zones[0].overlay = size % 2;
  must(ftruncate(s->fd, 0) == 0 && (!size || pwrite(s->fd, data, size, 0) == (ssize_t)size));
  *s->err = 0;
  FILE *err = fmemopen(s->err, COMPLAINTS, "w");
  must(err);
  bool good = zones_load(&s->options, ZONES_EXPAND_ALL, s->reader, NULL, &lab, err);
  fclose(err);
  check_complaints(s->err, good);
  must(good || !lab);
  for (unsigned i = 0; lab && i < sizeof questions / sizeof *questions; i++) {
    ask(lab, questions[i].name, questions[i].type, i % 2 ? 0 : 1232);
  }

  zones_free(lab);
  return 0;
}
