/* manual.c: makes what the table of settings says into text: `manual sample` writes the sample file, `manual
 * table` all settings, a line each, for contrib/dev/reference, `manual completion bash` (zsh, fish) the
 * completion of jidnsd for that shell, `manual FILE.in` a manual page, its lines @OPTIONS@, @KEYS@,
 * @FAULTS@ and @FIXED@ replaced by what they stand for, @VERSION@, @SETTINGS_FILE@ and @STATE_FOLDER@ in
 * others too. Built, not installed. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "settings/settings_priv.h"

static void put_line(const char *line) {
  static const struct {
    const char *mark, *text;
  } words[] = {
      {"@VERSION@", PACKAGE_VERSION}, {"@SETTINGS_FILE@", SETTINGS_FILE}, {"@STATE_FOLDER@", STATE_FOLDER}};
  for (const char *p = line; *p;) {
    size_t step = 1;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
      size_t n = strlen(words[i].mark);
      if (strncmp(p, words[i].mark, n) != 0) continue;
      fputs(words[i].text, stdout);
      step = n;
    }
    if (step == 1) putchar(*p);
    p += step;
  }
}

int main(int argc, char **argv) {
  char line[1000];
  if (argc == 2 && strcmp(argv[1], "sample") == 0) {
    settings_print_sample(stdout);
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "table") == 0) {
    settings_print_table(stdout);
    return 0;
  }
  enum completion_shell shell;
  if (argc == 3 && strcmp(argv[1], "completion") == 0 && completion_shell_parse(argv[2], &shell)) {
    completion_write(shell, "jidnsd", settings_complete, stdout);
    return 0;
  }
  FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (!in) {
    fprintf(stderr, "manual: should be: manual sample, manual table, manual completion SHELL, or manual "
                    "FILE.in\n");
    return 2;
  }
  while (fgets(line, sizeof line, in)) {
    if (strcmp(line, "@OPTIONS@\n") == 0) settings_print_man_options(stdout);
    else if (strcmp(line, "@KEYS@\n") == 0) settings_print_man_file(stdout);
    else if (strcmp(line, "@FAULTS@\n") == 0) settings_print_man_faults(stdout);
    else if (strcmp(line, "@FIXED@\n") == 0) settings_print_man_fixed(stdout);
    else put_line(line);
  }
  fclose(in);
  return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
