/* sandbox_seccomp.c: the system calls that a resolver makes, by libseccomp. Exports sandbox_filter, sandbox_filter_word. */
#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "ops/sandbox.h"

#define CALL(name) SCMP_SYS(name)

/* Whatever their arguments. */
static const int allowed[] = {
    /* sockets */
    CALL(accept), CALL(accept4), CALL(bind), CALL(connect), CALL(getpeername), CALL(getsockname), CALL(getsockopt), CALL(listen),
    CALL(recvfrom), CALL(recvmmsg), CALL(recvmsg), CALL(sendmmsg), CALL(sendmsg), CALL(sendto), CALL(setsockopt), CALL(shutdown),
    CALL(socketpair),
    /* files: settings, zones, resolv.conf, snapshots, the control socket */
    CALL(access), CALL(chmod), CALL(close), CALL(dup), CALL(dup2), CALL(dup3), CALL(faccessat), CALL(faccessat2), CALL(fchmod),
    CALL(fchmodat), CALL(fcntl), CALL(fdatasync), CALL(fstat), CALL(fsync), CALL(ftruncate), CALL(getcwd), CALL(getdents64),
    CALL(inotify_add_watch), CALL(inotify_init1), CALL(inotify_rm_watch), CALL(lseek), CALL(newfstatat), CALL(open), CALL(openat),
    CALL(pread64), CALL(pwrite64), CALL(read), CALL(readlink), CALL(readlinkat), CALL(readv), CALL(rename), CALL(renameat),
    CALL(renameat2), CALL(stat), CALL(lstat), CALL(statx), CALL(unlink), CALL(unlinkat), CALL(write), CALL(writev),
    /* waiting and time */
    CALL(clock_getres), CALL(clock_gettime), CALL(clock_nanosleep), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait),
    CALL(epoll_wait), CALL(eventfd2), CALL(gettimeofday), CALL(nanosleep), CALL(pipe2), CALL(poll), CALL(ppoll), CALL(pselect6),
    CALL(select), CALL(time), CALL(timerfd_create), CALL(timerfd_settime),
    /* memory and threads */
    CALL(brk), CALL(exit), CALL(exit_group), CALL(futex), CALL(getrandom), CALL(madvise), CALL(membarrier), CALL(mremap),
    CALL(munmap), CALL(restart_syscall), CALL(rseq), CALL(sched_getaffinity), CALL(sched_setaffinity), CALL(sched_yield),
    CALL(set_robust_list), CALL(set_tid_address), CALL(sysinfo),
    /* signals, and who am I */
    CALL(getegid), CALL(geteuid), CALL(getgid), CALL(getpid), CALL(getppid), CALL(getrusage), CALL(gettid), CALL(getuid),
    CALL(getrlimit), CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack), CALL(tgkill), CALL(uname)};

/* ioctl requests: libuv's non-blocking sockets, an interface's number for link-local addresses, is this a terminal. */
static const unsigned long requests[] = {FIONBIO, FIOCLEX, FIONREAD, SIOCGIFINDEX, SIOCGIFNAME, TCGETS};

enum { SOCKET_TYPE = 0xf };

/* What an argument must be. libseccomp's own macros leave a member out, which clang warns of. */
static struct scmp_arg_cmp equals(unsigned argument, uint64_t value) {
  return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

static struct scmp_arg_cmp masked(unsigned argument, uint64_t mask, uint64_t value) {
  return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static int add_sockets(scmp_filter_ctx c) {
  static const int families[] = {AF_INET, AF_INET6, AF_UNIX}, types[] = {SOCK_STREAM, SOCK_DGRAM};
  int e = 0;
  for (unsigned i = 0; i < 3; i++) {
    for (unsigned k = 0; k < 2; k++) {
      e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(socket), 2, equals(0, (unsigned)families[i]),
                            masked(1, SOCKET_TYPE, (unsigned)types[k]));
    }
  }
  /* getifaddrs, for who may ask */
  return e | seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(socket), 2, equals(0, AF_NETLINK), equals(2, 0));
}

static int add_rules(scmp_filter_ctx c) {
  int e = 0;
  for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; i++) {
    if (allowed[i] >= 0) e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0); /* below 0: not of this processor */
  }
  for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
    e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(ioctl), 1, equals(1, requests[i]));
  }
  e |= add_sockets(c);
  /* No memory is made executable; no process is made, only threads. clone3 hides its flags: the C library goes on with clone. */
  e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(mmap), 1, masked(2, PROT_EXEC, 0));
  e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(mprotect), 1, masked(2, PROT_EXEC, 0));
  e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(clone), 1, masked(0, CLONE_THREAD, CLONE_THREAD));
  e |= seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
  e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(prctl), 1, equals(0, PR_SET_NAME));
  e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(setpriority), 2, equals(0, PRIO_PROCESS), equals(1, 0)); /* a thread's own */
  e |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(prlimit64), 1, equals(2, 0)); /* to be read, not set */
  return e;
}

bool sandbox_filter(enum sandbox_seccomp how, FILE *err) {
  if (how == SANDBOX_OFF) return true;
  scmp_filter_ctx c = seccomp_init(how == SANDBOX_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
  int e = c ? add_rules(c) : -ENOMEM;
  if (e == 0) e = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
  if (e == 0) e = seccomp_load(c);
  if (c) seccomp_release(c);
  if (e == 0) return true;
  fprintf(err, "jidnsd: can't filter system calls: %s; --seccomp off goes without\n", strerror(-e));
  return false;
}

const char *sandbox_filter_word(enum sandbox_seccomp how) {
  return how == SANDBOX_KILL ? "others end it" : how == SANDBOX_ERRNO ? "others fail" : "all";
}
