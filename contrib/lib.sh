# Sourced by the scripts beside it. Needs $me (the script's name in messages) and $root (the source tree).
# shellcheck shell=bash disable=SC2154

build_packages=(gcc make libc6-dev autoconf automake pkg-config
  libuv1-dev libxxhash-dev libconfuse-dev libldns-dev libidn2-dev libjansson-dev libcap-ng-dev libseccomp-dev libmicrohttpd-dev)

die() {
  echo "$me: $*" >&2
  exit 1
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

# as_root COMMAND...: runs it as root.
as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# install_packages LOG PACKAGE...: installs what is missing of them; what apt says goes to LOG. No service
# that comes with a package is started: policy-rc.d is Debian's way to say so.
install_packages() {
  local log=$1 policy=/usr/sbin/policy-rc.d missing
  shift
  command -v dpkg-query >/dev/null || die "not a Debian system; needed are what Debian calls: $*"
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || command -v sudo >/dev/null ||
    die "not root, and sudo is missing; as root: apt-get install ${missing[*]}"

  echo "$me: installing ${missing[*]}"
  local guarded= status=0
  if [[ ! -e $policy ]]; then
    guarded=yes
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null && as_root chmod 755 $policy ||
      die "cannot write $policy"
  fi
  apt_install "${missing[@]}" >"$log" 2>&1 </dev/null || status=$?
  if [[ $guarded ]]; then
    as_root rm -f $policy
    trap - EXIT INT TERM
  fi
  ((status == 0)) || die "apt-get could not install ${missing[*]}: $(tail -n 1 "$log") (all of it: $log)"
}

# An update that fails is no failure yet: what is needed may be in the lists that are there.
apt_install() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update
  as_root "${apt[@]}" install -y --no-install-recommends "$@"
}

# copy_sources TO: makes TO a copy of the source tree without what was built in it, and its configure script.
# The tree itself stays as it is. Times are kept, so that a second build does only what is new.
copy_sources() {
  local to=$1 built=(./build ./.git ./autom4te.cache ./aclocal.m4 ./build-aux ./configure './configure~'
    ./config.h ./config.h.in './config.h.in~' ./config.log ./config.status ./jidnsd.service ./Makefile ./Makefile.in ./stamp-h1
    './jidns-*' ./src/jidnsd ./src/jidns './tests/test_*' './tests/fuzz_*' ./tests/fuzz/seeds ./tests/bench/floor ./tests/bench/hit ./tests/bench/restart
    '*.o' '*.a' '*.log' '*.trs' .deps .dirstamp __pycache__ .pytest_cache)
  mkdir -p "$to"
  tar -C "$root" "${built[@]/#/--exclude=}" -cf - . | tar -C "$to" -xf - || die "cannot copy $root to $to"
  local path
  while read -r path; do
    [[ -e $root/$path ]] || rm -f "${to:?}/$path"
  done < <(cd "$to" && find src tests contrib doc m4 -type f 2>/dev/null)
  (cd "$to" && { [[ configure -nt configure.ac && Makefile.in -nt Makefile.am ]] || autoreconf -fi; })
}
