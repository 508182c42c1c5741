import { isIP } from 'node:net';

import { type CloudInit, NakhodaError } from '@nakhoda/schema';
import { stringify } from 'yaml';

/** A VM as its cloud-init drive describes it. */
export interface CloudInitMachine {
  /** cloud-init does everything anew when it changes. */
  instanceId: string;
  /** The host name where `config` has none. */
  name: string;
  nics: readonly { slot: string; mac: string }[];
}

export interface CloudInitFile {
  name: 'meta-data' | 'user-data' | 'vendor-data' | 'network-config';
  content: string;
}

/**
 * The files of a NoCloud drive (cloud-init's documentation, "NoCloud" and "Networking config version 1"). Pure.
 * @throws NakhodaError `vm.spec-invalid`
 */
export function planCloudInit(config: CloudInit, machine: CloudInitMachine): CloudInitFile[] {
  const hostname = config.hostname ?? machine.name;
  // Also for a VM without NICs, for which nothing may be asked then.
  const network = networkConfig(config, machine);
  const files: (CloudInitFile | null)[] = [
    { name: 'meta-data', content: yaml({ 'instance-id': machine.instanceId, 'local-hostname': hostname }) },
    { name: 'user-data', content: config.userData === null ? userData(config, hostname) : checked('ciUserData', config.userData) },
    config.vendorData === null ? null : { name: 'vendor-data', content: checked('ciVendorData', config.vendorData) },
    machine.nics.length === 0 ? null : { name: 'network-config', content: yaml(network) },
  ];
  return files.filter((file) => file !== null);
}

/** As Proxmox VE words it: the image's own default user gets the name, keys and password, and keeps its groups and shell. */
function userData(config: CloudInit, hostname: string): string {
  const [label = hostname] = hostname.split('.');
  return `#cloud-config\n${yaml({
    hostname: label,
    ...(label === hostname ? {} : { fqdn: hostname }),
    manage_etc_hosts: true,
    ...(config.user === null ? {} : { user: { name: config.user } }),
    ...(config.passwordHash === null ? {} : { password: config.passwordHash, chpasswd: { expire: false } }),
    ...(config.sshKeys.length === 0 ? {} : { ssh_authorized_keys: config.sshKeys }),
    users: ['default'],
    ...(config.packages.length === 0 ? {} : { package_update: true, packages: config.packages }),
  })}`;
}

type Subnet = { type: 'dhcp4' | 'dhcp6' | 'ipv6_slaac' | 'manual' } | { type: 'static' | 'static6'; address: string; gateway?: string };

type NetworkPart =
  | { type: 'physical'; name: string; mac_address: string; subnets: Subnet[] }
  | { type: 'nameserver'; address: string[]; search?: string[] };

/**
 * By version 1, which every renderer of cloud-init takes: of version 2, cloud-init 22.4 makes `::/64` out of the route
 * to `::/0` for Debian's ifupdown.
 */
function networkConfig(config: CloudInit, { nics }: CloudInitMachine): { version: 1; config: NetworkPart[] } {
  const lines = config.network.map(parseLine);
  const stranger = lines.find(({ slot }) => !nics.some((nic) => nic.slot === slot));
  if (stranger)
    throw invalid(
      'ciNetwork',
      `The VM has no NIC ${stranger.slot}.`,
      nics.length === 0 ? 'It has none.' : `It has: ${nics.map(({ slot }) => slot).join(', ')}.`,
    );
  const wrong = config.dns.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw invalid('ciDns', `${wrong} is no IP address.`, 'Give addresses such as 10.0.0.1 or fd00::1.');
  const { dns, searchDomains } = config;
  return {
    version: 1,
    config: [
      ...nics.map(({ slot, mac }): NetworkPart => {
        const own = lines.filter((line) => line.slot === slot);
        return { type: 'physical', name: slot.replace('net', 'eth'), mac_address: mac, subnets: subnetsOf(slot, own) };
      }),
      ...(dns.length === 0 && searchDomains.length === 0
        ? []
        : [{ type: 'nameserver' as const, address: dns, ...(searchDomains.length === 0 ? {} : { search: searchDomains }) }]),
    ],
  };
}

function subnetsOf(slot: string, lines: readonly NetworkLine[]): Subnet[] {
  if (lines.length === 0) return [{ type: 'dhcp4' }];
  if (lines.length > 1 && lines.some(({ way }) => way === 'none')) {
    throw invalid('ciNetwork', `${slot} has "none" and something else.`, 'Leave one of them out.');
  }
  for (const version of [4, 6]) {
    const gateways = lines.filter((line) => line.way === 'fixed' && line.gateway !== undefined && isIP(line.gateway) === version);
    if (gateways.length > 1) throw invalid('ciNetwork', `${slot} has two IPv${version} gateways.`, 'Name one.');
  }
  return lines.map((line): Subnet => {
    if (line.way !== 'fixed') return { type: subnetTypes[line.way] };
    const { address, gateway } = line;
    return { type: address.includes(':') ? 'static6' : 'static', address, ...(gateway === undefined ? {} : { gateway }) };
  });
}

const subnetTypes = { dhcp: 'dhcp4', dhcp6: 'dhcp6', auto6: 'ipv6_slaac', none: 'manual' } as const;

type NetworkLine =
  | { slot: string; way: 'dhcp' | 'dhcp6' | 'auto6' | 'none' }
  | { slot: string; way: 'fixed'; address: string; gateway: string | undefined };

/** `net0=dhcp`, `net0=10.0.0.5/24 via 10.0.0.1`. */
function parseLine(line: string): NetworkLine {
  const [, slot = '', text = ''] = /^(net\d)=(.*)$/.exec(line) ?? [];
  if (text === 'dhcp' || text === 'dhcp6' || text === 'auto6' || text === 'none') return { slot, way: text };
  const [address = '', gateway] = text.split(' via ');
  const [ip = '', prefix = ''] = address.split('/');
  const version = isIP(ip);
  const longest = version === 4 ? 32 : 128;
  if (slot === '' || version === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) < 1 || Number(prefix) > longest) {
    throw invalid('ciNetwork', `"${line}" has no address with a prefix.`, 'Give it as net0=10.0.0.5/24 or net0=fd00::5/64.');
  }
  if (gateway !== undefined && isIP(gateway) !== version) {
    throw invalid('ciNetwork', `"${line}": ${gateway} is no IPv${version} address.`, 'Give the gateway as an address of the same kind.');
  }
  return { slot, way: 'fixed', address, gateway };
}

/** What a document for cloud-init begins with; it ignores others, with no more than a line in its log. */
const beginnings = [
  '#cloud-config',
  '#!',
  '#include',
  '#cloud-boothook',
  '#part-handler',
  '## template: jinja',
  'Content-Type: multipart/',
];

function checked(field: 'ciUserData' | 'ciVendorData', text: string): string {
  if (beginnings.some((beginning) => text.startsWith(beginning))) return text.endsWith('\n') ? text : `${text}\n`;
  throw invalid(field, 'It is no document that cloud-init knows.', 'Begin it with #cloud-config, or with #! for a script.');
}

/**
 * Every text in quotes: cloud-init reads YAML 1.1, to which an unquoted `52:54:00:12:34:56` is a number of base 60 and
 * `no` is false.
 */
function yaml(value: unknown): string {
  return stringify(value, {
    version: '1.1',
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

function invalid(field: string, message: string, hint: string): NakhodaError {
  return new NakhodaError('vm.spec-invalid', { message: `${field}: ${message}`, hint, details: { field } });
}
