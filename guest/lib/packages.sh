# The distribution's packages: what must be installed to build, and what the ISO carries.
# shellcheck shell=sh

# Of the packages installed on this host to build the ISO, those whose files it holds, or whose
# work depends on their version.
tools='busybox-static isolinux syslinux-common xorriso'

tools_packages() {
  # shellcheck disable=SC2086 # a list of words
  printf '%s\n' $tools cpio
}

# The programs that the guest runs from the CD, and their packages. Those are unpacked into a
# scratch folder, never installed: installing qemu-guest-agent would start an agent on the host.
programs='qemu-ga mke2fs'
roots='qemu-guest-agent e2fsprogs'

# versions_of NAME...: lines of name and version, installed or else the one apt would download.
# Names that this release does not have give no line.
versions_of() {
  apt-cache policy -- "$@" | awk '
    /^[^ ]/ { name = substr($1, 1, length($1) - 1) }
    $1 == "Installed:" { version = $2 }
    $1 == "Candidate:" {
      if (version == "(none)") version = $2
      if (version != "(none)") print name, version
    }'
}

# known_versions NAME...: as above, but every name must give a line.
known_versions() {
  found=$(versions_of "$@")
  for name in "$@"; do
    case "
$found" in
      *"
$name "*) ;;
      *) fail "package $name is neither installed nor known to apt; run apt-get update, or enable its section" ;;
    esac
  done
  printf '%s\n' "$found"
}

tools_versions() {
  # shellcheck disable=SC2086 # a list of words
  known_versions $tools
}

# The programs' packages and every library package below them.
runtime_versions() {
  # shellcheck disable=SC2086,SC2046 # lists of words
  known_versions $roots
  # shellcheck disable=SC2086,SC2046 # lists of words
  versions_of $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances $roots | grep -E '^(lib[a-z0-9.+-]*|zlib1g)$' |
    grep -v perl | sort -u)
}

# package_files NAME VERSION: a folder's path, then the paths of the package's files below it.
package_files() {
  if dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; then
    printf '/\n'
    dpkg -L "$1" | sed 's|^/||'
    return
  fi
  mkdir -p "$work/debs" "$work/unpacked/$1"
  # Downloads as the caller: apt's own user may not write into the scratch folder.
  (cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root download "$1=$2") >&2 ||
    fail "could not download the package $1; is the package mirror reachable?"
  dpkg-deb -x "$work/debs/$1"_*.deb "$work/unpacked/$1"
  printf '%s\n' "$work/unpacked/$1"
  (cd "$work/unpacked/$1" && find . ! -type d | sed 's|^\./||')
}

# collect_runtime WORK: puts the programs, and only the libraries they load, into WORK/cd/tiny.
collect_runtime() {
  pool=$1/pool
  target=$1/cd/tiny
  libraries=$target/lib/x86_64-linux-gnu
  mkdir -p "$pool" "$target/sbin" "$libraries" "$target/lib64"

  runtime_versions >"$1/runtime-versions"
  while read -r name version; do
    package_files "$name" "$version" >"$1/files"
    root=$(head -n 1 "$1/files")
    sed 1d "$1/files" | while read -r file; do
      case $file in
        *lib/x86_64-linux-gnu/*/*) ;;
        lib/x86_64-linux-gnu/*.so* | usr/lib/x86_64-linux-gnu/*.so*) cp -P -- "$root/$file" "$pool/" ;;
        */qemu-ga | sbin/mke2fs | usr/sbin/mke2fs)
          if [ -f "$root/$file" ] && [ -x "$root/$file" ]; then cp -L -- "$root/$file" "$target/sbin/"; fi
          ;;
      esac
    done
  done <"$1/runtime-versions"

  loader=$pool/ld-linux-x86-64.so.2
  [ -e "$loader" ] || fail "the dynamic loader of libc6 was not found"
  cp -L -- "$loader" "$target/lib64/"
  for program in $programs; do
    [ -e "$target/sbin/$program" ] || fail "no package of $roots holds $program"
    "$loader" --inhibit-cache --library-path "$pool" --list "$target/sbin/$program" >"$1/libraries" ||
      fail "the libraries of $program do not resolve"
    if grep 'not found' "$1/libraries" >&2; then fail "$program lacks the libraries above"; fi
    sed -n "s|.*=> \($pool/[^ ]*\) .*|\1|p" "$1/libraries" | grep -v /ld-linux | while read -r library; do
      cp -L -- "$library" "$libraries/"
    done
    # Run it with exactly what is shipped; -V prints the version.
    "$target/lib64/${loader##*/}" --inhibit-cache --library-path "$libraries" \
      "$target/sbin/$program" -V >/dev/null 2>&1 || fail "$program does not run with the collected libraries"
  done
}
