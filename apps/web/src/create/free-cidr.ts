/** A private range of 256 addresses that none of the networks has: 10.77.0.0/24, then 10.78.0.0/24 and so on. Pure. */
export function freeCidr(networks: readonly { readonly cidr: string }[], skip = 0): string {
  const taken = networks.map(({ cidr }) => rangeOf(cidr));
  let passed = 0;
  for (let step = 0; step < 256; step += 1) {
    const cidr = `10.${(77 + step) % 256}.0.0/24`;
    const [from, to] = rangeOf(cidr);
    if (taken.some(([first, last]) => first <= to && from <= last)) continue;
    if (passed === skip) return cidr;
    passed += 1;
  }
  return '10.77.0.0/24';
}

/** First and last address of a range, as numbers; of what is no range, one that overlaps nothing. */
function rangeOf(cidr: string): readonly [number, number] {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/u.exec(cidr)?.slice(1).map(Number);
  if (parts === undefined) return [-1, -1];
  const [a = 0, b = 0, c = 0, d = 0, bits = 32] = parts;
  const size = 2 ** (32 - bits);
  const first = Math.floor((a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / size) * size;
  return [first, first + size - 1];
}
