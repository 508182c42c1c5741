import { XMLBuilder } from 'fast-xml-parser';

import { hardDisk } from './document-disk.ts';
import type { DocumentMedium } from './document-disk.ts';
import { parseModifyFlags } from './modify-flags.ts';
import type { ModifyFlag } from './modify-flags.ts';
import type { PlannedController, PlannedDrive } from './storage-plan.ts';

/** A drive with what is in it, null for an empty one; `parents` are the images that it grows from, the lowest first. */
export interface DocumentDrive {
  plan: PlannedDrive;
  medium: (DocumentMedium & { parents?: readonly DocumentMedium[] }) | null;
}

export interface DocumentOptions {
  uuid: string;
  name: string;
  /** The arguments of `modifyvm` that the machine is described by. */
  modifyArgs: readonly string[];
  controllers: readonly PlannedController[];
  drives: readonly DocumentDrive[];
  extraData: Readonly<Record<string, string>>;
  /** ISO 8601. */
  now: string;
}

/** A `.vbox` file, and the arguments of `modifyvm` that it does not say yet. */
export interface MachineDocument {
  xml: string;
  rest: string[];
}

/**
 * Arguments that hold of every machine written here: they are VirtualBox's own defaults for a file that does not mention
 * them, or fixed parts of the document below.
 */
const fixed = new Set([
  ...['--chipset piix3', '--ioapic on', '--x86-x2apic on', '--paravirt-provider kvm', '--rtc-use-utc on', '--firmware bios'],
  ...['--tpm-type none', '--cpu-execution-cap 100'],
  ...['--firmware-logo-fade-in off', '--firmware-logo-fade-out off', '--firmware-logo-display-time 0', '--firmware-boot-menu disabled'],
  ...['--boot1 dvd', '--boot2 disk', '--boot3 none', '--boot4 none', '--graphicscontroller vmsvga'],
  ...['--mouse ps2', '--keyboard ps2', '--audio-enabled off', '--audio-driver none', '--usb-ohci off', '--usb-ehci off'],
  ...['--usb-xhci off', '--clipboard-mode disabled', '--drag-and-drop disabled', '--vrde off'],
]);

interface Uart {
  base: string;
  irq: string;
  path: string;
}

interface Nic {
  kind: string;
  cable: boolean;
  driver: string;
  bridge: string;
  mac: string;
  properties: Map<string, string>;
}

/** What the arguments say, as far as the document can say it. */
interface Draft {
  cpus: string;
  memory: string;
  vram: string;
  description: string;
  /** By the file's name for it; empty for BIOS. */
  firmware: string;
  uarts: Map<number, Uart>;
  nics: Map<number, Nic>;
}

/**
 * Writes the `.vbox` file (format 1.19) of a new machine, for one `registervm` instead of a dozen calls. The arguments of
 * `modifyvm` stay the one description of a machine: what of them the file cannot say comes back as `rest`, to be told by
 * one call after the registration. Pure.
 */
export function machineDocument(options: DocumentOptions): MachineDocument {
  const draft: Draft = { cpus: '1', memory: '128', vram: '8', description: '', firmware: '', uarts: new Map(), nics: new Map() };
  const flags = parseModifyFlags(options.modifyArgs);
  const rest = flags.filter((flag) => !fixed.has([flag.flag, ...flag.values].join(' ')) && !take(draft, flag));
  return { xml: build(options, draft), rest: rest.flatMap(({ args }) => args) };
}

/** Notes one argument; false when the document has no place for it. */
function take(draft: Draft, { flag, values }: ModifyFlag): boolean {
  const [first = '', second = ''] = values;
  if (flag === '--cpus') draft.cpus = first;
  else if (flag === '--memory') draft.memory = first;
  else if (flag === '--vram') draft.vram = first;
  else if (flag === '--description') draft.description = first;
  // By the file alone: VirtualBox drops the variables that lie beside a file without it.
  else if (flag === '--firmware' && first === 'efi64') draft.firmware = 'EFI64';
  else {
    const [, word = '', digits = ''] = /^--([a-z-]+?)-?(\d)$/.exec(flag) ?? [];
    if (word === '') return false;
    const number = Number(digits);
    if (word.startsWith('uart')) return takeUart(at(draft.uarts, number, { base: '', irq: '', path: '' }), word, first, second);
    const empty = { kind: 'none', cable: true, driver: '', bridge: '', mac: '', properties: new Map() };
    return takeNic(at(draft.nics, number, empty), word, first);
  }
  return true;
}

function at<T>(map: Map<number, T>, number: number, empty: T): T {
  const found = map.get(number) ?? empty;
  map.set(number, found);
  return found;
}

function takeUart(uart: Uart, word: string, first: string, second: string): boolean {
  if (word === 'uart' && second !== '') Object.assign(uart, { base: first.toLowerCase(), irq: second });
  else if (word === 'uart-mode' && first === 'server') uart.path = second;
  else return word === 'uart-type' && first === '16550A';
  return true;
}

function takeNic(nic: Nic, word: string, value: string): boolean {
  const [, key = '', text = ''] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  switch (word) {
    case 'nic':
      if (!['none', 'null', 'generic', 'bridged'].includes(value)) return false;
      nic.kind = value;
      return true;
    case 'nic-generic-drv':
      nic.driver = value;
      return true;
    case 'nic-property':
      nic.properties.set(key, text);
      return key !== '';
    case 'bridge-adapter':
      nic.bridge = value;
      return true;
    case 'mac-address':
      nic.mac = value;
      return true;
    case 'cable-connected':
      nic.cable = value === 'on';
      return true;
    case 'nic-boot-prio':
      return value === '0';
    case 'nic-type':
      return value === '82540EM';
    default:
      return false;
  }
}

const builder = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
  format: true,
});

function build(options: DocumentOptions, draft: Draft): string {
  const { uuid, name, drives, controllers, extraData, now } = options;
  const media = (type: PlannedDrive['type']) => drives.filter(({ plan }) => plan.type === type).flatMap(({ medium }) => medium ?? []);
  return builder.build({
    '?xml': { '@version': '1.0' },
    'VirtualBox': {
      '@xmlns': 'http://www.virtualbox.org/',
      '@version': '1.19-linux',
      'Machine': {
        '@uuid': `{${uuid}}`,
        '@name': name,
        '@OSType': 'Linux26_64',
        '@snapshotFolder': 'Snapshots',
        // VirtualBox keeps whole seconds.
        '@lastStateChange': now.replace(/\.\d+Z$/, 'Z'),
        'Description': draft.description,
        'MediaRegistry': {
          HardDisks: {
            HardDisk: media('HardDisk').map(({ parents = [], ...disk }) => hardDisk([...parents, disk])),
          },
          DVDImages: { Image: media('DVD').map((image) => ({ '@uuid': `{${image.uuid}}`, '@location': image.path })) },
        },
        'ExtraData': { ExtraDataItem: Object.entries(extraData).map(([key, value]) => ({ '@name': key, '@value': value })) },
        'Hardware': {
          Memory: { '@RAMSize': draft.memory },
          Paravirt: { '@provider': 'KVM' },
          Boot: {
            Order: ['DVD', 'HardDisk', 'None', 'None'].map((device, index) => ({ '@position': String(index + 1), '@device': device })),
          },
          Display: { '@controller': 'VMSVGA', '@VRAMSize': draft.vram },
          Firmware: draft.firmware === '' ? {} : { '@type': draft.firmware },
          BIOS: {
            IOAPIC: { '@enabled': 'true' },
            Logo: { '@fadeIn': 'false', '@fadeOut': 'false', '@displayTime': '0' },
            BootMenu: { '@mode': 'Disabled' },
            SmbiosUuidLittleEndian: { '@enabled': 'true' },
            AutoSerialNumGen: { '@enabled': 'true' },
          },
          Network: { Adapter: [...draft.nics].map(adapter) },
          UART: {
            Port: [...draft.uarts].map(([number, uart]) => ({
              '@slot': String(number - 1),
              '@enabled': 'true',
              '@IOBase': uart.base,
              '@IRQ': uart.irq,
              '@server': 'true',
              '@path': uart.path,
              '@hostMode': 'HostPipe',
            })),
          },
          AudioAdapter: { '@driver': 'Null' },
          Clipboard: {},
          StorageControllers: {
            StorageController: controllers.map(({ kind, ports, hostIoCache }) => ({
              '@name': kind.name,
              '@type': kind.type,
              '@PortCount': String(ports),
              '@useHostIOCache': String(hostIoCache),
              '@Bootable': 'true',
              'AttachedDevice': drives.filter(({ plan }) => plan.place.controller === kind.name).map(attachedDevice),
            })),
          },
          RTC: { '@localOrUTC': 'UTC' },
          CPU: {
            ...(draft.cpus === '1' ? {} : { '@count': draft.cpus }),
            HardwareVirtExLargePages: { '@enabled': 'false' },
            PAE: { '@enabled': 'false' },
            LongMode: { '@enabled': 'true' },
            X2APIC: { '@enabled': 'true' },
          },
        },
      },
    },
  });
}

function adapter([number, nic]: [number, Nic]): object {
  // Said of each: of a file that names no adapter, VirtualBox makes a machine with one on NAT.
  if (nic.kind === 'none') return { '@slot': String(number - 1), '@enabled': 'false', '@type': '82540EM' };
  const properties = [...nic.properties].map(([name, value]) => ({ '@name': name, '@value': value }));
  return {
    '@slot': String(number - 1),
    '@enabled': 'true',
    '@MACAddress': nic.mac,
    ...(nic.cable ? {} : { '@cable': 'false' }),
    '@type': '82540EM',
    ...(nic.kind === 'generic' ? { GenericInterface: { '@driver': nic.driver, 'Property': properties } } : {}),
    ...(nic.kind === 'bridged' ? { BridgedInterface: { '@name': nic.bridge } } : {}),
  };
}

function attachedDevice({ plan, medium }: DocumentDrive): object {
  const { place, type, discard, nonrotational, hotpluggable } = plan;
  return {
    ...(type === 'DVD' ? { '@passthrough': 'false' } : {}),
    ...(nonrotational ? { '@nonrotational': 'true' } : {}),
    ...(discard ? { '@discard': 'true' } : {}),
    '@type': type,
    '@hotpluggable': String(hotpluggable),
    '@port': String(place.port),
    '@device': String(place.device),
    ...(medium === null ? {} : { Image: { '@uuid': `{${medium.uuid}}` } }),
  };
}
