import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

import { cacheFolder, exec, fileExists } from '@nakhoda/host';

import { findKernelPackages, type KernelPackages } from './kernel-packages.ts';

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
 * Null where the distribution has no package with a kernel that knows virtio-mem, which the tiny guest's own does not.
 */
export async function makeMemoryGuest(tinyIso: string): Promise<string | null> {
  const packages = await kernelPackages();
  if (packages === null) return null;
  const folder = join(cacheFolder(process.env), 'memory-guest');
  const sources = [packages.image, await readFile(tinyIso), await readFile(import.meta.filename)];
  const iso = join(folder, `${sources.reduce((hash, source) => hash.update(source), createHash('sha256')).digest('hex')}.iso`);
  if (await fileExists(iso)) return iso;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'build-'));
  try {
    if (!(await build(tinyIso, packages, work))) return null;
    for (const entry of await readdir(folder)) if (entry.endsWith('.iso')) await rm(join(folder, entry));
    await rename(join(work, 'memory.iso'), iso);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return iso;
}

/** By the list that apt has; null when it has none. */
async function kernelPackages(): Promise<KernelPackages | null> {
  const depends = async (name: string): Promise<string> => {
    const { stdout, exitCode } = await exec(['apt-cache', 'depends', name], { okExitCodes: [0, 100] });
    return exitCode === 0 ? stdout : '';
  };
  return (await findKernelPackages(depends)) ?? (await updateLists().then(() => findKernelPackages(depends)));
}

/** A machine on which everything was cached may have no lists, or some that name what the archive has no more. */
async function updateLists(): Promise<void> {
  await exec(['apt-get', '-qq', 'update'], { timeoutMs: 300_000 });
}

/** Downloads a package, and unpacks it into the folder. */
async function unpack(name: string, folder: string): Promise<void> {
  const work = await mkdtemp(`${folder}-`);
  // As the caller: apt's own user may not write into the folder.
  const download = () => exec(['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work, timeoutMs: 300_000 });
  await download().catch(() => updateLists().then(download));
  const archive = (await readdir(work)).find((entry) => entry.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get downloaded no ${name}`);
  await exec(['dpkg-deb', '--extract', join(work, archive), folder], { timeoutMs: 120_000 });
  await rm(work, { recursive: true });
}

/** The folder with a kernel's modules, and its version. Debian 13 and Ubuntu 25.04 have them below /usr. */
async function modulesIn(folder: string): Promise<{ path: string; version: string } | null> {
  for (const place of ['lib/modules', 'usr/lib/modules'].map((below) => join(folder, below))) {
    const [version] = await readdir(place).catch(() => []);
    if (version !== undefined) return { path: join(place, version), version };
  }
  return null;
}

/** Puts a module of the kernel in place, as it is or unpacked; false where it has no such module. */
async function copyModule(drivers: string, name: string, target: string): Promise<boolean> {
  const plain = join(drivers, `${name}.ko`);
  if (await fileExists(`${plain}.xz`)) await exec(['busybox', 'unxz', `${plain}.xz`]);
  if (await fileExists(`${plain}.zst`)) await writeFile(plain, zstdDecompressSync(await readFile(`${plain}.zst`)));
  if (!(await fileExists(plain))) return false;
  await cp(plain, target);
  return true;
}

/** False when the kernel does not know virtio-mem. */
async function build(tinyIso: string, { image, modules: needed, extra }: KernelPackages, work: string): Promise<boolean> {
  // What the tiny guest is built with is not there where that was cached.
  await exec(['sh', join(import.meta.dirname, '..', '..', '..', '..', 'scripts', 'packages.sh'), 'guest'], { timeoutMs: 600_000 });
  const unpacked = join(work, 'package');
  for (const name of [image, needed]) if (name !== null) await unpack(name, unpacked);
  const kernel = await modulesIn(unpacked);
  if (kernel === null) throw new Error(`${image} has no modules`);
  const { path, version } = kernel;
  const drivers = join(path, 'kernel', 'drivers', 'virtio');
  const knows = async (): Promise<boolean> =>
    (await readdir(drivers).catch(() => [])).some((file) => file.startsWith('virtio_mem.ko')) ||
    (await readFile(join(path, 'modules.builtin'), 'utf8').catch(() => '')).includes('/virtio_mem.ko');
  if (!(await knows()) && extra !== null) await unpack(extra, unpacked);
  if (!(await knows())) return false;

  const cd = join(work, 'cd', 'isolinux');
  const root = join(work, 'root');
  for (const path of [cd, join(root, 'etc', 'tiny', 'modules')]) await mkdir(path, { recursive: true });
  // The rest is in the kernel itself.
  const present: string[] = [];
  for (const module of modules)
    if (await copyModule(drivers, module, join(root, 'etc', 'tiny', 'modules', `${module}.ko`))) present.push(module);
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
  return true;
}
