import { stat, statfs } from 'node:fs/promises';

/** Magic numbers of file systems that can let two files have blocks in common (linux/magic.h): btrfs, XFS, bcachefs. */
const reflinking: ReadonlySet<number> = new Set([0x9123683e, 0x58465342, 0xca451a4e]);

/**
 * Whether the file system copies the files into the folder without reading them. Elsewhere the kernel would copy byte by
 * byte, and zeros that were written as data, which qemu-img leaves out when it reads, would be written again.
 */
export async function copiesByItself(paths: readonly string[], folder: string): Promise<boolean> {
  const target = await stat(folder);
  const devices = await Promise.all(paths.map(async (path) => (await stat(path)).dev));
  return devices.every((device) => device === target.dev) && reflinking.has((await statfs(folder)).type);
}

/** What a piece of the output of `qemu-img convert -p`, such as `    (12.34/100%)`, says last: a share, or none. Pure. */
export function copyShares(text: string): number[] {
  const last = [...text.matchAll(/\((\d+\.\d+)\/100%\)/g)].at(-1)?.[1];
  return last === undefined ? [] : [Number(last) / 100];
}
