import { isIP } from 'node:net';

import type { GuestFileSystem, GuestInterface, GuestOs } from '@nakhoda/schema';

/** Words, file systems and interfaces that are taken from a guest at most; what is beyond is left out. */
const most = { letters: 256, fileSystems: 64, interfaces: 32, addresses: 32, users: 64 } as const;

/** A guest's word for people to read: a string of 256 characters at most without control characters, or null. */
export function word(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const clean = value
    .slice(0, 4 * most.letters)
    // Control characters move a terminal's cursor, and the others turn the direction of reading.
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/gu, '')
    .toWellFormed()
    .trim()
    .slice(0, most.letters);
  return clean === '' ? null : clean;
}

/** A number of bytes, or null for whatever is none. */
export function byteCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** At most as many as the schema takes, each once. */
export function userNames(values: readonly unknown[]): string[] {
  const names = values.map(word).filter((name) => name !== null);
  return [...new Set(names)].slice(0, most.users);
}

export function fileSystems(found: readonly GuestFileSystem[]): GuestFileSystem[] {
  return found.slice(0, most.fileSystems);
}

/** Without loopback; addresses that are none are left out. */
export function interfaces(found: readonly { name: unknown; mac: unknown; addresses: readonly unknown[] }[]): GuestInterface[] {
  return found
    .map(({ name, mac, addresses }) => ({
      name: word(name) ?? '?',
      mac: typeof mac === 'string' && macPattern.test(mac) ? mac.toLowerCase() : null,
      addresses: addresses.filter(isAddress).slice(0, most.addresses),
    }))
    .filter(({ name, mac }) => name !== 'lo' && mac !== '00:00:00:00:00:00')
    .slice(0, most.interfaces);
}

/** Null where the guest told nothing. */
export function operatingSystem(os: { [Name in keyof GuestOs]: unknown }): GuestOs | null {
  const told: GuestOs = {
    id: word(os.id),
    name: word(os.name),
    prettyName: word(os.prettyName),
    version: word(os.version),
    kernel: word(os.kernel),
    machine: word(os.machine),
  };
  return Object.values(told).every((value) => value === null) ? null : told;
}

const macPattern = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

/** `10.0.0.2/24`; with an IPv6 address's zone, `fe80::1%eth0/64`, it is none. */
function isAddress(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const [address = '', prefix = '', ...more] = value.split('/');
  if (more.length > 0 || address.includes('%') || !/^\d{1,3}$/.test(prefix)) return false;
  const version = isIP(address);
  return version !== 0 && Number(prefix) <= (version === 4 ? 32 : 128);
}
