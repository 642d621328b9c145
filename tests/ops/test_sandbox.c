/* test_sandbox.c: what the daemon can no longer do. Each test gives up its rights in a child. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/emulated.h"
#include "ops/sandbox.h"

static bool is_built(void) { return strstr(sandbox_filter_word(SANDBOX_KILL), "without") == NULL; }

static void need_filter(void) {
  if (emulated()) cr_skip_test("an emulator has no filter of system calls");
  if (!is_built()) cr_skip_test("built without libseccomp, or with sanitizers");
}

/* ---- what must fail ---- */

static long do_execve(void) {
  char *argv[] = {NULL};
  return execve("/bin/true", argv, argv);
}
static long do_fork(void) { return fork(); }
#ifdef SYS_vfork
static long do_vfork(void) { return syscall(SYS_vfork); }
#else
#define do_vfork do_fork /* arm64 has no call of that name */
#endif
static long do_ptrace(void) { return ptrace(PTRACE_TRACEME, 0, NULL, NULL); }
static long do_mount(void) { return mount("none", "/tmp", "tmpfs", 0, NULL); }
static long do_setuid(void) { return setuid(0); }
static long do_setgid(void) { return setgid(0); }
static long do_chroot(void) { return chroot("/"); }
static long do_init_module(void) { return syscall(SYS_init_module, NULL, 0, ""); }
static long do_keyctl(void) { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }
static long do_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0); }
static long do_perf(void) { return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0); }
static long do_packet(void) { return socket(AF_PACKET, SOCK_DGRAM, 0); }
static long do_raw(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static long do_raw_cloexec(void) { return socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6); }
static long do_netlink_audit(void) { return socket(AF_NETLINK, SOCK_RAW, 9); }
static long do_exec_memory(void) {
  return (long)(intptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long do_make_exec(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static long do_readv(void) { return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0); }
static long do_userfaultfd(void) { return syscall(SYS_userfaultfd, 0); }
static long do_unshare(void) { return unshare(CLONE_NEWUSER); }
static long do_setns(void) { return setns(0, 0); }
static long do_kill(void) { return kill(1, 0); }
static long do_reboot(void) { return syscall(SYS_reboot, 0, 0, 0, NULL); }

static const struct {
  const char *name;
  long (*call)(void);
} forbidden[] = {
    {"execve", do_execve},
    {"fork", do_fork},
    {"vfork", do_vfork},
    {"ptrace", do_ptrace},
    {"mount", do_mount},
    {"setuid", do_setuid},
    {"setgid", do_setgid},
    {"chroot", do_chroot},
    {"init_module", do_init_module},
    {"keyctl", do_keyctl},
    {"bpf", do_bpf},
    {"perf_event_open", do_perf},
    {"packet socket", do_packet},
    {"raw socket", do_raw},
    {"raw socket, cloexec", do_raw_cloexec},
    {"audit socket", do_netlink_audit},
    {"executable memory", do_exec_memory},
    {"memory made executable", do_make_exec},
    {"process_vm_readv", do_readv},
    {"userfaultfd", do_userfaultfd},
    {"unshare", do_unshare},
    {"setns", do_setns},
    {"kill", do_kill},
    {"reboot", do_reboot},
};

/* Runs the call behind the filter; the child's wait status: exit status 0 if it failed with EPERM. */
static int behind_filter(enum sandbox_seccomp how, long (*call)(void)) {
  fflush(NULL);
  pid_t child = fork();
  cr_assert_geq(child, 0);
  if (child == 0) {
    if (!sandbox_filter(how, stderr)) _exit(3);
    errno = 0;
    _exit(call() == -1 && errno == EPERM ? 0 : 1);
  }
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return status;
}

Test(sandbox, forbidden_calls_fail_with_eperm) {
  need_filter();
  for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
    int status = behind_filter(SANDBOX_ERRNO, forbidden[i].call);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", forbidden[i].name,
              (unsigned)status);
  }
}

Test(sandbox, forbidden_calls_kill_when_it_is_set_so) {
  need_filter();
  for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
    int status = behind_filter(SANDBOX_KILL, forbidden[i].call);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x", forbidden[i].name,
              (unsigned)status);
  }
}

static long do_what_a_resolver_does(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0) return 0;
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED || munmap(page, 4096) != 0 || access("/etc/resolv.conf", F_OK) > 0) return 0;
  errno = EPERM; /* what behind_filter wants to see */
  return -1;
}

Test(sandbox, what_a_resolver_does_goes_on) {
  need_filter();
  int status = behind_filter(SANDBOX_KILL, do_what_a_resolver_does);
  cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

/* sandbox_enter in a child; 0 when it did what it was asked. */
static int entered(const char *user, char *said, size_t room) {
  int pipes[2];
  cr_assert_eq(pipe(pipes), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    struct sandbox_policy o = {.seccomp = SANDBOX_OFF};
    FILE *err = fdopen(pipes[1], "w");
    strcpy(o.user, user);
    bool good = sandbox_enter(&o, err);
    fflush(err);
    _exit(good ? geteuid() == 0 : 2);
  }

  close(pipes[1]);
  ssize_t n = read(pipes[0], said, room - 1);
  said[n > 0 ? n : 0] = 0;
  close(pipes[0]);
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(sandbox, root_becomes_another_user) {
  char said[300];
  if (geteuid() != 0) cr_skip_test("only root can become another user");
  cr_expect_eq(entered("", said, sizeof said), 0, "%s", said);
  cr_expect_eq(entered("nobody", said, sizeof said), 0, "%s", said);
  cr_expect_eq(entered("root", said, sizeof said), 1, "%s", said);
}

Test(sandbox, a_user_that_does_not_exist_is_named) {
  char said[300];
  cr_expect_eq(entered("no-such-user-here", said, sizeof said), 2);
  cr_expect(strstr(said, "--user 'no-such-user-here': no such user"), "%s", said);
}
