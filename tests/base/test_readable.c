/* test_readable.c: who may read a file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/readable.h"

enum { NOBODY = 65534 };

static char folder[] = "/tmp/readable.XXXXXX", path[sizeof folder + 10];

static void make_file(void) {
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  cr_assert(fd >= 0 && chmod(folder, 0755) == 0);
  close(fd);
}

static void remove_file(void) {
  unlink(path);
  rmdir(folder);
}

TestSuite(readable, .init = make_file, .fini = remove_file);

Test(readable, ones_own_file_is) { cr_expect(readable_by(geteuid(), getegid(), path)); }

Test(readable, what_is_not_there_is_no_question_of_rights) {
  char other[sizeof path + 2];
  snprintf(other, sizeof other, "%s.x", path);
  cr_expect(readable_by(NOBODY, NOBODY, other));
}

Test(readable, roots_own_file_is_not_for_another) {
  if (geteuid() != 0) cr_skip("only root can try it for another user");
  cr_expect_not(readable_by(NOBODY, NOBODY, path));
  cr_expect(readable_by(0, 0, path), "root still may");
  int fd = open(path, O_RDONLY);
  cr_expect_geq(fd, 0, "and has its rights back");
  close(fd);
}

Test(readable, mode_group_and_folder_count) {
  if (geteuid() != 0) cr_skip("only root can try it for another user");
  chmod(path, 0644);
  cr_expect(readable_by(NOBODY, NOBODY, path));
  chmod(folder, 0700);
  cr_expect_not(readable_by(NOBODY, NOBODY, path));
  chmod(folder, 0755);
  chmod(path, 0640);
  cr_expect_not(readable_by(NOBODY, NOBODY, path), "root's groups are not that user's");
  cr_assert_eq(chown(path, 0, NOBODY), 0);
  cr_expect(readable_by(NOBODY, NOBODY, path));
}

Test(readable, lack_of_a_right_is_told_with_the_way_out) {
  char why[READABLE_WHY];
  cr_expect_str_eq(readable_why(ENOENT, why), strerror(ENOENT));
  cr_expect(strstr(readable_why(EACCES, why), "Permission denied: ") && strstr(why, "chmod"));
}
