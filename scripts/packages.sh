#!/bin/sh
# Installs the operating system's packages that Nakhoda needs, and only those that are missing.
#
#   scripts/packages.sh GROUP…           groups of packages.list; `guest`: what guest/build asks for
#   scripts/packages.sh --missing GROUP  exit 0 when nothing of the group is missing, else 1
#   scripts/packages.sh --candidate PKG VERSION
#                                        exit 0 when apt could install PKG of VERSION or later, else 1
#
# Says beforehand what it installs and why. Writes to standard error only. When nothing is
# missing it calls neither apt nor dpkg, and needs neither root nor a network.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive

say() {
  printf '%s\n' "$*" >&2
}

# error CAUSE REMEDY
fail() {
  say "nakhoda: $1"
  say "  what to do: $2"
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null; then
    fail "installing packages needs root, and there is no sudo." "run the same command as root"
  elif [ -t 0 ] && [ -t 2 ]; then
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  else
    # Without a terminal nobody could type a password, so sudo must not wait for one.
    sudo -n DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

is_there() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# Prints "package|reason" for every missing package of a group.
missing_of_group() {
  while IFS='|' read -r group package proof reason; do
    [ "${group% }" = "$1" ] || continue
    proof=${proof# }
    is_there "${proof% }" && continue
    package=${package# }
    printf '%s|%s\n' "${package% }" "${reason# }"
  done <"$here/packages.list"
}

missing_of_guest() {
  for package in $("$here/../guest/build" --packages); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || printf '%s|builds the tiny guest\n' "$package"
  done
}

# The version that apt would install, or nothing.
candidate() {
  apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([^(]\)/\1/p'
}

has_candidate() {
  [ -n "$(candidate "$1")" ]
}

refresh_lists() {
  say "  asking the package archive what it has (apt-get update)"
  # A single unreachable source of many must not stop us; whether it mattered shows below.
  as_root apt-get -qq update >>"$log" 2>&1 || true
  refreshed=yes
}

install() {
  # Waits for another apt, such as the automatic updates of a fresh Ubuntu.
  as_root apt-get -qq -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@" >>"$log" 2>&1
}

if [ "${1:-}" = --missing ]; then
  [ -z "$(missing_of_group "$2")" ]
  exit
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
refreshed=no

if [ "${1:-}" = --candidate ]; then
  # Only empty lists (a fresh container) can be the reason that nothing is known of debootstrap.
  has_candidate "$2" || has_candidate debootstrap || refresh_lists
  version=$(candidate "$2")
  [ -n "$version" ] && dpkg --compare-versions "$version" ge "$3"
  exit
fi

missing=$(for group in "$@"; do
  case $group in
    guest) missing_of_guest ;;
    *) missing_of_group "$group" ;;
  esac
done)
[ -n "$missing" ] || exit 0

packages=$(printf '%s\n' "$missing" | cut -d '|' -f 1 | sort -u)
say "nakhoda: this machine lacks some packages. To be installed, without recommended extras:"
printf '%s\n' "$missing" | sort -u | while IFS='|' read -r package reason; do
  printf '  %-24s %s\n' "$package" "$reason" >&2
done

if ! command -v apt-get >/dev/null; then
  fail "these packages are missing, and this system has no apt to install them with." \
    "install the programs above with your system's package manager, then run the same command again"
fi

for package in $packages; do
  has_candidate "$package" || { refresh_lists && break; }
done
for package in $packages; do
  has_candidate "$package" || fail "the package archive of this system has no package '$package'." \
    "check the sources in /etc/apt and the network (on Ubuntu: sudo add-apt-repository universe), then 'apt-get update', and run the same command again"
done

begun=$(date +%s)
say "  installing (apt-get install)"
# shellcheck disable=SC2086 # one word a package
if ! install $packages; then
  # Lists that are older than the archive name files that are gone.
  [ $refreshed = no ] && refresh_lists && install $packages || {
    tail -n 15 "$log" >&2
    fail "apt-get could not install the packages; its last lines are above." \
      "repair what it complains about, then run the same command again"
  }
fi
say "  installed in $(($(date +%s) - begun)) s"
