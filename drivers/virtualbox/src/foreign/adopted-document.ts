import { dirname, isAbsolute, join } from 'node:path';

import { takeOutHostReaching } from './host-reaching.ts';
import {
  contentOf,
  element,
  findAll,
  findOne,
  getAttribute,
  type OrderedNode,
  parseOrdered,
  setAttribute,
  textNode,
  textOf,
  writeOrdered,
} from './ordered-xml.ts';
import { safeNames } from './safe-names.ts';

/** A snapshot that goes by another name while its VM is adopted. */
export interface RenamedSnapshot {
  uuid: string;
  name: string;
  safeName: string;
  /** With its former name in it; null where it stayed as it was. */
  safeDescription: string;
}

export interface AdoptedDocument {
  xml: string;
  renamed: RenamedSnapshot[];
  /** Names of settings that were taken out. */
  gone: string[];
}

/** Sockets of the first two serial ports. */
export interface PortSockets {
  serial: string;
  agent: string;
}

/** Every snapshot of a machine, parents first. */
export function allSnapshots(machine: OrderedNode): OrderedNode[] {
  const visit = (snapshot: OrderedNode): OrderedNode[] => [
    snapshot,
    ...findAll(contentOf(snapshot), 'Snapshots').flatMap((list) => findAll(contentOf(list), 'Snapshot').flatMap(visit)),
  ];
  return findAll(contentOf(machine), 'Snapshot').flatMap(visit);
}

/** The machine in a document. Throws for a file without one. */
export function machineIn(document: readonly OrderedNode[]): OrderedNode {
  const machine = findOne(contentOf(findOne(document, 'VirtualBox')), 'Machine');
  if (machine === undefined) throw new Error('the file has no machine');
  return machine;
}

/**
 * A person's `.vbox` file as the file of one of our machines: disks, snapshots and saved memory by absolute paths, NICs
 * without cable, our sockets on the first two serial ports, snapshots by names of ours, and nothing that reaches into the
 * host. Everything else stays as it is. Pure.
 * @param options.file where the file lies
 */
export function adoptDocument(xml: string, options: { name: string; file: string; sockets: PortSockets }): AdoptedDocument {
  const folder = dirname(options.file);
  const document = parseOrdered(xml);
  const machine = machineIn(document);
  const snapshots = allSnapshots(machine);
  const gone = new Set([machine, ...snapshots].flatMap(takeOutHostReaching));
  setAttribute(machine, 'name', options.name);
  setAttribute(machine, 'snapshotFolder', absolute(getAttribute(machine, 'snapshotFolder') ?? 'Snapshots', folder));
  for (const node of [machine, ...snapshots]) {
    makeAbsolute(node, 'stateFile', folder);
    const memory = getAttribute(node, 'stateFile') !== undefined;
    for (const hardware of findAll(contentOf(node), 'Hardware')) {
      for (const part of [hardware, ...findAll(contentOf(hardware), 'BIOS')]) {
        for (const store of findAll(contentOf(part), 'NVRAM')) {
          // The machine's own is copied to where VirtualBox looks by itself, for a roll back would move it there anyway (7.2.22).
          if (node === machine) contentOf(part).splice(contentOf(part).indexOf(store), 1);
          else makeAbsolute(store, 'path', folder);
        }
      }
      for (const network of findAll(contentOf(hardware), 'Network')) findAll(contentOf(network), 'Adapter').forEach(pullCable);
      setPorts(hardware, options.sockets, memory);
    }
  }
  for (const registry of findAll(contentOf(machine), 'MediaRegistry'))
    visitMedia(registry, (medium) => makeAbsolute(medium, 'location', folder));
  return { renamed: renameSnapshots(snapshots), gone: [...gone], xml: writeOrdered(document) };
}

/** Every image in a list of media. */
export function visitMedia(registry: OrderedNode, visit: (medium: OrderedNode) => void): void {
  for (const node of contentOf(registry)) {
    if (getAttribute(node, 'location') !== undefined) visit(node);
    visitMedia(node, visit);
  }
}

function absolute(path: string, folder: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

function makeAbsolute(node: OrderedNode, name: string, folder: string): void {
  const value = getAttribute(node, name);
  if (value !== undefined && value !== '') setAttribute(node, name, absolute(value, folder));
}

const adapterAttributes = ['slot', 'enabled', 'MACAddress', 'type', 'bootPriority'];

/** The card stays as the guest knows it; what it was tied to, and a file that its traffic is traced to, goes. */
function pullCable(adapter: OrderedNode): void {
  contentOf(adapter).splice(0);
  for (const name of Object.keys(adapter[':@'] ?? {})) if (!adapterAttributes.includes(name)) setAttribute(adapter, name, undefined);
  setAttribute(adapter, 'cable', 'false');
}

/** The machine of a snapshot with memory has to stay what that memory is of: no port is added to it. */
function setPorts(hardware: OrderedNode, { serial, agent }: PortSockets, memory: boolean): void {
  const before = findAll(contentOf(hardware), 'UART').flatMap((uart) => findAll(contentOf(uart), 'Port'));
  const port = (slot: string, path: string, base: string, irq: string): OrderedNode[] => {
    const found = before.find((candidate) => getAttribute(candidate, 'slot') === slot && getAttribute(candidate, 'enabled') === 'true');
    if (memory && !found) return [];
    const IOBase = getAttribute(found, 'IOBase') ?? base;
    const IRQ = getAttribute(found, 'IRQ') ?? irq;
    return [element('Port', { slot, enabled: 'true', IOBase, IRQ, path, hostMode: 'HostPipe', server: 'true' })];
  };
  const others = before.flatMap((found) => {
    const slot = getAttribute(found, 'slot') ?? '';
    if (slot === '0' || slot === '1' || getAttribute(found, 'enabled') !== 'true') return [];
    const IOBase = getAttribute(found, 'IOBase') ?? '0x3e8';
    const IRQ = getAttribute(found, 'IRQ') ?? '4';
    return [element('Port', { slot, enabled: 'true', IOBase, IRQ, hostMode: 'Disconnected' })];
  });
  const content = contentOf(hardware);
  for (const uart of findAll(content, 'UART')) content.splice(content.indexOf(uart), 1);
  content.push(element('UART', {}, [...port('0', serial, '0x3f8', '4'), ...port('1', agent, '0x2f8', '3'), ...others]));
}

function renameSnapshots(snapshots: readonly OrderedNode[]): RenamedSnapshot[] {
  const names = snapshots.map((snapshot) => getAttribute(snapshot, 'name') ?? '');
  return safeNames(names).flatMap((safeName, index) => {
    const snapshot = snapshots[index];
    const name = names[index] ?? '';
    if (snapshot === undefined || safeName === name) return [];
    const content = contentOf(snapshot);
    const description = findOne(content, 'Description');
    const before = textOf(description);
    const safeDescription = `Was called ${JSON.stringify(name)}.${before === '' ? '' : `\n${before}`}`;
    if (description) content.splice(content.indexOf(description), 1);
    content.unshift(element('Description', {}, [textNode(safeDescription)]));
    setAttribute(snapshot, 'name', safeName);
    return [{ uuid: getAttribute(snapshot, 'uuid') ?? '', name, safeName, safeDescription }];
  });
}
