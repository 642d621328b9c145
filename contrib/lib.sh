# Sourced by the scripts beside it. Needs $me (the script's name in messages) and $root (the source tree).
# shellcheck shell=bash disable=SC2154

build_packages=(gcc make libc6-dev autoconf automake pkg-config
  libuv1-dev libxxhash-dev libconfuse-dev libldns-dev libidn2-dev libjansson-dev libcap-ng-dev libseccomp-dev libmicrohttpd-dev
  libssl-dev libexpat1-dev libnghttp2-dev libfstrm-dev libhiredis-dev)

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
    ./config.h ./config.h.in './config.h.in~' ./config.log ./config.status ./jidnsd.service ./Makefile ./Makefile.in ./stamp-h1 ./src/daemon/page_html.c
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

# ---- what the checks count ----
passed=0 failed=0 skipped=0

say() { echo "$me: $*"; }

# tally PASSED FAILED [SKIPPED]: adds to the sums.
tally() {
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
}

# quietly LOG COMMAND...: runs it with its output in LOG; shows the end of it if it fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 40 "$log"
  return 1
}

# number WORD FILE: the number after `WORD: ` in the last Criterion summary in FILE.
number() {
  sed -n "s/.*Synthesis:.* $1: \([0-9]*\).*/\1/p" "$2" | tail -n 1
}

# count_unit_tests FOLDER: tallies a `make check` from its logs: Criterion programs by test, scripts as one.
count_unit_tests() {
  local trs log result bad
  while read -r trs; do
    log=${trs%.trs}.log
    result=$(sed -n 's/^:test-result: *//p' "$trs")
    bad=0
    if grep -q 'Synthesis:' "$log"; then
      bad=$(($(number Tested "$log") - $(number Passing "$log")))
      tally "$(number Passing "$log")" "$bad" "$(grep -c '^\[SKIP\]' "$log")"
      grep '^\[SKIP\]' "$log"
    elif [[ $result == PASS ]]; then
      tally 1 0
    elif [[ $result == SKIP ]]; then
      tally 0 0 1
      say "skipped: $(head -n 1 "$log")"
    fi
    [[ $result == PASS || $result == SKIP ]] && continue
    ((bad)) || tally 0 1
    say "failed: ${trs#"$1"/}"
    tail -n 60 "$log"
  done < <(find "$1/tests" -name '*.trs' | sort)
}

# unit_tests NAME FOLDER LOG COMMAND...: runs the `make check` that COMMAND is and tallies what it leaves in FOLDER.
unit_tests() {
  local name=$1 folder=$2 log=$3 before=$((passed + failed + skipped)) failed_before=$failed status=0
  shift 3
  find "$folder/tests" -name '*.trs' -delete 2>/dev/null
  "$@" >"$log" 2>&1 </dev/null || status=$?
  count_unit_tests "$folder"
  # A test program that does not compile leaves no result behind.
  if ((status != 0 && failed == failed_before)) || ((passed + failed + skipped == before)); then
    tally 0 1
    say "failed: $name: make check (all of it: $log)"
    tail -n 40 "$log"
  fi
}

# step NAME LOG COMMAND...: one thing that passes or fails as a whole.
step() {
  local name=$1 log=$2
  shift 2
  say "$name"
  mkdir -p "$(dirname "$log")"
  if quietly "$log" "$@"; then
    tally 1 0
  else
    tally 0 1
    say "failed: $name (all of it: $log)"
  fi
}

# life CONTRIB EMULATOR PROGRAMS HOW: what a daemon with --seccomp HOW does from its start to its end, in a network of
# its own that `unshare --net` gave. CONTRIB and PROGRAMS are folders, EMULATOR runs them, or is empty.
life() {
  local contrib=$1 emulator=$2 programs=$3 how=$4 address=127.0.0.1:5399 log=/tmp/life.log status=0 daemon way
  ip link set lo up || return
  ${emulator:+"$emulator"} "$programs/jidnsd" --config '' --listen $address --upstream 192.0.2.1 --threads 2 --seccomp "$how" \
    --zone "demo.lab=$contrib/demo.lab.zone" >"$log" 2>&1 &
  daemon=$!
  said() {
    local n
    for ((n = 0; n < 100; n++)); do
      if grep -q "$1" "$log"; then return; fi
      sleep 0.1
    done
    echo "it did not say: $1"
    return 1
  }
  answers() {
    for way in '' --tcp; do
      ${emulator:+"$emulator"} "$programs/jidns" query --server $address ${way:+"$way"} xmpp1.demo.lab A | grep -F 192.0.2.1 || return
    done
  }
  said 'jidnsd ready' && answers && kill -HUP $daemon && said 'settings reloaded' && answers || status=1
  kill -TERM $daemon
  wait $daemon || { echo "it ended with status $?" && status=1; }
  cat "$log"
  return $status
}
