import { open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { exec } from '@nakhoda/host';

import { attachedDisk, type ForeignUserHost, writeToVdi } from './foreign-virtualbox.ts';

const sizeBytes = 8 * 1024 ** 2;

/** Has VirtualBox make a disk of 8 MiB that begins with a text. */
async function convert(host: ForeignUserHost, path: string, text: string, ...options: string[]): Promise<void> {
  const raw = join(host.folder, 'in.img');
  const content = Buffer.alloc(sizeBytes);
  content.write(text, 'latin1');
  await writeFile(raw, content);
  await host.vboxManage('convertfromraw', raw, path, ...options);
  await rm(raw);
}

async function attach(host: ForeignUserHost, name: string, port: number, medium: string): Promise<void> {
  const place = ['--storagectl', 'SATA', '--port', String(port), '--device', '0', '--type', 'hdd'];
  await host.vboxManage('storageattach', name, ...place, '--medium', medium);
}

async function makeMachine(host: ForeignUserHost, name: string, ...settings: string[]): Promise<string> {
  const base = join(host.folder, 'VirtualBox VMs');
  await host.vboxManage('createvm', '--name', name, '--basefolder', base, '--ostype', 'Debian_64', '--register');
  await host.vboxManage('storagectl', name, '--name', 'SATA', '--add', 'sata', '--portcount', '5');
  await host.vboxManage('modifyvm', name, '--memory', '64', '--nic1', 'none', ...settings);
  return join(base, name);
}

/** The image in each of a machine's drives, by their ports. */
export async function attachedImages(host: ForeignUserHost, name: string): Promise<string[]> {
  const info = await host.vboxManage('showvminfo', name, '--machinereadable');
  return [...info.matchAll(/^"SATA-\d-0"="([^"]+)"/gmu)].map(([, path]) => path ?? '').filter((path) => path !== 'none');
}

/**
 * `old import`: a machine that came out of an OVA (a sparse VMDK), with a flat VMDK, a dynamic and a fixed VHD, and the
 * OVA's own stream-optimised VMDK beside it; with a snapshot `first`, and another text in each disk since then.
 */
export async function makeImported(host: ForeignUserHost): Promise<void> {
  const source = await makeMachine(host, 'source');
  const disk = join(source, 'source.vdi');
  await convert(host, disk, 'imported', '--format', 'VDI');
  await attach(host, 'source', 0, disk);
  const ova = join(host.folder, 'old.ova');
  await host.vboxManage('export', 'source', '--output', ova);
  await host.vboxManage('unregistervm', 'source', '--delete');
  await host.vboxManage('import', ova, '--vsys', '0', '--vmname', 'old import', '--basefolder', join(host.folder, 'VirtualBox VMs'));
  await host.vboxManage('modifyvm', 'old import', '--memory', '64');
  const [sparse = ''] = await attachedImages(host, 'old import');
  const folder = dirname(sparse);
  await convert(host, join(folder, 'flat.vmdk'), 'flat', '--format', 'VMDK', '--variant', 'Fixed');
  await convert(host, join(folder, 'dynamic.vhd'), 'dynamic', '--format', 'VHD');
  await convert(host, join(folder, 'fixed.vhd'), 'fixed', '--format', 'VHD', '--variant', 'Fixed');
  await exec(['tar', '-C', folder, '-xf', ova, '--wildcards', '*.vmdk', '--transform', 's/.*/stream.vmdk/'], { timeoutMs: 10_000 });
  await rm(ova);
  const files = ['flat.vmdk', 'dynamic.vhd', 'fixed.vhd', 'stream.vmdk'].map((name) => join(folder, name));
  for (const [index, file] of files.entries()) await attach(host, 'old import', index + 1, file);
  await host.vboxManage('snapshot', 'old import', 'take', 'first');
  for (const image of await attachedImages(host, 'old import'))
    await (image.endsWith('.vhd') ? writeToVhd(image, 'second') : writeToVmdk(image, 'second'));
}

/** `locked`: UEFI, a TPM and keys enrolled; secure boot is on in its snapshot `on`, and off since then. */
export async function makeLocked(host: ForeignUserHost): Promise<void> {
  await makeMachine(host, 'locked', '--firmware', 'efi64', '--tpm-type', '2.0');
  const orders = [['inituefivarstore'], ['enrollmssignatures'], ['enrollorclpk'], ['secureboot', '--enable']];
  for (const order of orders) await host.vboxManage('modifynvram', 'locked', ...order);
  await host.vboxManage('snapshot', 'locked', 'take', 'on');
  await host.vboxManage('modifynvram', 'locked', 'secureboot', '--disable');
}

/** `asleep`, with a TPM: its memory is saved, and in its snapshot `warm` too. */
export async function makeAsleep(host: ForeignUserHost): Promise<void> {
  const folder = await makeMachine(host, 'asleep', '--tpm-type', '2.0');
  const disk = join(folder, 'asleep.vdi');
  await host.vboxManage('createmedium', 'disk', '--filename', disk, '--size', '8');
  await writeToVdi(disk, 'asleep');
  await attach(host, 'asleep', 0, disk);
  await host.vboxManage('sharedfolder', 'add', 'asleep', '--name', 'share', '--hostpath', host.folder);
  await host.whileRunning('asleep', async () => {
    await host.vboxManage('snapshot', 'asleep', 'take', 'warm', '--live');
    await host.vboxManage('controlvm', 'asleep', 'savestate');
  });
}

/** The text that a machine's disk in the first drive begins with. */
export async function firstText(host: ForeignUserHost, name: string): Promise<string> {
  return host.diskText(await attachedDisk(await host.vboxManage('showvminfo', name, '--machinereadable')));
}

/** Writes a text to the beginning of a sparse VMDK image whose first grain is not taken yet (VMware's Virtual Disk Format 5.0). */
export async function writeToVmdk(path: string, text: string): Promise<void> {
  await using file = await open(path, 'r+');
  const read = async (at: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, at);
    return bytes;
  };
  const head = await read(0, 512);
  const grain = Buffer.alloc(Number(head.readBigUInt64LE(20)) * 512);
  grain.write(text, 'latin1');
  const end = Math.ceil((await file.stat()).size / grain.length) * grain.length;
  await file.write(grain, 0, grain.length, end);
  const sector = Buffer.alloc(4);
  sector.writeUInt32LE(end / 512);
  for (const directoryAt of [48, 56]) {
    const directory = Number(head.readBigUInt64LE(directoryAt)) * 512;
    const table = (await read(directory, 4)).readUInt32LE(0) * 512;
    await file.write(sector, 0, 4, table);
  }
}

/** The same for a dynamic or differencing VHD image (Microsoft's Virtual Hard Disk Image Format Specification). */
export async function writeToVhd(path: string, text: string): Promise<void> {
  await using file = await open(path, 'r+');
  const head = Buffer.alloc(1536);
  await file.read(head, 0, head.length, 0);
  const [table, blockBytes] = [Number(head.readBigUInt64BE(512 + 16)), head.readUInt32BE(512 + 32)];
  const at = (await file.stat()).size - 512;
  const block = Buffer.alloc(512 + blockBytes + 512);
  block.fill(0xff, 0, 512);
  block.write(text, 512, 'latin1');
  head.copy(block, 512 + blockBytes, 0, 512);
  await file.write(block, 0, block.length, at);
  const sector = Buffer.alloc(4);
  sector.writeUInt32BE(at / 512);
  await file.write(sector, 0, 4, table);
}
