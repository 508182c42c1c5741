/** IPv4 addresses by MAC from the output of `ip addr` (iproute2's or busybox's), without loopback. */
export function parseIpAddresses(text: string): { mac: string; address: string }[] {
  const found: { mac: string; address: string }[] = [];
  let mac: string | null = null;
  for (const line of text.split('\n')) {
    if (/^\d/.test(line)) mac = null;
    const link = /^\s+link\/ether ([0-9a-f]{2}(?::[0-9a-f]{2}){5})\b/i.exec(line);
    if (link?.[1] !== undefined) mac = link[1].toLowerCase();
    const address = /^\s+inet (\d{1,3}(?:\.\d{1,3}){3})\b/.exec(line)?.[1];
    if (mac !== null && address !== undefined) found.push({ mac, address });
  }
  return found;
}
