/** One of QEMU's objects, block nodes, network back ends or devices, with its members as QMP's commands take them. */
export type Part = Record<string, unknown>;

/**
 * What makes up a disk, a NIC or another device, each list in the order in which QEMU must get it. The same parts go
 * onto the command line of a VM that starts and through QMP into one that runs.
 */
export interface Parts {
  objects?: Part[];
  /** Block nodes, the lowest first. */
  nodes?: Part[];
  netdevs?: Part[];
  devices: Part[];
}

/** The parts as arguments. */
export function toArguments({ objects = [], nodes = [], netdevs = [], devices }: Parts): string[] {
  return [
    ...objects.flatMap((part) => ['-object', json(part)]),
    ...nodes.flatMap((part) => ['-blockdev', json(part)]),
    ...netdevs.flatMap((part) => ['-netdev', plain(part)]),
    ...devices.flatMap((part) => ['-device', json(part)]),
  ];
}

/** A socket that QEMU listens on. */
export function listeningSocket(id: string, path: string): string {
  return `socket,id=${id},path=${escapeCommas(path)},server=on,wait=off`;
}

/** QEMU's option strings end a value at a comma, and take two for one. */
export function escapeCommas(value: string): string {
  return value.replaceAll(',', ',,');
}

export function slotNumber(slot: string): number {
  return Number(slot.at(-1));
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function json(part: Part): string {
  return JSON.stringify(part);
}

/** QEMU 7.2 takes `-netdev` in JSON, older documentation does not know it, and this form is good for all. */
function plain({ type, ...members }: Part): string {
  const value = (member: unknown): string => (typeof member === 'boolean' ? (member ? 'on' : 'off') : escapeCommas(String(member)));
  return [String(type), ...Object.entries(members).map(([name, member]) => `${name}=${value(member)}`)].join(',');
}
