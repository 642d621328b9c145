/* test_snapshot.c: what a cache holds is in the next one, only older. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cache/snap_kit.h"
#include "dns/ttl.h"
#include "kit/seen.h"

enum { OTHER_SEED = 0xabcdef, STALE_S = 86400 };

static struct cache *c, *next;
static struct made made;
static struct asked asked;
static struct seen s;
static struct cache_hit hit;
static struct snapshot_report report;
static uint8_t out[DNS_MSG_MAX];

static void setup(void) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  next = cache_new(CACHE_SIZE_MIN, OTHER_SEED);
}
static void teardown(void) {
  cache_free(c);
  cache_free(next);
  snap_close();
}

TestSuite(snapshot, .init = setup, .fini = teardown);

static void put_a(struct cache *to, const char *name, uint32_t ttl, unsigned count, uint32_t stored_at,
                  enum cache_origin how) {
  uint8_t wire[NAME_MAX_LEN];
  made_a(&made, name, ttl, count, stored_at);
  if (to == next)
    question_make(&made.question, wire, name_parse(name, wire), TYPE_A, CLASS_IN, 0, OTHER_SEED);
  cr_assert(cache_put(to, &made.question, &made.answer, how, 0, 0));
}

static void write_it(void) {
  cr_assert_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_GOOD, "%s", report.why);
}

static void load(struct snapshot_now now) {
  cr_assert_eq(snapshot_load(next, snap_path(), &now, STALE_S, NULL, &report), SNAPSHOT_GOOD, "%s",
               report.why);
}

/* Asks the next cache for an A. */
static enum cache_found get(const char *name, uint32_t tick) {
  asked_plain(&asked, name, TYPE_A);
  cr_assert_eq(query_read(&asked.query, asked.msg.octets, asked.msg.len, OTHER_SEED), QUERY_OK);
  enum cache_found found = cache_get(next, &asked.query, tick, DNS_MSG_MAX, out, &hit);
  if (hit.len) cr_assert(seen_read(&s, out, hit.len), "%s", s.why);
  return found;
}

/* How many of what is in the cache are said to be authentic. */
static unsigned authentic(struct cache *of) {
  unsigned n = 0;
  struct cache_entry entry;
  struct cache_walk *walk = cache_walk_new(of);
  while (cache_walk_next(walk, &entry)) n += (entry.answer.head.flags & (ANSWER_AD | ANSWER_JUDGED)) != 0;
  cache_walk_free(walk);
  return n;
}

Test(snapshot, what_was_proven_by_others_is_not_said_to_be_proven) {
  static const struct {
    uint64_t then, now;
    bool holds;
  } cases[] = {{7, 7, true}, {0, 0, true}, {7, 0, true}, {7, 8, false}, {0, 7, false}};
  snap_fill(c);
  unsigned all = authentic(c);
  cr_assert_gt(all, 0);
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct snapshot_now then = snap_then, now = snap_later(100);
    then.proven_by = cases[i].then;
    now.proven_by = cases[i].now;
    cr_assert_eq(snapshot_write(c, snap_path(), &then, NULL, &report), SNAPSHOT_GOOD);
    cache_free(next);
    next = cache_new(CACHE_SIZE_MIN, OTHER_SEED);
    load(now);
    cr_expect_eq(report.entries, SNAP_KINDS);
    cr_expect_eq(authentic(next), cases[i].holds ? all : 0, "case %u", i);
  }
}

static bool get_stale(const char *name, uint32_t tick) {
  get(name, tick);
  return cache_get_stale(next, &asked.query, tick, STALE_S, DNS_MSG_MAX, out, &hit);
}

Test(snapshot, what_was_kept_is_there_record_for_record_under_another_hash) {
  snap_fill(c);
  write_it();
  cr_expect_eq(report.entries, SNAP_KINDS);
  load(snap_later(100));
  cr_expect_eq(report.entries, SNAP_KINDS);
  cr_expect_eq(report.left_out, 0);
  snap_same(c, next, SNAP_LATER - SNAP_TICK - 100 * TICKS_PER_S);
  cr_expect_eq(get("EXAMPLE.org", SNAP_LATER), CACHE_FRESH);
  cr_expect_eq(s.an, 3);
}

Test(snapshot, an_empty_cache_is_kept_too) {
  write_it();
  load(snap_later(0));
  cr_expect_eq(report.entries, 0);
}

Test(snapshot, thousands_go_through_many_blocks_and_large_answers_too) {
  char name[40];
  cache_free(c);
  cache_free(next);
  c = cache_new(64 << 20, KIT_SEED);
  next = cache_new(64 << 20, OTHER_SEED);
  for (unsigned i = 0; i < 5000; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    put_a(c, name, 300, i % 1000 ? 1 + i % 7 : 590, SNAP_TICK - i, ORIGIN_QUERY);
  }

  write_it();
  load(snap_later(0));
  cr_expect_eq(report.entries, 5000);
  for (unsigned i = 0; i < 5000; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    cr_assert_neq(get(name, SNAP_LATER), CACHE_MISS, "%u", i);
  }
}

Test(snapshot, ttls_lessen_by_the_age_before_and_the_time_asleep) {
  put_a(c, "example.org", 300, 1, SNAP_TICK - 20 * TICKS_PER_S, ORIGIN_QUERY);
  write_it();
  load(snap_later(100));
  cr_expect_eq(get("example.org", SNAP_LATER), CACHE_FRESH);
  cr_expect_eq(s.records[0].ttl, 180);
  cr_expect_eq(get("example.org", SNAP_LATER + 180 * TICKS_PER_S - 1), CACHE_FRESH);
  cr_expect_eq(get("example.org", SNAP_LATER + 180 * TICKS_PER_S), CACHE_EXPIRED);
}

Test(snapshot, what_ran_out_meanwhile_stands_in_while_max_stale_lasts_and_no_longer) {
  put_a(c, "soon.example", 300, 1, SNAP_TICK, ORIGIN_QUERY);
  put_a(c, "long.example", 3000, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  load(snap_later(STALE_S + 300));
  cr_expect_eq(report.entries, 2);
  cr_expect_eq(get("soon.example", SNAP_LATER), CACHE_EXPIRED);
  cr_expect(get_stale("soon.example", SNAP_LATER));
  cr_expect_not(get_stale("soon.example", SNAP_LATER + 1));
  cr_expect(get_stale("long.example", SNAP_LATER + 1));
  cache_flush(next, &(struct cache_which){0});
  load(snap_later(STALE_S + 301));
  cr_expect_eq(report.entries, 1);
  cr_expect_eq(report.left_out, 1);
  cr_expect_eq(get("soon.example", SNAP_LATER), CACHE_MISS);
}

Test(snapshot, a_birth_before_the_clock_began_is_left_out) {
  put_a(c, "example.org", 300, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  load((struct snapshot_now){.wall_ms = SNAP_WALL + 100000, .tick = 1000});
  cr_expect_eq(report.entries, 0);
  load((struct snapshot_now){.wall_ms = SNAP_WALL + 100000, .tick = 1001});
  cr_expect_eq(report.entries, 1);
}

Test(snapshot, after_a_clock_was_turned_back_all_counts_as_just_expired) {
  put_a(c, "example.org", TTL_MAX, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  load((struct snapshot_now){.wall_ms = SNAP_WALL - 61000, .tick = SNAP_LATER});
  cr_expect(report.turned_back);
  cr_expect_eq(get("example.org", SNAP_LATER), CACHE_EXPIRED);
  cr_expect(get_stale("example.org", SNAP_LATER));
  cr_expect_not(get_stale("example.org", SNAP_LATER + STALE_S * TICKS_PER_S + 1));
}

Test(snapshot, a_clock_corrected_by_some_seconds_makes_no_difference) {
  put_a(c, "example.org", 300, 1, SNAP_TICK - 20 * TICKS_PER_S, ORIGIN_QUERY);
  write_it();
  load((struct snapshot_now){.wall_ms = SNAP_WALL - 5000, .tick = SNAP_LATER});
  cr_expect_not(report.turned_back);
  cr_expect_eq(get("example.org", SNAP_LATER), CACHE_FRESH);
  cr_expect_eq(s.records[0].ttl, 280);
}

Test(snapshot, clocks_that_show_any_time_never_make_an_answer_last_longer) {
  static const uint64_t walls[] = {0, 1, SNAP_WALL - 1, SNAP_WALL, SNAP_WALL + 1, UINT64_MAX / 2, UINT64_MAX};
  static const uint32_t ticks[] = {0, 1, SNAP_TICK, SNAP_LATER, UINT32_MAX - 300 * TICKS_PER_S};
  put_a(c, "example.org", 300, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
    for (size_t k = 0; k < sizeof ticks / sizeof *ticks; k++) {
      load((struct snapshot_now){.wall_ms = walls[i], .tick = ticks[k]});
      if (get("example.org", ticks[k]) == CACHE_FRESH) cr_expect_leq(s.records[0].ttl, 300);
      cr_expect_neq(get("example.org", ticks[k] + 300 * TICKS_PER_S), CACHE_FRESH);
      cache_flush(next, &(struct cache_which){0});
    }
  }
}

Test(snapshot, what_was_stored_while_it_was_written_is_not_younger_than_new) {
  put_a(c, "example.org", 300, 1, SNAP_TICK + 50, ORIGIN_QUERY);
  write_it();
  load(snap_later(2));
  cr_expect_eq(get("example.org", SNAP_LATER), CACHE_FRESH);
  cr_expect_eq(s.records[0].ttl, 300);
}

Test(snapshot, an_answer_got_since_the_start_stays) {
  put_a(c, "example.org", 300, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  put_a(next, "example.org", 60, 2, SNAP_LATER - 5, ORIGIN_QUERY);
  load(snap_later(10));
  cr_expect_eq(report.left_out, 1);
  cr_expect_eq(get("example.org", SNAP_LATER), CACHE_FRESH);
  cr_expect_eq(s.an, 2);
}

Test(snapshot, what_was_fetched_ahead_is_still_waiting_for_its_first_use) {
  snap_fill(c);
  write_it();
  load(snap_later(1));
  cr_expect_neq(get("ahead.example.org", SNAP_LATER), CACHE_MISS);
  cr_expect_eq(hit.origin, ORIGIN_PREFETCH_S2S);
  cr_expect_neq(get("example.org", SNAP_LATER), CACHE_MISS);
  cr_expect_eq(hit.origin, ORIGIN_QUERY);
}

/* Every tenth of many was used. */
static void put_hot_and_cold(unsigned n) {
  char name[40];
  for (unsigned i = 0; i < n; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    put_a(c, name, 3000, 1, SNAP_TICK, ORIGIN_QUERY);
    asked_plain(&asked, name, TYPE_A);
    if (i % 10 == 0) cache_get(c, &asked.query, SNAP_TICK, DNS_MSG_MAX, out, &hit);
  }
}

/* How many of those that were used, and of the others, are in a cache. */
static void count_them(struct cache *in, unsigned n, unsigned *hot, unsigned *cold) {
  uint8_t wire[NAME_MAX_LEN];
  struct question q;
  char name[40];
  bool unused;
  *hot = *cold = 0;
  for (unsigned i = 0; i < n; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    question_make(&q, wire, name_parse(name, wire), TYPE_A, CLASS_IN, 0, in == c ? KIT_SEED : OTHER_SEED);
    bool there = cache_look(in, &q, 0, &unused) != CACHE_MISS;
    if (i % 10 == 0) *hot += there;
    else *cold += there;
  }
}

static void flood(struct cache *to, unsigned n) {
  char name[40];
  for (unsigned i = 0; i < n; i++) {
    snprintf(name, sizeof name, "flood%u.example", i);
    put_a(to, name, 3000, 1, SNAP_LATER, ORIGIN_QUERY);
  }
}

Test(snapshot, the_hot_set_is_as_hot_after_a_restart_as_without) {
  enum { N = 24000 };
  unsigned hot, cold, hot_without, cold_without;
  put_hot_and_cold(N);
  write_it();
  load(snap_later(1));
  flood(next, N);
  flood(c, N);
  count_them(c, N, &hot_without, &cold_without);
  count_them(next, N, &hot, &cold);
  cr_assert_gt(hot_without, N / 10 * 9 / 10, "%u are hot", hot_without);
  cr_assert_lt(cold_without, N / 2, "the rest goes: %u", cold_without);
  cr_expect_geq(hot, hot_without - N / 200, "%u, without %u", hot, hot_without);
  cr_expect_leq(cold, cold_without + N / 200, "%u, without %u", cold, cold_without);
}

Test(snapshot, a_smaller_cache_takes_what_it_can) {
  char name[40];
  cache_free(c);
  c = cache_new(16 << 20, KIT_SEED);
  for (unsigned i = 0; i < 50000; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    put_a(c, name, 300, 3, SNAP_TICK, ORIGIN_QUERY);
  }
  write_it();
  load(snap_later(1));
  struct cache_stats stats;
  cache_stats(next, &stats);
  cr_expect_gt(stats.entries, 3000);
  cr_expect_lt(stats.entries, 50000);
}

/* ---- files ---- */

static size_t size_of(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void spoil(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  cr_assert_not_null(f);
  fputs(text, f);
  fclose(f);
}

static const char *beside(void) {
  static char path[80];
  snprintf(path, sizeof path, "%s.new", snap_path());
  return path;
}

Test(snapshot, only_its_owner_may_read_it_and_nothing_is_left_beside_it) {
  struct stat st;
  spoil(beside(), "of one that was killed while it wrote");
  snap_fill(c);
  write_it();
  cr_assert_eq(stat(snap_path(), &st), 0);
  cr_expect_eq(st.st_mode & 0777, 0600);
  cr_expect_eq(size_of(beside()), 0);
}

Test(snapshot, a_missing_folder_fails_and_is_named) {
  cr_expect_eq(snapshot_write(c, "/nonexistent/cache", &snap_then, NULL, &report), SNAPSHOT_FAILED);
  cr_expect_str_eq(report.why, "No such file or directory");
}

/* A file may not grow beyond so many octets, as on a disk that is full. */
static void limit_files(rlim_t octets) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = octets;
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(snapshot, a_write_that_fails_leaves_the_old_one_and_nothing_beside) {
  write_it();
  size_t before = size_of(snap_path());
  snap_fill(c);
  limit_files(before + 10);
  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_FAILED);
  cr_expect_str_eq(report.why, "File too large");
  limit_files(RLIM_INFINITY);
  cr_expect_eq(size_of(snap_path()), before);
  cr_expect_eq(size_of(beside()), 0);
  load(snap_later(0));
}

Test(snapshot, one_that_is_stopped_leaves_the_old_one) {
  char name[40];
  bool stop = true;

  write_it();
  size_t before = size_of(snap_path());
  for (unsigned i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    put_a(c, name, 300, 3, SNAP_TICK, ORIGIN_QUERY);
  }

  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, &stop, &report), SNAPSHOT_STOPPED);
  cr_expect_eq(size_of(snap_path()), before);
  cr_expect_eq(size_of(beside()), 0);
  write_it();
  struct snapshot_now now = snap_later(0);
  cr_expect_eq(snapshot_load(next, snap_path(), &now, STALE_S, &stop, &report), SNAPSHOT_STOPPED);
  cr_expect_eq(report.entries, 0);
}

Test(snapshot, a_file_that_is_no_snapshot_is_neither_read_nor_replaced) {
  struct snapshot_now now = snap_later(0);
  spoil(snap_path(), "root:x:0:0:root:/root:/bin/bash\n");
  cr_expect_eq(snapshot_load(next, snap_path(), &now, STALE_S, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_str_eq(report.why, "it is no snapshot of jidnsd's");
  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_eq(size_of(snap_path()), 32);
}

Test(snapshot, a_folder_or_a_pipe_is_no_snapshot_and_nobody_waits_for_it) {
  struct snapshot_now now = snap_later(0);
  cr_expect_eq(snapshot_load(next, "/tmp", &now, STALE_S, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_eq(snapshot_write(c, "/tmp", &snap_then, NULL, &report), SNAPSHOT_FOREIGN);
  cr_assert_eq(mkfifo(snap_path(), 0600), 0);
  cr_expect_eq(snapshot_load(next, snap_path(), &now, STALE_S, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_FOREIGN, "the pipe stays");
  cr_expect_str_eq(report.why, "it is no regular file");
  cr_expect_eq(snapshot_write(c, "/dev/null", &snap_then, NULL, &report), SNAPSHOT_FOREIGN);
}

Test(snapshot, a_link_is_neither_followed_nor_replaced) {
  struct snapshot_now now = snap_later(0);
  struct stat st;
  cr_assert_eq(symlink("/nowhere/else", snap_path()), 0);
  cr_expect_eq(snapshot_load(next, snap_path(), &now, STALE_S, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_str_eq(report.why, "it is a symbolic link");
  cr_expect(lstat(snap_path(), &st) == 0 && S_ISLNK(st.st_mode));
}

Test(snapshot, a_pipe_where_it_is_written_first_stays) {
  struct stat st;
  snap_path();
  cr_assert_eq(mkfifo(beside(), 0600), 0);
  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect(lstat(beside(), &st) == 0 && S_ISFIFO(st.st_mode));
}

/* What the keeper does while commands come: it begins before the first, and loads in another thread. */
Test(snapshot, what_is_flushed_before_it_is_loaded_stays_out) {
  uint8_t name[NAME_MAX_LEN];
  put_a(c, "a.example", 3000, 1, SNAP_TICK, ORIGIN_QUERY);
  put_a(c, "b.a.example", 3000, 1, SNAP_TICK, ORIGIN_QUERY);
  put_a(c, "other.example", 3000, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  cr_assert(cache_restore_begin(next, NULL, NULL));
  cr_expect_not(cache_restore_is_flushed(next));
  struct cache_which which = {.name = name, .name_len = name_parse("a.example", name), .type = TYPE_AAAA};
  cache_flush(next, &which);
  which.type = 0;
  which.below = true;
  cache_flush(next, &which);
  cr_expect(cache_restore_is_flushed(next));
  load(snap_later(0));
  cr_expect_eq(report.entries, 1);
  cr_expect_eq(get("a.example", SNAP_LATER), CACHE_MISS);
  cr_expect_eq(get("b.a.example", SNAP_LATER), CACHE_MISS);
  cr_expect_eq(get("other.example", SNAP_LATER), CACHE_FRESH);
  cache_flush(next, &(struct cache_which){0});
  load(snap_later(0));
  cr_expect_eq(report.entries, 0, "after --all nothing comes back");
  cache_restore_end(next);
  load(snap_later(0));
  cr_expect_eq(report.entries, 3, "what is flushed at other times is not remembered");
}

static void put_srv(const char *name, const char *host) {
  made_start(&made, name, TYPE_SRV, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, name, TYPE_SRV, 3000, rd_srv(1, 1, 5269, host));
  made_add(&made, SECTION_ADDITIONAL, host, TYPE_A, 3000, rd_a("192.0.2.1"));
  made_done(&made, SNAP_TICK);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
}

Test(snapshot, an_address_that_is_flushed_does_not_come_back_in_an_srv_answer) {
  uint8_t name[NAME_MAX_LEN];
  put_srv("_xmpp-server._tcp.a.example", "h.a.example");
  put_srv("_xmpp-server._tcp.b.example", "h.b.example");
  write_it();
  cr_assert(cache_restore_begin(next, NULL, NULL));
  cache_flush(next, &(struct cache_which){
                        .name = name, .name_len = name_parse("H.a.example", name), .type = TYPE_AAAA});
  load(snap_later(0));
  cr_expect_eq(report.entries, 2, "another type");
  cache_flush(next, &(struct cache_which){0});
  cache_restore_end(next);

  cr_assert(cache_restore_begin(next, NULL, NULL));
  cache_flush(next, &(struct cache_which){.name = name, .name_len = name_parse("H.a.example", name)});
  load(snap_later(0));
  cr_expect_eq(report.entries, 1, "another host's");
  cache_restore_end(next);
}

Test(snapshot, so_many_flushes_that_not_all_are_remembered_leave_all_out) {
  char text[40];
  uint8_t name[NAME_MAX_LEN];
  put_a(c, "a.example", 3000, 1, SNAP_TICK, ORIGIN_QUERY);
  write_it();
  cr_assert(cache_restore_begin(next, NULL, NULL));
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "x%d.example", i);
    cache_flush(next, &(struct cache_which){.name = name, .name_len = name_parse(text, name)});
  }
  load(snap_later(0));
  cr_expect_eq(report.entries, 0);
}

Test(snapshot, a_socket_is_not_replaced) {
  struct stat st;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  cr_assert_lt(strlen(snap_path()), sizeof name.sun_path);
  strcpy(name.sun_path, snap_path());
  cr_assert_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  close(fd);
  cr_expect_eq(snapshot_write(c, snap_path(), &snap_then, NULL, &report), SNAPSHOT_FOREIGN);
  cr_expect_str_eq(report.why, "it is no regular file");
  cr_expect(lstat(snap_path(), &st) == 0 && S_ISSOCK(st.st_mode));
}

Test(snapshot, a_missing_file_is_nothing_to_complain_of) {
  struct snapshot_now now = snap_later(0);
  cr_expect_eq(snapshot_load(next, snap_path(), &now, STALE_S, NULL, &report), SNAPSHOT_MISSING);
  cr_expect_str_empty(report.why);
}
