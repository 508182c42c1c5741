import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheFolder, exec, fileExists } from '@nakhoda/host';

/** Debian's kernel for virtual machines: it knows virtio-mem, which the tiny guest's own kernel does not. */
const kernelPackage = 'linux-image-cloud-amd64';
/** Below drivers/virtio, in the order in which they are loaded. */
const modules = ['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio_mem'];
/** Memory that comes is used at once, and only for what can be moved away again. */
const kernelWords = 'memhp_default_state=online_movable';
/** Where isolinux's parts lie on Debian and Ubuntu; the tiny guest is built with them. */
const bootFiles = ['/usr/lib/ISOLINUX/isolinux.bin', '/usr/lib/syslinux/modules/bios/ldlinux.c32'];

const loader = (present: readonly string[]): string => `#!/bin/sh
for module in ${present.join(' ')}; do insmod /etc/tiny/modules/$module.ko; done
`;

/**
 * The tiny guest with a kernel that takes memory while it runs, as an ISO image of 17 MB: its initramfs, modules of the
 * distribution's package, no agent and no disk. Kept in the cache folder, so that the package's 27 MB are fetched once.
 * Null where the distribution has no such package.
 */
export async function makeMemoryGuest(tinyIso: string): Promise<string | null> {
  const name = await kernelName();
  if (name === null) return null;
  const folder = join(cacheFolder(process.env), 'memory-guest');
  const sources = [name, await readFile(tinyIso), await readFile(import.meta.filename)];
  const iso = join(folder, `${sources.reduce((hash, source) => hash.update(source), createHash('sha256')).digest('hex')}.iso`);
  if (await fileExists(iso)) return iso;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'build-'));
  try {
    await build(tinyIso, name, work);
    for (const entry of await readdir(folder)) if (entry.endsWith('.iso')) await rm(join(folder, entry));
    await rename(join(work, 'memory.iso'), iso);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return iso;
}

/** The package with the kernel itself, by the list that apt has; null when it has none. */
async function kernelName(): Promise<string | null> {
  const listed = async (): Promise<string | null> => {
    const { stdout } = await exec(['apt-cache', 'depends', kernelPackage], { okExitCodes: [0, 100] });
    return /Depends: (linux-image-\S+)/.exec(stdout)?.[1] ?? null;
  };
  return (await listed()) ?? (await updateLists().then(listed));
}

/** A machine on which everything was cached may have no lists, or some that name what the archive has no more. */
async function updateLists(): Promise<void> {
  await exec(['apt-get', '-qq', 'update'], { timeoutMs: 300_000 });
}

async function build(tinyIso: string, name: string, work: string): Promise<void> {
  // What the tiny guest is built with is not there where that was cached.
  await exec(['sh', join(import.meta.dirname, '..', '..', '..', '..', 'scripts', 'packages.sh'), 'guest'], { timeoutMs: 600_000 });
  // As the caller: apt's own user may not write into the folder.
  const download = () => exec(['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work, timeoutMs: 300_000 });
  await download().catch(() => updateLists().then(download));
  const archive = (await readdir(work)).find((entry) => entry.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get downloaded no ${name}`);
  await exec(['dpkg-deb', '--extract', join(work, archive), join(work, 'package')], { timeoutMs: 120_000 });

  const cd = join(work, 'cd', 'isolinux');
  const root = join(work, 'root');
  for (const path of [cd, join(root, 'etc', 'tiny', 'modules')]) await mkdir(path, { recursive: true });
  // Debian 13 has them below /usr, and compressed.
  const places = ['lib/modules', 'usr/lib/modules'].map((place) => join(work, 'package', place));
  const found = await Promise.all(
    places.map(async (place) => (await readdir(place).catch(() => [])).map((entry) => ({ place, version: entry }))),
  );
  const [{ place, version } = {}] = found.flat();
  if (place === undefined || version === undefined) throw new Error(`${name} has no modules`);
  const drivers = join(place, version, 'kernel', 'drivers', 'virtio');
  // The rest is in the kernel itself.
  const present: string[] = [];
  for (const module of modules) {
    const plain = join(drivers, `${module}.ko`);
    if (await fileExists(`${plain}.xz`)) await exec(['busybox', 'unxz', `${plain}.xz`]);
    if (!(await fileExists(plain))) continue;
    present.push(module);
    await cp(plain, join(root, 'etc', 'tiny', 'modules', `${module}.ko`));
  }
  await writeFile(join(root, 'etc', 'tiny', 'load'), loader(present), { mode: 0o755 });
  const guest = join(import.meta.dirname, '..', '..', '..', '..', 'guest');
  const inittab = await readFile(join(guest, 'rootfs', 'etc', 'inittab'), 'utf8');
  await writeFile(join(root, 'etc', 'inittab'), `::sysinit:/etc/tiny/load\n${inittab}`);

  // The kernel unpacks one archive over the other.
  const more = join(work, 'more.cpio');
  const files = [
    'etc',
    'etc/inittab',
    'etc/tiny',
    'etc/tiny/load',
    'etc/tiny/modules',
    ...present.map((one) => `etc/tiny/modules/${one}.ko`),
  ];
  await exec(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0', '-O', more], { cwd: root, input: files.join('\n') });
  const initrd = join(work, 'initrd');
  await exec(['xorriso', '-osirrox', 'on', '-indev', tinyIso, '-extract', '/isolinux/initrd', initrd]);
  await writeFile(join(cd, 'initrd'), Buffer.concat([await readFile(initrd), await readFile(more)]));
  await cp(join(work, 'package', 'boot', `vmlinuz-${version}`), join(cd, 'bzimage'));
  for (const path of bootFiles) await exec(['cp', path, cd]);
  const settings = await readFile(join(guest, 'iso', 'isolinux.cfg'), 'utf8');
  await writeFile(join(cd, 'isolinux.cfg'), settings.replace('  APPEND ', `  APPEND ${kernelWords} `));
  await exec([
    ...['xorriso', '-as', 'mkisofs', '-quiet', '-o', join(work, 'memory.iso'), '-V', 'NAKHODA_MEMORY', '-r'],
    ...['-b', 'isolinux/isolinux.bin', '-c', 'isolinux/boot.cat', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table'],
    join(work, 'cd'),
  ]);
}
