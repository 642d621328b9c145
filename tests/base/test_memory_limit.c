/* test_memory_limit.c: which memory limit holds, in made-up machines. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory_limit.h"
#include "kit/emulated.h"

enum { M = 1 << 20 };

#define MOUNT_V2 "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1 "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"

static char root[] = "/tmp/memory_limit.XXXXXX";

static void make_root(void) { cr_assert_not_null(mkdtemp(root)); }

static void remove_root(void) {
  char line[100];
  snprintf(line, sizeof line, "rm -r %s", root);
  cr_expect(system(line) == 0);
}

TestSuite(memory_limit, .init = make_root, .fini = remove_root);

/* A file of the made-up machine, with the folders above it. */
static void put(const char *path, const char *text) {
  char whole[300];
  size_t start = (size_t)snprintf(whole, sizeof whole, "%s%s", root, path) - strlen(path);
  for (char *slash = whole + start; (slash = strchr(slash + 1, '/'));) {
    *slash = 0;
    mkdir(whole, 0755);
    *slash = '/';
  }
  FILE *f = fopen(whole, "w");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s", whole);
}

static struct memory_limit found(void) {
  struct memory_limit m;
  memory_limit_find(root, &m);
  return m;
}

static void expect_limit(uint64_t octets, const char *what) {
  struct memory_limit m = found();
  cr_expect(m.octets == octets, "%llu, not %llu", (unsigned long long)m.octets, (unsigned long long)octets);
  cr_expect_str_eq(m.what, what);
}

Test(memory_limit, a_machine_that_tells_nothing_has_none) { expect_limit(UINT64_MAX, ""); }

Test(memory_limit, nothing_is_had_beyond_the_machines_memory) {
  put("/proc/meminfo", "MemTotal:          65536 kB\nMemFree:            1000 kB\n");
  expect_limit(64 * M, "the machine's memory");
}

Test(memory_limit, is_that_of_the_own_control_group) {
  put("/proc/meminfo", "MemTotal:       16777216 kB\n");
  put("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" MOUNT_V2);
  put("/proc/self/cgroup", "0::/system.slice/jidnsd.service\n");
  put("/sys/fs/cgroup/system.slice/memory.max", "max\n");
  put("/sys/fs/cgroup/system.slice/jidnsd.service/memory.max", "67108864\n");
  put("/sys/fs/cgroup/system.slice/jidnsd.service/memory.high", "max\n");
  expect_limit(64 * M, "memory.max of /sys/fs/cgroup/system.slice/jidnsd.service");
}

Test(memory_limit, the_least_of_all_groups_above_holds) {
  put("/proc/self/mountinfo", MOUNT_V2);
  put("/proc/self/cgroup", "0::/a/b/c\n");
  put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
  put("/sys/fs/cgroup/a/b/memory.max", "268435456\n");
  put("/sys/fs/cgroup/a/memory.max", "134217728\n");
  expect_limit(128 * M, "memory.max of /sys/fs/cgroup/a");
}

Test(memory_limit, where_memory_begins_to_be_held_back_is_a_limit_too) {
  put("/proc/self/mountinfo", MOUNT_V2);
  put("/proc/self/cgroup", "0::/a\n");
  put("/sys/fs/cgroup/a/memory.max", "134217728\n");
  put("/sys/fs/cgroup/a/memory.high", "100663296\n");
  expect_limit(96 * M, "memory.high of /sys/fs/cgroup/a");
}

Test(memory_limit, inside_a_container_the_mounted_group_is_its_own) {
  put("/proc/self/mountinfo", MOUNT_V2);
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/memory.max", "67108864\n");
  expect_limit(64 * M, "memory.max of /sys/fs/cgroup");
}

Test(memory_limit, a_group_that_is_not_seen_here_is_taken_for_the_mounted_one) {
  put("/proc/self/mountinfo", "30 24 0:26 /docker/4711 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  put("/sys/fs/cgroup/memory.max", "67108864\n");
  static const char *const names[] = {"0::/docker/4711\n", "0::/../other\n", "0::/docker/47110\n",
                                      "0::/elsewhere\n"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    put("/proc/self/cgroup", names[i]);
    expect_limit(64 * M, "memory.max of /sys/fs/cgroup");
  }
}

Test(memory_limit, a_group_below_the_mounted_one_is_found) {
  put("/proc/self/mountinfo", "30 24 0:26 /docker/4711 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  put("/proc/self/cgroup", "0::/docker/4711/inner\n");
  put("/sys/fs/cgroup/memory.max", "max\n");
  put("/sys/fs/cgroup/inner/memory.max", "33554432\n");
  expect_limit(32 * M, "memory.max of /sys/fs/cgroup/inner");
}

Test(memory_limit, the_old_version_has_a_hierarchy_for_memory) {
  put("/proc/self/mountinfo", "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" MOUNT_V1
                              "40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  put("/proc/self/cgroup", "8:cpu:/elsewhere\n4:hugetlb,memory:/a/b\n1:name=systemd:/\n0::/\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "67108864\n");
  put("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  expect_limit(64 * M, "memory.limit_in_bytes of /sys/fs/cgroup/memory/a");
}

Test(memory_limit, the_old_version_tells_of_groups_that_are_not_seen) {
  put("/proc/self/mountinfo", MOUNT_V1);
  put("/proc/self/cgroup", "4:memory:/kubepods/pod1/c1\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/memory.stat",
      "cache 0\nhierarchical_memory_limit 50331648\nhierarchical_memsw_limit 1\n");
  expect_limit(48 * M, "hierarchical_memory_limit of /sys/fs/cgroup/memory");
}

Test(memory_limit, what_makes_no_sense_is_none) {
  put("/proc/self/mountinfo", "\n - cgroup2\nx y - cgroup2 cgroup2 rw\n" MOUNT_V2);
  put("/proc/self/cgroup", "0\n:\n::\n0::a\n0::/a\n");
  put("/sys/fs/cgroup/a/memory.max", "much\n");
  put("/sys/fs/cgroup/a/memory.high", "\n");
  put("/sys/fs/cgroup/memory.max", "0\n");
  expect_limit(UINT64_MAX, "");
}

/* An emulator does not hold the program to a limit that would be the emulator's too. */
static void limit_process(int which, rlim_t octets) {
  struct rlimit r = {octets, octets};
  cr_assert(setrlimit(which, &r) == 0 && getrlimit(which, &r) == 0);
  if (emulated() && r.rlim_cur != octets) cr_skip_test("an emulator: no limit can be set");
}

Test(memory_limit, is_that_of_the_process_if_it_has_one) {
  limit_process(RLIMIT_DATA, 1ull << 30);
  expect_limit(1ull << 30, "RLIMIT_DATA");
  limit_process(RLIMIT_AS, 1ull << 29);
  expect_limit(1ull << 29, "RLIMIT_AS");
}

Test(memory_limit, is_written_in_mib) {
  char text[MEMORY_LIMIT_TEXT];
  cr_expect_str_eq(memory_limit_format(64 * M, text), "64 MiB");
  cr_expect_str_eq(memory_limit_format(M + M / 2, text), "1.5 MiB");
  cr_expect_str_eq(memory_limit_format(2048ull * M + 1, text), "2048 MiB");
}
