import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { exec } from '@nakhoda/host';

/** The words that the CD's boot loader gives the kernel (guest/iso/isolinux.cfg), as far as they matter here. */
const kernelWords =
  'console=ttyS0,115200 quiet nokaslr mitigations=off random.trust_cpu=on rcupdate.rcu_expedited=1 pty.legacy_count=0 loop.max_loop=1';

/**
 * Makes a qcow2 image with a FAT file system that UEFI boots the tiny guest from: with `shell` the kernel and its
 * initramfs by UEFI's shell, otherwise an unsigned boot loader, the kernel alone, where UEFI looks for one.
 */
export async function makeEfiDisk(options: { iso: string; folder: string; path: string; shell: boolean }): Promise<void> {
  const { iso, folder, path, shell } = options;
  const loader = join(folder, 'EFI', 'BOOT');
  await mkdir(shell ? folder : loader, { recursive: true });
  const copy = async (from: string, to: string): Promise<void> => {
    await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', from, to]);
    await exec(['chmod', 'u+w', to]);
  };
  if (shell) {
    await copy('/isolinux/bzimage', join(folder, 'bzimage.efi'));
    await copy('/isolinux/initrd', join(folder, 'initrd'));
    await writeFile(join(folder, 'startup.nsh'), `fs0:\\bzimage.efi initrd=\\initrd ${kernelWords}\r\n`);
  } else await copy('/isolinux/bzimage', join(loader, 'BOOTX64.EFI'));
  await exec(['qemu-img', 'convert', '-q', '-O', 'qcow2', '--image-opts', `driver=vvfat,dir=${folder},fat-type=16`, path]);
}
