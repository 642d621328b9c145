#!/usr/bin/env bash
# Builds all fuzz targets as OSS-Fuzz wants them: each in $OUT with its seeds in NAME_seed_corpus.zip, the shared libraries that they
# need in $OUT/lib. Run by that service with CC, CXX, CFLAGS, LIB_FUZZING_ENGINE, OUT and SRC set. To try it here (Debian: clang
# libclang-rt-14-dev zip patchelf):
#   OUT=/tmp/out CC=clang CXX=clang++ CFLAGS="-O1 -g -fsanitize=fuzzer-no-link,address" LIB_FUZZING_ENGINE=-fsanitize=fuzzer \
#     contrib/oss-fuzz/build.sh
# `build.sh --list` names the targets.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ -f $root/configure.ac ]] || root=${SRC:-}/jidns
[[ -f $root/configure.ac ]] || root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mapfile -t targets < <(sed -n 's/^fuzz_targets +*= //p' "$root/Makefile.am" | tr ' ' '\n' | sed 's/.*fuzz_//')
if [[ ${1-} == --list ]]; then
  printf '%s\n' "${targets[@]}"
  exit
fi
: "${OUT:?}" "${CC:?}" "${CXX:?}" "${LIB_FUZZING_ENGINE:?}"
work=${WORK:-$(mktemp -d)}/jidns

# The sources are copied: where they come from stays as it was.
rm -rf "$work"
mkdir -p "$work/source" "$work/objects" "$OUT/lib"
tar -C "$root" --exclude=./build --exclude=./.git -cf - . | tar -C "$work/source" -xf -
(cd "$work/source" && autoreconf -fi)

# The engine's main() comes before that of tests/fuzz/replay.c. Engines are C++, so that is what links, with the library they were built
# for. tests/fuzz/large.c keeps large blocks for the next run.
cd "$work/objects"
"$work/source/configure" --disable-hardening --with-tests=no CC="$CC" CFLAGS="${CFLAGS:-} -Wno-error"
wrapped=-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=free,--wrap=mmap,--wrap=munmap
make -j"$(nproc)" CCLD="$CXX" LDFLAGS="${CXXFLAGS:-} $LIB_FUZZING_ENGINE $wrapped" "${targets[@]/#/tests/fuzz_}"

# The shared libraries that a program or library needs, but for libc's own.
libraries() {
  ldd "$1" | awk '$3 ~ /^\// && $3 !~ /\/(lib(c|m|dl|rt|pthread|resolv)\.so|ld-linux)/ { print $3 }'
}

# ldns is not linked but loaded when there is a zone file.
ldns=$(ldconfig -p | awk '$1 ~ /^libldns\.so/ { print $NF; exit }')
if [[ -n $ldns ]]; then
  { echo "$ldns" && libraries "$ldns"; } | xargs cp -t "$OUT/lib"
fi

for target in "${targets[@]}"; do
  name=fuzz_$target
  cp "tests/$name" "$OUT/$name"
  libraries "$OUT/$name" | xargs -r cp -t "$OUT/lib"
  # The same path from wherever $OUT is mounted, for the libraries' own libraries as well.
  # shellcheck disable=SC2016
  patchelf --force-rpath --set-rpath '$ORIGIN/lib' "$OUT/$name"
  rm -f "$OUT/${name}_seed_corpus.zip"
  folders=("$root/tests/fuzz/corpus/$target")
  [[ ! -d $root/tests/fuzz/crashes/$target ]] || folders+=("$root/tests/fuzz/crashes/$target")
  zip -q -j -r "$OUT/${name}_seed_corpus.zip" "${folders[@]}"
  printf '[libfuzzer]\nmax_len = 4096\n' >"$OUT/$name.options"
done
