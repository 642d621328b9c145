/* sandbox_seccomp.c: the system calls that a resolver makes, by libseccomp. Exports sandbox_filter,
 * sandbox_filter_word, sandbox_add_rules. */
#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "ops/sandbox.h"
#include "ops/sandbox_priv.h"

/* Whatever their arguments. A processor lacks some of them; libseccomp knows which, and what socketcall(2)
 * hides. */
static const char *const allowed[] = {
    /* sockets */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv",
    "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto",
    "setsockopt", "shutdown", "socketpair",
    /* files: settings, zones, resolv.conf, snapshots, the control socket */
    "_llseek", "access", "chmod", "close", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fchmod",
    "fchmodat", "fchmodat2", "fcntl", "fcntl64", "fdatasync", "fstat", "fstat64", "fstatat64", "fsync",
    "ftruncate", "ftruncate64", "getcwd", "getdents", "getdents64", "inotify_add_watch", "inotify_init",
    "inotify_init1", "inotify_rm_watch", "lseek", "lstat", "lstat64", "newfstatat", "open", "openat",
    "pread64", "pwrite64", "read", "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2",
    "stat", "stat64", "statx", "umask", "unlink", "unlinkat", "write", "writev",
    /* waiting and time */
    "_newselect", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
    "clock_nanosleep", "clock_nanosleep_time64", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "gettimeofday", "nanosleep", "pipe", "pipe2", "poll",
    "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select", "time", "timerfd_create",
    "timerfd_settime", "timerfd_settime64",
    /* memory and threads */
    "brk", "exit", "exit_group", "futex", "futex_time64", "getrandom", "madvise", "membarrier", "mremap",
    "munmap", "restart_syscall", "rseq", "sched_getaffinity", "sched_setaffinity", "sched_yield",
    "set_robust_list", "set_tid_address", "sysinfo",
    /* signals, and who am I */
    "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getpid", "getppid", "getrlimit",
    "getrusage", "gettid", "getuid", "getuid32", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "sigreturn", "tgkill", "ugetrlimit", "uname"};

/* Libraries go on without them where the kernel has them not. io_uring would do all that is forbidden; clone3
 * hides its flags. */
static const char *const unknown[] = {"clone3", "io_uring_setup"};

/* ioctl requests: libuv's non-blocking sockets, an interface's number for link-local addresses, is this a
 * terminal. */
static const unsigned long requests[] = {FIONBIO, FIOCLEX, FIONREAD, SIOCGIFINDEX, SIOCGIFNAME, TCGETS};

enum { SOCKET_TYPE = 0xf };

/* What an argument must be. libseccomp's own macros leave a member out, which clang warns of. */
static struct scmp_arg_cmp equals(unsigned argument, uint64_t value) {
  return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

static struct scmp_arg_cmp masked(unsigned argument, uint64_t mask, uint64_t value) {
  return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

/* A rule for the call of this name. Negative numbers are libseccomp's own for what this processor lacks or
 * socketcall(2) hides. */
#define add_rule(c, action, name, ...)                                                                       \
  add_rule_array(c, action, name, (const struct scmp_arg_cmp[]){__VA_ARGS__},                                \
                 sizeof((const struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp))

static int add_rule_array(scmp_filter_ctx c, uint32_t action, const char *name,
                          const struct scmp_arg_cmp *args, size_t count) {
  int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return 0; /* newer than this libseccomp */
  return seccomp_rule_add_array(c, action, number, (unsigned)count, args);
}

static int add_names(scmp_filter_ctx c, uint32_t action, const char *const *names, size_t count) {
  int e = 0;
  for (size_t i = 0; i < count; i++) e |= add_rule_array(c, action, names[i], NULL, 0);
  return e;
}

static int add_sockets(scmp_filter_ctx c, uint32_t arch) {
  static const int families[] = {AF_INET, AF_INET6, AF_UNIX}, types[] = {SOCK_STREAM, SOCK_DGRAM};
  int e = 0;

  /* Behind socketcall(2) the arguments are in memory, where a filter can't look: there it is the lack of
   * capabilities alone that denies raw sockets. */
  if (seccomp_syscall_resolve_name_arch(arch, "socketcall") >= 0)
    return add_rule_array(c, SCMP_ACT_ALLOW, "socket", NULL, 0);

  for (unsigned i = 0; i < 3; i++) {
    for (unsigned k = 0; k < 2; k++) {
      e |= add_rule(c, SCMP_ACT_ALLOW, "socket", equals(0, (unsigned)families[i]),
                    masked(1, SOCKET_TYPE, (unsigned)types[k]));
    }
  }

  /* interfaces and their addresses */
  return e | add_rule(c, SCMP_ACT_ALLOW, "socket", equals(0, AF_NETLINK), equals(2, 0));
}

/* No memory is made executable. The old mmap has its arguments in memory: a 32-bit C library has mmap2
 * instead, one on s390x has not. */
static int add_memory(scmp_filter_ctx c, uint32_t arch) {
  int e = add_rule(c, SCMP_ACT_ALLOW, "mmap2", masked(2, PROT_EXEC, 0)) |
          add_rule(c, SCMP_ACT_ALLOW, "mprotect", masked(2, PROT_EXEC, 0));
  if (arch == SCMP_ARCH_S390X) return e | add_rule_array(c, SCMP_ACT_ALLOW, "mmap", NULL, 0);
  if (seccomp_syscall_resolve_name_arch(arch, "mmap2") >= 0) return e;
  return e | add_rule(c, SCMP_ACT_ALLOW, "mmap", masked(2, PROT_EXEC, 0));
}

int sandbox_add_rules(scmp_filter_ctx c, uint32_t arch) {
  /* which argument they are */
  unsigned clone_flags = arch == SCMP_ARCH_S390 || arch == SCMP_ARCH_S390X ? 1 : 0;
  int e = add_names(c, SCMP_ACT_ALLOW, allowed, sizeof allowed / sizeof *allowed);
  e |= add_names(c, SCMP_ACT_ERRNO(ENOSYS), unknown, sizeof unknown / sizeof *unknown);
  for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
    e |= add_rule(c, SCMP_ACT_ALLOW, "ioctl", equals(1, requests[i]));
  }
  e |= add_sockets(c, arch) | add_memory(c, arch);
  /* no processes, only threads */
  e |= add_rule(c, SCMP_ACT_ALLOW, "clone", masked(clone_flags, CLONE_THREAD, CLONE_THREAD));
  e |= add_rule(c, SCMP_ACT_ALLOW, "prctl", equals(0, PR_SET_NAME));
  e |= add_rule(c, SCMP_ACT_ALLOW, "setpriority", equals(0, PRIO_PROCESS), equals(1, 0)); /* a thread's own */
  return e | add_rule(c, SCMP_ACT_ALLOW, "prlimit64", equals(2, 0)); /* to be read, not set */
}

bool sandbox_filter(enum sandbox_seccomp how, FILE *err) {
  if (how == SANDBOX_OFF) return true;
  scmp_filter_ctx c = seccomp_init(how == SANDBOX_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
  int e = c ? sandbox_add_rules(c, seccomp_arch_native()) : -ENOMEM;
  if (e == 0) e = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
  if (e == 0) e = seccomp_load(c);
  if (c) seccomp_release(c);
  if (e == 0) return true;
  fprintf(err, "jidnsd: can't filter system calls: %s; set --seccomp off to run without the filter\n",
          strerror(-e));
  return false;
}

const char *sandbox_filter_word(enum sandbox_seccomp how) {
  return how == SANDBOX_KILL    ? "on: other system calls end jidnsd"
         : how == SANDBOX_ERRNO ? "on: other system calls fail with EPERM"
                                : "off";
}
