import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, extname } from 'node:path';

import { type DiskImage, type ForeignDiskFormat, type ForeignMachine, parseLibvirtDomain, probeDiskImage } from '@nakhoda/host';
import { matchesName, NakhodaError, type VmImport, VmName } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { type ImportedDisk, planImport } from './import-plan.ts';
import { freshMacBytes, macAddress } from './mac-addresses.ts';
import { planFacts, promiseRecord } from './plans.ts';
import { defaultCores, defaultMemoryMiB } from './vm-defaults.ts';
import type { VmRecord } from './vm-record.ts';

/** A description longer than this is none. */
const mostXmlBytes = 1024 * 1024;
const diskFormats: readonly string[] = ['qcow2', 'raw', 'vdi', 'vmdk', 'vpc', 'vhdx'] satisfies ForeignDiskFormat[];

/**
 * Everything that can be found wrong with an import is found here, before a task is made for it.
 * @throws NakhodaError
 */
export async function planNewImport(
  services: Services,
  request: VmImport,
): Promise<{ record: VmRecord; disks: ImportedDisk[]; left: string[] }> {
  const { hypervisors } = services;
  const driver = await hypervisors.usable(request.hypervisor);
  const machine = await readSource(request);
  const images: DiskImage[] = [];
  for (const { path, format } of machine.disks) images.push(await probeDiskImage(path, toldFormat(format)));
  const facts = await planFacts(services, driver);
  const plan = planImport(request, machine, images, {
    ...facts,
    freshMac: () => macAddress(freshMacBytes(facts.takenMacs)),
  });
  return { record: await promiseRecord(services, driver, plan.spec, null), disks: plan.disks, left: plan.left };
}

/** What the description says a disk is. A raw one must be said to be; any other must be what it says. */
function toldFormat(format: string | null): { format?: ForeignDiskFormat } {
  return format !== null && diskFormats.includes(format) ? { format: format as ForeignDiskFormat } : {};
}

/** The machine that a source describes: a libvirt domain, or one with the disk image that the source is. */
async function readSource({ source, format, name, machine, firmware }: VmImport): Promise<ForeignMachine> {
  const xml = format === undefined ? await readXml(source) : null;
  if (xml !== null) return parseLibvirtDomain(xml);
  return {
    name: name ?? nameFrom(source),
    cores: defaultCores,
    sockets: 1,
    memoryMiB: defaultMemoryMiB,
    machine: machine ?? 'q35',
    firmware: firmware ?? 'bios',
    disks: [{ path: source, format: format ?? null, bus: 'virtio' }],
    nics: [],
    notes: '',
    left: [],
  };
}

/** A file's text when it begins as XML does, else null. */
async function readXml(path: string): Promise<string | null> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > mostXmlBytes) return null;
    const text = (await file.readFile()).toString('utf8');
    return /^\uFEFF?\s*</u.test(text) && !text.startsWith('<<<') ? text : null;
  } catch (error) {
    throw new NakhodaError('storage.volume-not-found', {
      message: `${path} cannot be read: ${(error as Error).message}`,
      hint: 'Give the absolute path of a disk image or of a libvirt domain on this server.',
      cause: error,
    });
  }
}

function nameFrom(source: string): string {
  const name = basename(source, extname(source)).replaceAll(/[^A-Za-z0-9-]+/gu, '-');
  if (matchesName(VmName, name)) return name;
  throw new NakhodaError('request.invalid', {
    message: `No name for the VM can be made of ${basename(source)}.`,
    hint: 'Give one: --name web',
  });
}
