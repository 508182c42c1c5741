#!/bin/sh
# Makes, or removes, the file system of an isolated VirtualBox run time. Runs as root. What has
# to mount runs in a mount namespace of its own: the mounts go away with it however it ends, so
# a folder that is left half-made can always be removed without reaching into the host's /dev.
#
#   virtualbox-root.sh build PART OWNER SETTINGS [MIRROR…]   PART/root and PART/version
#   virtualbox-root.sh remove FOLDER…
#
# OWNER is uid:gid. SETTINGS is a folder with apt.conf, wgetrc and files (one absolute path a
# line, that apt.conf names). Mirrors are tried in turn, debootstrap's own default last.
set -eu
umask 022
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

packages='virtualbox virtualbox-qt xvfb xauth'

remove() {
  rm -rf --one-file-system -- "$@"
}

# Standard error is for progress; everything else, errors too, is for the log on standard output.
# (sudo closes every other descriptor, so there can be no third for it.)
exec 3>&2 2>&1
say() {
  printf '  %s\n' "$*" >&3
}

bootstrap() {
  for mirror in "$@" ''; do
    remove "$root"
    say "unpacking a minimal Debian unstable from ${mirror:-the default mirror of debootstrap}"
    # shellcheck disable=SC2086 # no mirror means no argument
    WGETRC=$settings/wgetrc debootstrap --variant=minbase --components=main,contrib \
      sid "$root" $mirror && return
  done
  return 1
}

# Nothing in there may start a service of its own, and what a headless VirtualBox never reads
# is not unpacked: 1.3 GiB become 0.7.
prepare() {
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  cat >"$root/etc/dpkg/dpkg.cfg.d/nakhoda" <<'EXCLUDE'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/virtualbox/nls/*
path-exclude=/usr/lib/virtualbox/vboxwebsrv
path-exclude=/usr/lib/virtualbox/webtest
EXCLUDE
  touch "$root/etc/resolv.conf" "$root/etc/hosts" "$root/etc/apt/apt.conf.d/99nakhoda"
  for dir in /dev /proc /sys; do
    mount --rbind "$dir" "$root$dir"
  done
  # Bound, not copied: proxies and mirrors may come with passwords.
  mount --bind "$settings/apt.conf" "$root/etc/apt/apt.conf.d/99nakhoda"
  printf '%s\n' /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/apt/auth.conf |
    cat - "$settings/files" | while read -r file; do
    [ -f "$file" ] || continue
    mkdir -p "$root${file%/*}"
    [ -e "$root$file" ] || touch "$root$file"
    mount --bind "$file" "$root$file"
  done
  if [ -d /etc/apt/auth.conf.d ]; then
    mount --bind /etc/apt/auth.conf.d "$root/etc/apt/auth.conf.d"
  fi
}

inside() {
  chroot "$root" "$@"
}

# Everything that mounts; what it mounted is gone when it ends.
install() {
  root=$1/root settings=$2
  shift 2
  bootstrap "$@"
  prepare
  say "installing $packages there"
  # apt's own user could not read files that are bound in from a private folder.
  inside apt-get -o APT::Sandbox::User=root update
  # shellcheck disable=SC2086 # one word a package
  inside apt-get -o APT::Sandbox::User=root -y install --no-install-recommends $packages
  inside test -x /usr/lib/virtualbox/VirtualBoxVM -a -x /usr/bin/Xvfb
  inside /usr/lib/virtualbox/VBoxManage --version >"$root/../version.part"
}

build() {
  part=$1 owner=$2 settings=$3
  shift 3
  remove "$part"
  mkdir -p "$part"
  unshare --mount sh "$0" install "$part" "$settings" "$@" 2>&3
  (
    cd "$part/root"
    rm -rf var/cache/apt var/lib/apt/lists usr/src usr/share/man usr/share/info usr/share/locale
    mkdir -p var/cache/apt var/lib/apt/lists
  )
  [ "$owner" = 0:0 ] || chown -R --no-dereference "$owner" "$part"
  say "$(du -shx "$part" | cut -f 1) on disk"
  # Last, because a folder with this file counts as whole.
  mv "$part/version.part" "$part/version"
}

command=$1
shift
case $command in
  build) build "$@" ;;
  install) install "$@" ;;
  remove) remove "$@" ;;
esac
