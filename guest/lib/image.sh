# The initramfs, the ISO and the manifest.
# shellcheck shell=sh

# Every file carries this instant (2000-01-01), so that equal inputs give equal bytes.
epoch=946684800

stamp() {
  find "$1" -exec touch -h -d "@$epoch" {} +
}

# The keymap that rc loads, in busybox's format: a magic word, 256 flags of which tables follow, and
# one table of 128 keys, 2 bytes each. keymap.txt is what this kernel's `dumpkmap` gives as plain
# table, except key 116, KEY_POWER: 0x020c (little-endian 0c02) is the kernel's K_BOOT.
make_keymap() {
  printf 'bkeymap\001'
  dd if=/dev/zero bs=1 count=255 2>/dev/null
  # Not by xxd: busybox 1.30 of Ubuntu 22.04 cannot turn back into bytes. Perl is essential on Debian and Ubuntu.
  perl -ne 's/\s+//g; print pack("H*", $_)' "$here/lib/keymap.txt"
}

# make_initramfs WORK: busybox and scripts, and nothing else. Neither compressed nor larger than
# it must be: the BIOS loads it, and VirtualBox's interpreter would have to unpack it.
make_initramfs() {
  root=$1/root
  mkdir "$root"
  cp -R "$here/rootfs/." "$root/"
  (cd "$root" && mkdir -p cd data dev proc root run sys tmp usr var)
  cp -- "$(dpkg -L busybox-static | grep -E '/bin/busybox$' | head -n 1)" "$root/bin/busybox"
  chmod 755 "$root/bin/busybox"
  # sh and the agent's guest-exec find every applet by name.
  "$root/bin/busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
  done
  make_keymap >"$root/etc/tiny/keymap"
  ln -s bin/busybox "$root/init"
  ln -s bin "$root/sbin"
  ln -s ../bin "$root/usr/bin"
  ln -s ../bin "$root/usr/sbin"
  ln -s ../run "$root/var/run"
  # The loader and the libraries of the CD's programs stand where those programs look for them.
  ln -s cd/tiny/lib "$root/lib"
  ln -s cd/tiny/lib64 "$root/lib64"
  # Whatever the checkout's umask was.
  chmod -R u=rwX,go=rX "$root"
  stamp "$root"
  mkdir -p "$1/cd/isolinux"
  (cd "$root" && find . | sort | cpio --quiet --reproducible -o -H newc -R 0:0) >"$1/cd/isolinux/initrd"
}

# make_iso WORK: a CD that a BIOS boots with isolinux.
make_iso() {
  cp "$1/bzImage" "$1/cd/isolinux/bzimage"
  cp "$here/iso/isolinux.cfg" /usr/lib/ISOLINUX/isolinux.bin \
    /usr/lib/syslinux/modules/bios/ldlinux.c32 "$1/cd/isolinux/"
  cp "$1/inputs" "$1/cd/tiny/inputs"
  chmod -R u=rwX,go=rX "$1/cd"
  stamp "$1/cd"
  SOURCE_DATE_EPOCH=$epoch xorriso -as mkisofs -quiet -o "$1/tiny.iso" -V NAKHODA_TINY -r \
    --modification-date=2000010100000000 \
    -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
    "$1/cd" >"$1/xorriso.log" 2>&1 || {
    cat "$1/xorriso.log" >&2
    fail 'xorriso did not write the ISO'
  }
}

# write_manifest WORK HASH: what the ISO holds, as JSON; sizes in bytes.
write_manifest() {
  tools_versions >"$1/tools-versions"
  {
    printf '{\n  "hash": "%s",\n' "$2"
    printf '  "kernelVersion": "%s",\n' "$(kernel_version "$1/bzImage")"
    printf '  "sha256": "%s",\n' "$(sha256sum <"$1/tiny.iso" | cut -d ' ' -f 1)"
    printf '  "bytes": {"iso": %s, "kernel": %s, "initramfs": %s},\n' "$(stat -c %s "$1/tiny.iso")" \
      "$(stat -c %s "$1/bzImage")" "$(stat -c %s "$1/cd/isolinux/initrd")"
    printf '  "packages": {'
    sort -u "$1/tools-versions" "$1/runtime-versions" |
      awk '{printf "%s\n    \"%s\": \"%s\"", (NR > 1 ? "," : ""), $1, $2}'
    printf '\n  }\n}\n'
  } >"$1/manifest.json"
}
