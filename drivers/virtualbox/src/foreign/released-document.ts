import { modeExtraData } from '../front-end.ts';
import { disksOnlyKey } from '../snapshot-plan.ts';
import { allSnapshots, machineIn, type RenamedSnapshot, visitMedia } from './adopted-document.ts';
import { isInnerKey, isKeptOfMachine, isRestored } from './host-reaching.ts';
import {
  contentOf,
  element,
  findAll,
  findOne,
  getAttribute,
  nameOf,
  type OrderedNode,
  parseOrdered,
  setAttribute,
  writeOrdered,
} from './ordered-xml.ts';

/**
 * The file that an adopted VM's user gets back: its disks, snapshots and settings as they are now, and what rested while
 * the VM was ours as it was in the user's own file. Pure.
 * @param present our file of the VM, as VirtualBox left it
 * @param former the user's own
 * @param options.folder the folder that the user's file lies in
 * @returns `foreignDisks`: disks that it has from us, and that its user could not keep. CD images of ours are ejected.
 */
export function releaseDocument(
  present: string,
  former: string,
  options: { folder: string; renamed: readonly RenamedSnapshot[] },
): { xml: string; foreignDisks: string[] } {
  const document = parseOrdered(present);
  const machine = machineIn(document);
  const original = machineIn(parseOrdered(former));
  for (const name of ['name', 'snapshotFolder']) setAttribute(machine, name, getAttribute(original, name));
  const snapshots = allSnapshots(machine);
  const before = new Map(allSnapshots(original).map((snapshot) => [getAttribute(snapshot, 'uuid'), snapshot]));
  for (const node of [machine, ...snapshots]) {
    makeRelative(node, 'stateFile', options.folder);
    const source = node === machine ? original : before.get(getAttribute(node, 'uuid'));
    for (const hardware of findAll(contentOf(node), 'Hardware')) {
      const stores = storesIn(hardware);
      if (source) restore(hardware, findOne(contentOf(source), 'Hardware'));
      else letGoOfHost(hardware);
      setStore(hardware, node === machine ? storesIn(findOne(contentOf(original), 'Hardware'))[0] : relative(stores[0], options.folder));
    }
  }
  for (const registry of findAll(contentOf(machine), 'MediaRegistry'))
    visitMedia(registry, (medium) => makeRelative(medium, 'location', options.folder));
  const foreignDisks = ejectOurs(machine, original, snapshots);
  putBack(machine, original, (name) => !isKeptOfMachine(name));
  restoreExtraData(machine, original);
  renameBack(snapshots, before, options.renamed);
  return { xml: writeOrdered(document), foreignDisks };
}

/** In the place of those parts, the ones of `source`. */
function putBack(target: OrderedNode, source: OrderedNode | undefined, which: (name: string) => boolean): void {
  const content = contentOf(target);
  const isOne = (node: OrderedNode): boolean => !nameOf(node).startsWith('#') && which(nameOf(node));
  for (const node of content.filter(isOne)) content.splice(content.indexOf(node), 1);
  content.push(...contentOf(source).filter(isOne));
}

function restore(hardware: OrderedNode, source: OrderedNode | undefined): void {
  putBack(hardware, source, isRestored);
}

/** A snapshot that was taken while the VM was ours: its machine stays, tied to nothing of ours. */
function letGoOfHost(hardware: OrderedNode): void {
  for (const network of findAll(contentOf(hardware), 'Network'))
    for (const adapter of findAll(contentOf(network), 'Adapter')) contentOf(adapter).splice(0);
  for (const uart of findAll(contentOf(hardware), 'UART')) {
    for (const port of findAll(contentOf(uart), 'Port')) {
      setAttribute(port, 'path', undefined);
      setAttribute(port, 'server', undefined);
      setAttribute(port, 'hostMode', 'Disconnected');
    }
  }
}

/** The paths of stores of variables that a machine, or a snapshot, names. */
function storesIn(hardware: OrderedNode | undefined): string[] {
  return [hardware, ...findAll(contentOf(hardware), 'BIOS')]
    .flatMap((part) => findAll(contentOf(part), 'NVRAM'))
    .flatMap((store) => getAttribute(store, 'path') ?? []);
}

/** Where VirtualBox looks for it (formats from 1.17 on), and only there. Undefined: beside the machine's file. */
function setStore(hardware: OrderedNode, path: string | undefined): void {
  for (const part of [hardware, ...findAll(contentOf(hardware), 'BIOS')]) {
    const content = contentOf(part);
    for (const store of findAll(content, 'NVRAM')) content.splice(content.indexOf(store), 1);
    // A format before 1.19 has the TPM here, too; the present one has it in the hardware.
    if (part !== hardware) for (const tpm of findAll(content, 'TrustedPlatformModule')) content.splice(content.indexOf(tpm), 1);
  }
  if (path === undefined || path === '') return;
  let bios = findOne(contentOf(hardware), 'BIOS');
  if (bios === undefined) {
    bios = element('BIOS');
    contentOf(hardware).push(bios);
  }
  contentOf(bios).push(element('NVRAM', { path }));
}

/** Takes CD images that the user had not out of the drives; gives the locations of such disks. */
function ejectOurs(machine: OrderedNode, original: OrderedNode, snapshots: readonly OrderedNode[]): string[] {
  const locationsOf = (node: OrderedNode): string[] => {
    const found: string[] = [];
    for (const registry of findAll(contentOf(node), 'MediaRegistry'))
      visitMedia(registry, (medium) => void found.push(getAttribute(medium, 'location') ?? ''));
    return found;
  };
  const had = new Set(locationsOf(original));
  const isOurs = (location: string): boolean => location.startsWith('/') && !had.has(location);
  const images = findAll(contentOf(machine), 'MediaRegistry')
    .flatMap((registry) => findAll(contentOf(registry), 'DVDImages'))
    .map(contentOf);
  const ejected = new Set<string | undefined>();
  for (const list of images) {
    for (const image of list.filter((node) => isOurs(getAttribute(node, 'location') ?? ''))) {
      ejected.add(getAttribute(image, 'uuid'));
      list.splice(list.indexOf(image), 1);
    }
  }
  for (const node of [machine, ...snapshots]) {
    const storage = [...findAll(contentOf(node), 'Hardware').flatMap(contentOf), ...contentOf(node)].filter(
      (part) => nameOf(part) === 'StorageControllers',
    );
    for (const device of storage.flatMap(contentOf).flatMap(contentOf)) {
      const content = contentOf(device);
      for (const image of findAll(content, 'Image'))
        if (ejected.has(getAttribute(image, 'uuid'))) content.splice(content.indexOf(image), 1);
    }
  }
  return locationsOf(machine).filter(isOurs);
}

function makeRelative(node: OrderedNode, name: string, folder: string): void {
  const value = getAttribute(node, name);
  if (value !== undefined) setAttribute(node, name, relative(value, folder));
}

function relative<Path extends string | undefined>(path: Path, folder: string): Path | string {
  return path?.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
}

const ourKeys = new Set(Object.keys(modeExtraData('interpreter')));

function restoreExtraData(machine: OrderedNode, original: OrderedNode): void {
  const items = (node: OrderedNode): OrderedNode[] =>
    findAll(contentOf(node), 'ExtraData').flatMap((extra) => findAll(contentOf(extra), 'ExtraDataItem'));
  const keyOf = (item: OrderedNode): string => getAttribute(item, 'name') ?? '';
  const present = items(machine).filter(
    (item) => !isInnerKey(keyOf(item)) && !ourKeys.has(keyOf(item)) && !keyOf(item).startsWith(disksOnlyKey),
  );
  const rested = items(original).filter((item) => isInnerKey(keyOf(item)));
  const content = contentOf(machine);
  for (const extra of findAll(content, 'ExtraData')) content.splice(content.indexOf(extra), 1);
  if (present.length + rested.length > 0) content.push(element('ExtraData', {}, [...present, ...rested]));
}

/** A snapshot that was given another name or text meanwhile keeps it. */
function renameBack(
  snapshots: readonly OrderedNode[],
  before: ReadonlyMap<string | undefined, OrderedNode>,
  renamed: readonly RenamedSnapshot[],
): void {
  for (const { uuid, name, safeName } of renamed) {
    const snapshot = snapshots.find((candidate) => getAttribute(candidate, 'uuid') === uuid);
    if (snapshot === undefined || getAttribute(snapshot, 'name') !== safeName) continue;
    setAttribute(snapshot, 'name', name);
    putBack(snapshot, before.get(uuid), (part) => part === 'Description');
  }
}
