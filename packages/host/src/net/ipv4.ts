/** A range of IPv4 addresses as unsigned 32-bit numbers, both ends included. */
export interface Ipv4Range {
  first: number;
  last: number;
}

/** An address with its prefix length, as written: the address need not be the network's. */
export interface Ipv4Cidr {
  address: number;
  prefix: number;
}

/** The address as an unsigned 32-bit number; null when it is not four decimal numbers of 0 to 255. */
export function parseIpv4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return null;
  let value = 0;
  for (const part of match.slice(1)) {
    // A leading zero means octal to some programs and decimal to others.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return null;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Dotted-decimal form of an unsigned 32-bit number. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** `a.b.c.d/n`, or `a.b.c.d` as `/32`; null when it is neither. */
export function parseCidr(text: string): Ipv4Cidr | null {
  const [host = '', prefixText = '32', ...rest] = text.split('/');
  const address = parseIpv4(host);
  if (address === null || rest.length > 0 || !/^\d{1,2}$/.test(prefixText)) return null;
  const prefix = Number(prefixText);
  return prefix > 32 ? null : { address, prefix };
}

/** Every address of the network that `cidr` lies in, network and broadcast address included. */
export function rangeOf({ address, prefix }: Ipv4Cidr): Ipv4Range {
  const size = 2 ** (32 - prefix);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

export function overlaps(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function contains(outer: Ipv4Range, inner: Ipv4Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}
