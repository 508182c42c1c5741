#!/bin/sh
# Becomes PROGRAM inside the isolated VirtualBox run time at ROOT:
#   unshare --mount … sh virtualbox-enter.sh ROOT [BIND…] -- PROGRAM [ARG…]
# Runs in a mount namespace of its own, so nothing is ever mounted on the host, and
# replaces itself at every step, so the caller's child is PROGRAM itself.
set -eu
root=$1
shift
for dir in /dev /proc /sys /tmp; do
  mount --rbind "$dir" "$root$dir"
done
for file in /etc/resolv.conf /etc/hosts; do
  [ ! -e "$file" ] || mount --bind "$file" "$root$file"
done
while [ "$1" != -- ]; do
  [ -d "$root$1" ] || mkdir -p "$root$1"
  mount --rbind "$1" "$root$1"
  shift
done
shift
exec chroot "$root" "$@"
