/* test_paths.c: from where file names that are relative count. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/said.h"

/* Settings in etc/lab.conf, named from the folder above or with all of its path. */
static const struct settings *read_from_elsewhere(bool absolute, const char *line, const char *text) {
  char folder[] = "/tmp/jidns-paths-XXXXXX", with[400];
  cr_assert(mkdtemp(folder) && chdir(folder) == 0 && mkdir("etc", 0700) == 0);
  FILE *f = fopen("etc/lab.conf", "w");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  snprintf(with, sizeof with, "--config %s%setc/lab.conf %s", absolute ? folder : "", absolute ? "/" : "",
           line);
  return said_right(with, NULL);
}

static const char text[] = "zone a.lab { file = a.zone }\nzone b.lab { file = \"deep/../b.zone\" }\n"
                           "zone c.lab { file = /abs/c.zone }\n"
                           "upstream { resolv-conf = resolv.conf }\ncache { snapshot = snap }";

Test(settings_paths, in_the_file_they_count_from_its_folder) {
  const struct settings *s = read_from_elsewhere(false, "", text);
  cr_expect_str_eq(s->zones.zones[0].file, "etc/a.zone");
  cr_expect_str_eq(s->zones.zones[1].file, "etc/deep/../b.zone");
  cr_expect_str_eq(s->zones.zones[2].file, "/abs/c.zone");
  cr_expect_str_eq(s->resolv_conf, "etc/resolv.conf");
  cr_expect_str_eq(s->snapshot.path, "etc/snap");
}

Test(settings_paths, also_of_a_file_that_is_named_absolutely) {
  const struct settings *s = read_from_elsewhere(true, "", text);
  char cwd[200], want[300];
  cr_assert(getcwd(cwd, sizeof cwd));
  snprintf(want, sizeof want, "%s/etc/a.zone", cwd);
  cr_expect_str_eq(s->zones.zones[0].file, want);
}

Test(settings_paths, in_options_and_the_environment_they_count_from_the_working_directory) {
  setenv("JIDNS_SNAPSHOT", "snap", 1);
  const struct settings *s = read_from_elsewhere(false, "--zone a.lab=mine.zone --resolv-conf resolv.conf",
                                                 text);
  cr_expect_str_eq(s->zones.zones[0].file, "mine.zone");
  cr_expect_str_eq(s->resolv_conf, "resolv.conf");
  cr_expect_str_eq(s->snapshot.path, "snap");
}

Test(settings_paths, words_in_place_of_a_file_stay_words) {
  const struct settings *s = read_from_elsewhere(false, "", "cache { snapshot = none }");
  cr_expect_str_eq(s->snapshot.path, "none");
  s = read_from_elsewhere(false, "", "cache { snapshot = \"\" }");
  cr_expect_str_empty(s->snapshot.path);
}

Test(settings_paths, one_that_gets_too_long_is_said) {
  char long_name[520], file[600];
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[509] = 0;
  snprintf(file, sizeof file, "zone a.lab { file = %s }", long_name);
  said_right("", file);
  char folder[] = "/tmp/jidns-paths-XXXXXX";
  cr_assert(mkdtemp(folder) && chdir(folder) == 0 && mkdir("etc", 0700) == 0);
  FILE *f = fopen("etc/lab.conf", "w");
  cr_assert(f && fputs(file, f) >= 0 && fclose(f) == 0);
  said_wrong("--config etc/lab.conf", "etc/lab.conf:1: file 'etc/xxx", "at most 511 octets");
}
