# The guest's kernel: its identity, and its build from the distribution's source package.
# shellcheck shell=sh

kernel_packages() {
  printf '%s\n' bc bison bzip2 flex gcc libc6-dev libelf-dev linux-source lz4 make perl tar xz-utils
}

# The newest source archive in /usr/src. Debian packs it there as .tar.xz; Ubuntu as .tar.bz2
# in a folder of the archive's name, with a link beside it.
kernel_archive() {
  find /usr/src -maxdepth 2 -name 'linux-source-*.tar.*' \( -type f -o -type l \) 2>/dev/null |
    sed 's|\(.*/\)\(.*\)|\2 \1\2|' | sort -V | tail -n 1 | cut -d ' ' -f 2
}

# The package that holds the archive, or that would, before it is installed.
kernel_source_package() {
  archive=$(kernel_archive)
  if [ -n "$archive" ]; then
    basename "$archive" | sed 's|\.tar\..*||'
  else
    apt-cache depends linux-source 2>/dev/null | sed -n 's/^ *Depends: \(linux-source-[0-9].*\)/\1/p' | head -n 1
  fi
}

kernel_identity() {
  if [ -n "$kernel" ]; then
    printf 'kernel %s\n' "$(sha256sum <"$kernel" | cut -d ' ' -f 1)"
    return
  fi
  name=$(kernel_source_package)
  [ -n "$name" ] || fail "no linux-source package is known to apt; run apt-get update"
  version=$(known_versions "$name")
  printf 'kernel %s\n' "$version"
}

# kernel_version BZIMAGE: the release, read as the boot protocol describes it (Linux
# Documentation/x86/boot.rst: kernel_version at 0x20e, counted from 0x200).
kernel_version() {
  offset=$(od -An -tu2 -j 526 -N 2 "$1" | tr -d ' ')
  dd if="$1" bs=1 skip=$((offset + 512)) count=64 2>/dev/null | tr '\0' '\n' | head -n 1 | cut -d ' ' -f 1
}

# build_kernel WORK: leaves WORK/bzImage. Seven minutes on two idle cores.
build_kernel() {
  archive=$(kernel_archive)
  [ -n "$archive" ] ||
    fail "no linux-source-*.tar.* in /usr/src; install the packages that guest/build --packages prints"
  mkdir "$1/linux"
  tar -xf "$archive" -C "$1/linux" --strip-components=1
  cp "$here/kernel.defconfig" "$1/linux/.config"
  (
    cd "$1/linux"
    # Fixed, so that the same source gives the same bytes.
    export KBUILD_BUILD_TIMESTAMP='2000-01-01 00:00:00 UTC' KBUILD_BUILD_USER=nakhoda KBUILD_BUILD_HOST=guest
    make -s olddefconfig
    make -s -j "$(nproc)" bzImage
  ) >"$1/kernel.log" 2>&1 || {
    tail -n 30 "$1/kernel.log" >&2
    fail 'the kernel did not build (the last lines of its output are above)'
  }
  mv "$1/linux/arch/x86/boot/bzImage" "$1/bzImage"
  rm -rf "$1/linux"
}
