/** Ethernet frames as a VM would send them, for tests. */

const ethernet = (to: Buffer, from: Buffer, type: number): Buffer => Buffer.concat([to, from, word(type)]);

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

export function ipBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** A broadcast that asks who has `target`, padded to Ethernet's 60 bytes (RFC 826). */
export function arpRequest(options: { mac: string; address: string; target: string }): Buffer {
  const mac = macBytes(options.mac);
  const body = [Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]), mac, ipBytes(options.address), Buffer.alloc(6), ipBytes(options.target)];
  return Buffer.concat([ethernet(Buffer.alloc(6, 0xff), mac, 0x0806), ...body, Buffer.alloc(18)]);
}

export function isArpReply(frame: Buffer, from: string): boolean {
  return (
    frame.length >= 42 && frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 2 && frame.subarray(28, 32).equals(ipBytes(from))
  );
}

/** An ICMP echo request in an IPv4 packet of `packetBytes` (RFC 791, RFC 792). */
export function echoRequest(options: { mac: string; address: string; toMac: string; to: string; packetBytes: number }): Buffer {
  const icmp = Buffer.alloc(options.packetBytes - 20, 0x61);
  icmp.set([8, 0, 0, 0, 0x12, 0x34, 0, 1]);
  icmp.writeUInt16BE(checksum(icmp), 2);
  const header = Buffer.alloc(20);
  header.set([0x45, 0, 0, 0, 0, 1, 0, 0, 64, 1]);
  header.writeUInt16BE(options.packetBytes, 2);
  header.set([...ipBytes(options.address), ...ipBytes(options.to)], 12);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([ethernet(macBytes(options.toMac), macBytes(options.mac), 0x0800), header, icmp]);
}

export function isEchoReply(frame: Buffer, from: string): boolean {
  return (
    frame.length >= 42 &&
    frame.readUInt16BE(12) === 0x0800 &&
    frame[23] === 1 &&
    frame.subarray(26, 30).equals(ipBytes(from)) &&
    frame[34] === 0
  );
}

function checksum(data: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < data.length; offset += 2) sum += data.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function word(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}
