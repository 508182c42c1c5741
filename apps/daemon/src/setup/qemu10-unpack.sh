#!/bin/sh
# Unpacks QEMU 10 of Debian's backports into a folder, beside the distribution's QEMU and without touching that:
#
#   qemu10-unpack.sh PART FINAL APTCONF MIRROR SUITE
#
# PART is made anew, and is whole when this ends well; FINAL is its absolute path once it is renamed, APTCONF a file
# with apt's settings. apt gets lists and a cache of its own in PART; which libraries are there already it is told by
# the system's own list of packages. What the system has (libraries, network cards' boot ROMs) stays the system's.
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

part=$1 final=$2 conf=$3 mirror=$4 suite=$5
packages='qemu-system-x86 qemu-utils'
with_modules='qemu-system-modules-opengl qemu-system-modules-spice qemu-system-gui qemu-block-extra'
apt=$part/apt

rm -rf -- "$part"
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$part/root" "$part/bin"
key=/usr/share/keyrings/debian-archive-keyring.gpg
for each in "$suite" "$suite-backports"; do
  echo "deb [signed-by=$key] $mirror $each main"
done >"$apt/sources.list"
cat "$conf" - >"$apt/apt.conf" <<CONF
Dir::State::lists "$apt/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
export APT_CONFIG="$apt/apt.conf"

apt-get -q update
# shellcheck disable=SC2086 # one word a package
apt-get -q -y -o Debug::NoLocking=1 --download-only --no-install-recommends -t "$suite-backports" install $packages
for file in "$apt"/archives/*.deb; do
  dpkg-deb --extract "$file" "$part/root"
done

# A module that is not among its own QEMU takes from the system, and dies of it being another version's. So it gets its
# own of each that the system has, whose libraries are there then.
modules=usr/lib/x86_64-linux-gnu/qemu
mkdir "$apt/more" "$apt/more/root"
# shellcheck disable=SC2086 # one word a package
(cd "$apt/more" && apt-get -q -t "$suite-backports" download $with_modules)
for file in "$apt"/more/*.deb; do
  dpkg-deb --extract "$file" "$apt/more/root"
done
for file in /"$modules"/*.so; do
  own=$modules/${file##*/}
  [ -e "$file" ] && [ ! -e "$part/root/$own" ] || continue
  if [ -e "$apt/more/root/$own" ]; then
    cp "$apt/more/root/$own" "$part/root/$own"
  else
    # One that it does not know any more: it finds this one, and goes on without.
    : >"$part/root/$own"
  fi
done
rm -rf -- "$apt" "$part/root/usr/share/doc" "$part/root/usr/share/man"

# Debian's QEMU looks for its data and modules below /usr alone, where another version's are.
for program in qemu-system-x86_64 qemu-img; do
  case $program in
    qemu-img) data='' ;;
    *) data=" -L '$final/root/usr/share/qemu' -L '$final/root/usr/share/seabios'" ;;
  esac
  cat >"$part/bin/$program" <<WRAPPER
#!/bin/sh
export QEMU_MODULE_DIR='$final/root/usr/lib/x86_64-linux-gnu/qemu'
exec '$final/root/usr/bin/$program'$data "\$@"
WRAPPER
  chmod 755 "$part/bin/$program"
done
"$part/root/usr/bin/qemu-system-x86_64" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p' >"$part/version"
grep -q '^1[0-9]\.' "$part/version"
