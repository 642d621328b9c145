# JIDNS_CC_FLAGS(VARIABLE, FLAGS): appends to VARIABLE, substituted, each of FLAGS that the compiler takes
# without a word. -Werror makes clang refuse what it would only warn of.
AC_DEFUN([JIDNS_CC_FLAGS], [
  AC_LANG_ASSERT([C])
  AC_SUBST([$1])
  for jidns_flag in $2; do
    AC_MSG_CHECKING([whether $CC accepts $jidns_flag])
    jidns_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $jidns_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([])],
      [AC_MSG_RESULT([yes]); $1="$$1${$1:+ }$jidns_flag"],
      [AC_MSG_RESULT([no])])
    CFLAGS=$jidns_save_CFLAGS
  done
])

# JIDNS_LD_FLAGS(VARIABLE, FLAGS): the same for flags of the link.
AC_DEFUN([JIDNS_LD_FLAGS], [
  AC_LANG_ASSERT([C])
  AC_SUBST([$1])
  for jidns_flag in $2; do
    AC_MSG_CHECKING([whether the linker accepts $jidns_flag])
    jidns_save_LDFLAGS=$LDFLAGS
    jidns_save_CFLAGS=$CFLAGS
    LDFLAGS="$LDFLAGS $jidns_flag"
    CFLAGS="$CFLAGS -Werror $HARDEN_CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([])],
      [AC_MSG_RESULT([yes]); $1="$$1${$1:+ }$jidns_flag"],
      [AC_MSG_RESULT([no])])
    LDFLAGS=$jidns_save_LDFLAGS
    CFLAGS=$jidns_save_CFLAGS
  done
])

# JIDNS_OPTIONAL(PREFIX, OPTION, MODULE, DEBIAN'S PACKAGE, WHAT FOR): --with-OPTION=auto|yes|no around
# PKG_CHECK_MODULES. Sets PREFIX_CFLAGS, PREFIX_LIBS, have_OPTION and the conditional HAVE_PREFIX.
AC_DEFUN([JIDNS_OPTIONAL], [
  AC_ARG_WITH([$2], [AS_HELP_STRING([--with-$2=auto|yes|no], [$5 (auto)])], [], [with_$2=auto])
  AS_CASE([$with_$2], [auto|yes|no], [], [AC_MSG_ERROR([--with-$2 is auto, yes or no, not "$with_$2"])])
  have_$2=no
  AS_IF([test "$with_$2" != no], [PKG_CHECK_MODULES([$1], [$3], [have_$2=yes], [have_$2=no])])
  AS_IF([test "$with_$2:$have_$2" = yes:no], [AC_MSG_ERROR([--with-$2=yes needs $3 (Debian: $4)])])
  AM_CONDITIONAL([HAVE_$1], [test "$have_$2" = yes])
])

# JIDNS_SONAME(PREFIX, NAME): defines PREFIX_SONAME in config.h, the name under which a program loads the library libNAME: what
# the linker noted in the program that was just linked with it. To be called where AC_LINK_IFELSE has succeeded.
AC_DEFUN([JIDNS_SONAME], [
  AC_REQUIRE([JIDNS_READELF])
  AC_MSG_CHECKING([for the soname of lib$2])
  $1_SONAME=$($READELF -d conftest$ac_exeext 2>/dev/null | sed -n 's/.*NEEDED.*\(lib$2\.so.*\)@:>@.*/\1/p')
  AC_MSG_RESULT([${$1_SONAME:-not found}])
  AS_IF([test -z "$$1_SONAME"], [AC_MSG_ERROR([lib$2 must be a shared library, and readelf there to look at it])])
  AC_DEFINE_UNQUOTED([$1_SONAME], ["$$1_SONAME"], [what lib$2 is loaded as])
])

# JIDNS_LOADED(PREFIX, NAME, CALL, HEADER): JIDNS_SONAME for a library that pkg-config has found and that is loaded, not linked.
AC_DEFUN([JIDNS_LOADED], [
  jidns_save_CPPFLAGS=$CPPFLAGS; CPPFLAGS="$CPPFLAGS $$1_CFLAGS"
  jidns_save_LIBS=$LIBS; LIBS="$$1_LIBS $LIBS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <$4>]], [[return $3 == 0;]])],
    [JIDNS_SONAME([$1], [$2])],
    [AC_MSG_ERROR([lib$2 is there, but nothing can be linked with it])])
  CPPFLAGS=$jidns_save_CPPFLAGS
  LIBS=$jidns_save_LIBS
])
AC_DEFUN([JIDNS_READELF], [AC_CHECK_TOOLS([READELF], [readelf llvm-readelf eu-readelf], [readelf])])

# JIDNS_LDNS: LDNS_CFLAGS and LDNS_LIBS from pkg-config, else ldns-config, else the system's own paths
# (Debian's package ships neither of the two helpers). Sets ldns_version for the summary.
AC_DEFUN([JIDNS_LDNS], [
  AC_ARG_VAR([LDNS_CFLAGS], [C compiler flags for ldns, overriding detection])
  AC_ARG_VAR([LDNS_LIBS], [linker flags for ldns, overriding detection])
  AC_PATH_TOOL([LDNS_CONFIG], [ldns-config])
  AS_IF([test -n "$LDNS_CFLAGS$LDNS_LIBS"], [],
    [$PKG_CONFIG --exists ldns 2>/dev/null],
      [LDNS_CFLAGS=$($PKG_CONFIG --cflags ldns); LDNS_LIBS=$($PKG_CONFIG --libs ldns)],
    [test -n "$LDNS_CONFIG"],
      [LDNS_CFLAGS=$($LDNS_CONFIG --cflags); LDNS_LIBS=$($LDNS_CONFIG --libs)])
  test -n "$LDNS_LIBS" || LDNS_LIBS=-lldns
  AC_MSG_CHECKING([for ldns])
  jidns_save_CPPFLAGS=$CPPFLAGS; CPPFLAGS="$CPPFLAGS $LDNS_CFLAGS"
  jidns_save_LIBS=$LIBS; LIBS="$LDNS_LIBS $LIBS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <ldns/ldns.h>]], [[ldns_rr_free(ldns_rr_new());]])],
    [AC_MSG_RESULT([$LDNS_LIBS])
     JIDNS_SONAME([LDNS], [ldns])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([ldns not found (Debian: libldns-dev); set LDNS_CFLAGS and LDNS_LIBS if it is elsewhere])])
  AC_COMPUTE_INT([jidns_ldns_number], [LDNS_REVISION], [[#include <ldns/ldns.h>]], [0])
  CPPFLAGS=$jidns_save_CPPFLAGS
  LIBS=$jidns_save_LIBS
  ldns_version=$((jidns_ldns_number >> 16)).$((jidns_ldns_number >> 8 & 255)).$((jidns_ldns_number & 255))
])

# JIDNS_SANITIZERS: SAN_CFLAGS (used in the link too) from $with_sanitizers; every report ends the program.
AC_DEFUN([JIDNS_SANITIZERS], [
  AC_SUBST([SAN_CFLAGS])
  AS_IF([test "$with_sanitizers" != no], [
    SAN_CFLAGS="-fsanitize=$with_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
    AC_MSG_CHECKING([whether $CC builds with $SAN_CFLAGS])
    jidns_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $SAN_CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AC_MSG_ERROR([$CC cannot build with -fsanitize=$with_sanitizers (for clang, Debian: libclang-rt-14-dev)])])
    CFLAGS=$jidns_save_CFLAGS
  ])
])

# JIDNS_HARDENING: HARDEN_CFLAGS, HARDEN_CPPFLAGS, HARDEN_LDFLAGS, each flag only if it works. FORTIFY needs
# an optimising compiler, gets in the sanitizers' way, and is left alone where the builder set it already.
AC_DEFUN([JIDNS_HARDENING], [
  AC_SUBST([HARDEN_CPPFLAGS])
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
  AS_IF([test "$enable_hardening" != no], [
    JIDNS_CC_FLAGS([HARDEN_CFLAGS], [-fPIE -fstack-protector-strong -fstack-clash-protection])
    JIDNS_LD_FLAGS([HARDEN_LDFLAGS], [-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack])
    AS_IF([test "$with_sanitizers" = no], [
      AC_MSG_CHECKING([whether to add -D_FORTIFY_SOURCE=2])
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
        #if !defined __OPTIMIZE__ || defined _FORTIFY_SOURCE
        #error not optimising, or set already
        #endif]])],
        [AC_MSG_RESULT([yes]); HARDEN_CPPFLAGS=-D_FORTIFY_SOURCE=2],
        [AC_MSG_RESULT([no])])
    ])
    hardening="$HARDEN_CPPFLAGS $HARDEN_CFLAGS $HARDEN_LDFLAGS"
  ], [hardening=no])
])
