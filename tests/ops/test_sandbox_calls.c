/* test_sandbox_calls.c: what the filter says of system calls on processors that this one is not: each one's
 * filter is made by libseccomp and run as the kernel would. */
#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit/emulated.h"
#include "ops/sandbox_priv.h"

#define EVERYWHERE                                                                                           \
  "accept4 bind brk clock_nanosleep close connect epoll_create1 epoll_ctl epoll_pwait eventfd2 exit "        \
  "exit_group faccessat fchmod fcntl "                                                                       \
  "fdatasync fsync futex getcwd getdents64 getpid getrandom getsockname getsockopt gettid "                  \
  "inotify_add_watch inotify_init1 listen "                                                                  \
  "madvise membarrier mremap munmap openat pipe2 pread64 read readlinkat readv recvfrom recvmmsg recvmsg "   \
  "restart_syscall rseq "                                                                                    \
  "rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sendmmsg sendmsg sendto set_robust_list "      \
  "setsockopt shutdown sigaltstack "                                                                         \
  "statx sysinfo tgkill umask uname unlinkat write writev renameat2 "
#define NARROW                                                                                               \
  "_llseek clock_getres_time64 clock_gettime64 clock_nanosleep_time64 fcntl64 fstat64 fstatat64 "            \
  "ftruncate64 futex_time64 getegid32 "                                                                      \
  "geteuid32 getgid32 getuid32 lstat64 ppoll_time64 pselect6_time64 recvmmsg_time64 sigreturn stat64 "       \
  "timerfd_settime64 ugetrlimit _newselect "
#define WIDE                                                                                                 \
  "clock_getres clock_gettime fstat ftruncate getegid geteuid lseek newfstatat ppoll pselect6 "              \
  "timerfd_settime "

static const struct processor {
  const char *name;
  uint32_t arch;
  const char *calls;    /* that its C library and libuv make */
  const char *map;      /* how it maps memory */
  bool map_is_seen;     /* the filter can tell whether that memory is executable */
  bool has_socketcall;  /* its C library has sockets by way of it */
  unsigned clone_flags; /* which argument they are */
} processors[] = {
    {"amd64", SCMP_ARCH_X86_64,
     EVERYWHERE WIDE "epoll_wait poll access open stat lstat readlink rename unlink getrlimit ", "mmap", true,
     false, 0},
    {"i386", SCMP_ARCH_X86, EVERYWHERE NARROW "epoll_wait poll access open readlink rename unlink ", "mmap2",
     true, true, 0},
    {"arm64", SCMP_ARCH_AARCH64, EVERYWHERE WIDE, "mmap", true, false, 0},
    {"armhf", SCMP_ARCH_ARM, EVERYWHERE NARROW "recv send epoll_wait poll ", "mmap2", true, false, 0},
    {"ppc64el", SCMP_ARCH_PPC64LE, EVERYWHERE WIDE "recv send ugetrlimit _newselect epoll_wait poll ", "mmap",
     true, true, 0},
    {"s390x", SCMP_ARCH_S390X, EVERYWHERE WIDE "epoll_wait poll access open getrlimit ", "mmap", false, true,
     1},
    {"riscv64", SCMP_ARCH_RISCV64, EVERYWHERE WIDE, "mmap", true, false, 0},
};
enum { PROCESSORS = sizeof processors / sizeof *processors, PROGRAM = 4096, NO_SUCH_CALL = 1 };

/* ---- as the kernel does it ---- */

struct filter {
  const struct processor *processor;
  struct sock_filter program[PROGRAM];
  size_t len;
};

static bool is_big_endian(uint32_t arch) { return arch == SCMP_ARCH_S390X; }

static void filter_make(struct filter *f, const struct processor *p) {
  if (emulated()) cr_skip_test("an emulator has no filter of system calls");
  FILE *out = tmpfile();
  scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
  cr_assert(out && c);
  if (p->arch != seccomp_arch_native()) {
    cr_assert_eq(seccomp_arch_remove(c, seccomp_arch_native()), 0);
    cr_assert_eq(seccomp_arch_add(c, p->arch), 0, "%s", p->name);
  }

  cr_assert_eq(sandbox_add_rules(c, p->arch), 0, "%s", p->name);
  cr_assert_eq(seccomp_export_bpf(c, fileno(out)), 0);
  seccomp_release(c);

  rewind(out);
  f->processor = p;
  f->len = fread(f->program, sizeof *f->program, PROGRAM, out);
  fclose(out);
  cr_assert(f->len > 100 && f->len < PROGRAM);
  bool other = is_big_endian(p->arch) != (BYTE_ORDER == BIG_ENDIAN);
  for (size_t i = 0; i < f->len && other; i++) {
    f->program[i].code = __builtin_bswap16(f->program[i].code);
    f->program[i].k = __builtin_bswap32(f->program[i].k);
  }
}

/* A word of struct seccomp_data as that processor has it. */
static uint32_t word_at(const struct filter *f, uint32_t number, const uint64_t args[6], uint32_t at) {
  if (at == offsetof(struct seccomp_data, nr)) return number;
  if (at == offsetof(struct seccomp_data, arch)) return f->processor->arch;
  cr_assert_geq(at, offsetof(struct seccomp_data, args));
  uint32_t word = (at - (uint32_t)offsetof(struct seccomp_data, args)) / 4;
  bool high = (word % 2 == 0) == is_big_endian(f->processor->arch);
  return (uint32_t)(high ? args[word / 2] >> 32 : args[word / 2]);
}

static bool jumps(const struct sock_filter *op, uint32_t a) {
  switch (BPF_OP(op->code)) {
  case BPF_JEQ: return a == op->k;
  case BPF_JGE: return a >= op->k;
  case BPF_JGT: return a > op->k;
  case BPF_JSET: return (a & op->k) != 0;
  default: cr_assert_fail("jump %x", op->code);
  }
  return false;
}

static uint32_t run(const struct filter *f, uint32_t number, const uint64_t args[6]) {
  uint32_t a = 0;
  for (size_t at = 0; at < f->len; at++) {
    const struct sock_filter *op = &f->program[at];
    if (BPF_CLASS(op->code) == BPF_RET) return op->k;
    if (op->code == (BPF_LD | BPF_W | BPF_ABS)) a = word_at(f, number, args, op->k);
    else if (op->code == (BPF_ALU | BPF_AND | BPF_K)) a &= op->k;
    else if (op->code == (BPF_JMP | BPF_JA)) at += op->k;
    else if (BPF_CLASS(op->code) == BPF_JMP) at += jumps(op, a) ? op->jt : op->jf;
    else cr_assert_fail("operation %x", op->code);
  }
  cr_assert_fail("the filter has no end");
  return 0;
}

/* What becomes of the call, its argument `nth` being `value` and the others 0. */
static uint32_t verdict(const struct filter *f, const char *name, unsigned nth, uint64_t value) {
  uint64_t args[6] = {0};
  args[nth] = value;
  int number = seccomp_syscall_resolve_name_arch(f->processor->arch, name);
  if (number <= -101 && number >= -120) { /* libseccomp's numbers for what socketcall does */
    args[0] = (uint64_t)(-100 - number);
    number = seccomp_syscall_resolve_name_arch(f->processor->arch, "socketcall");
  }
  return number < 0 ? NO_SUCH_CALL : run(f, (uint32_t)number, args);
}

/* ---- what must be so ---- */

Test(sandbox_calls, all_that_libraries_use_is_allowed_on_each_processor) {
  static struct filter f;
  for (unsigned i = 0; i < PROCESSORS; i++) {
    const struct processor *p = &processors[i];
    char calls[2000], *rest = strcpy(calls, p->calls);
    filter_make(&f, p);
    for (char *name; (name = strtok_r(rest, " ", &rest));) {
      uint32_t got = verdict(&f, name, 5, 0);
      cr_expect_eq(got, SECCOMP_RET_ALLOW, "%s: %s: %x", p->name, name, got);
    }
    cr_expect_eq(verdict(&f, p->map, 2, PROT_READ | PROT_WRITE), SECCOMP_RET_ALLOW, "%s: %s", p->name,
                 p->map);
    cr_expect_eq(verdict(&f, "clone", p->clone_flags, CLONE_VM | CLONE_THREAD), SECCOMP_RET_ALLOW,
                 "%s: clone", p->name);
  }
}

/* Numbers of linux/net.h: socket to accept4, recvmmsg and sendmmsg. */
Test(sandbox_calls, sockets_by_way_of_socketcall_are_allowed) {
  static const unsigned used[] = {1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  static struct filter f;
  for (unsigned i = 0; i < PROCESSORS; i++) {
    if (!processors[i].has_socketcall) continue;
    filter_make(&f, &processors[i]);
    for (unsigned k = 0; k < sizeof used / sizeof *used; k++) {
      cr_expect_eq(verdict(&f, "socketcall", 0, used[k]), SECCOMP_RET_ALLOW, "%s: %u", processors[i].name,
                   used[k]);
    }
    cr_expect_eq(verdict(&f, "socketcall", 0, 21), SECCOMP_RET_KILL_PROCESS, "%s", processors[i].name);
  }
}

Test(sandbox_calls, what_libraries_can_go_without_is_unknown_on_each_processor) {
  static struct filter f;
  for (unsigned i = 0; i < PROCESSORS; i++) {
    filter_make(&f, &processors[i]);
    cr_expect_eq(verdict(&f, "io_uring_setup", 0, 0), SECCOMP_RET_ERRNO | ENOSYS, "%s", processors[i].name);
    cr_expect_eq(verdict(&f, "clone3", 0, 0), SECCOMP_RET_ERRNO | ENOSYS, "%s", processors[i].name);
    cr_expect_eq(verdict(&f, "io_uring_enter", 0, 0), SECCOMP_RET_KILL_PROCESS, "%s", processors[i].name);
  }
}

Test(sandbox_calls, what_no_resolver_does_is_forbidden_on_each_processor) {
  static const char *const forbidden[] = {
      "execve", "execveat", "ptrace",           "mount",           "setuid",  "chroot", "bpf",
      "keyctl", "kill",     "process_vm_readv", "perf_event_open", "unshare", "setns"};
  static struct filter f;
  for (unsigned i = 0; i < PROCESSORS; i++) {
    const struct processor *p = &processors[i];
    filter_make(&f, p);
    for (unsigned k = 0; k < sizeof forbidden / sizeof *forbidden; k++) {
      cr_expect_eq(verdict(&f, forbidden[k], 5, 0), SECCOMP_RET_KILL_PROCESS, "%s: %s", p->name,
                   forbidden[k]);
    }
    cr_expect_eq(verdict(&f, "clone", p->clone_flags, SIGCHLD), SECCOMP_RET_KILL_PROCESS, "%s: fork",
                 p->name);
    cr_expect_eq(verdict(&f, "mprotect", 2, PROT_READ | PROT_EXEC), SECCOMP_RET_KILL_PROCESS, "%s: mprotect",
                 p->name);
    uint32_t map = verdict(&f, p->map, 2, PROT_READ | PROT_EXEC);
    cr_expect_eq(map, p->map_is_seen ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW, "%s: %s", p->name,
                 p->map);
    if (!p->has_socketcall)
      cr_expect_eq(verdict(&f, "socket", 0, AF_PACKET), SECCOMP_RET_KILL_PROCESS, "%s: socket", p->name);
  }
}

Test(sandbox_calls, the_old_way_to_map_memory_is_forbidden_where_there_is_another) {
  static struct filter f;
  for (unsigned i = 0; i < PROCESSORS; i++) {
    filter_make(&f, &processors[i]);
    if (strcmp(processors[i].map, "mmap2") == 0)
      cr_expect_neq(verdict(&f, "mmap", 5, 0), SECCOMP_RET_ALLOW, "%s", processors[i].name);
  }
}
