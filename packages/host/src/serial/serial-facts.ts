import type { GuestFacts, GuestFileSystem } from '@nakhoda/schema';

import { fileSystems, interfaces, operatingSystem, userNames, word } from '../guest-agent/guest-words.ts';

/** Prints what `readSerialFacts` reads. What a guest lacks leaves its part empty. For busybox's sh. */
export const serialFactsScript = `exec 2>/dev/null
echo '[os-release]'; cat /etc/os-release || cat /usr/lib/os-release
echo '[uname]'; uname -r; uname -m
echo '[hostname]'; hostname || cat /etc/hostname
echo '[df]'; df -PkT
echo '[ip]'; ip addr
echo '[who]'; who
exit 0`;

/** The script's output as facts; whatever in it is not what it should be is left out. Pure. */
export function readSerialFacts(output: string): GuestFacts {
  const parts = sections(output);
  const part = (name: string): string[] => parts.get(name) ?? [];
  const release = osRelease(part('os-release'));
  const [kernel, machine] = part('uname');
  return {
    osInfo: operatingSystem({
      id: release.get('ID'),
      name: release.get('NAME'),
      prettyName: release.get('PRETTY_NAME'),
      version: release.get('VERSION') ?? release.get('VERSION_ID'),
      kernel,
      machine,
    }),
    hostname: word(part('hostname')[0]),
    fileSystems: fileSystems(part('df').flatMap(readDfLine)),
    interfaces: interfaces(ipAddresses(part('ip'))),
    users: userNames(part('who').map((line) => line.split(/\s/)[0])),
    frozen: null,
  };
}

function sections(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of output.split('\n')) {
    const name = /^\[([a-z-]+)\]$/.exec(line)?.[1];
    if (name === undefined) {
      if (line !== '') lines.push(line);
    } else {
      lines = [];
      // Whatever prints a heading later cannot replace what was said before.
      if (!found.has(name)) found.set(name, lines);
    }
  }
  return found;
}

/** See os-release(5): shell assignments of one word, maybe in quotes. */
function osRelease(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const quoted = /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
    found.set(name, quoted.replaceAll(/\\(["'$`\\])/g, '$1'));
  }
  return found;
}

/** A line of `df -PkT`: device, type, KiB in all, used, available, percentage, place. Only what lies on a device is of interest. */
function readDfLine(line: string): GuestFileSystem[] {
  const [, device, type, total, used, free, mountpoint] =
    /^(\/\S*|\S+:\S*)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+\S+\s+(\/.*)$/.exec(line) ?? [];
  const place = word(mountpoint);
  if (place === null) return [];
  const bytesOf = (text: string | undefined): number | null => {
    const count = Number(text) * 1024;
    return Number.isSafeInteger(count) ? count : null;
  };
  return [
    {
      mountpoint: place,
      device: word(device),
      type: word(type),
      totalBytes: bytesOf(total),
      usedBytes: bytesOf(used),
      freeBytes: bytesOf(free),
    },
  ];
}

/** From the output of `ip addr` (iproute2's or busybox's). */
function ipAddresses(lines: readonly string[]): { name: string; mac: string | null; addresses: string[] }[] {
  const found: { name: string; mac: string | null; addresses: string[] }[] = [];
  for (const line of lines) {
    const name = /^\d+:\s+([^:@\s]+)/.exec(line)?.[1];
    if (name !== undefined) found.push({ name, mac: null, addresses: [] });
    const last = found.at(-1);
    if (last === undefined) continue;
    last.mac = /^\s+link\/ether ([0-9a-f:]{17})\b/i.exec(line)?.[1] ?? last.mac;
    const address = /^\s+inet6? ([0-9a-f.:]+\/\d+)\b/i.exec(line)?.[1];
    if (address !== undefined) last.addresses.push(address);
  }
  return found;
}
