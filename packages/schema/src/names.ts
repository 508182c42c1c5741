import { Type } from 'typebox';

/**
 * A VM's name: one DNS label that starts with a letter, so that it can be a host name (as in Proxmox VE)
 * and can never be mistaken for a vmid or for a command's flag.
 */
export const VmName = Type.String({
  pattern: '^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$',
  maxLength: 63,
  description: 'letters, digits and inner hyphens, beginning with a letter, 1 to 63 characters',
});

/** A VM's number: 100 and up, unique in the datacenter; the upper limit is Proxmox VE's. */
export const Vmid = Type.Integer({ minimum: 100, maximum: 999_999_999, description: 'integer from 100 to 999999999' });

/** How a request names a VM: its name or its vmid, in one string. */
export const VmReference = Type.String({
  pattern: '^([A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?|[1-9][0-9]{2,8})$',
  maxLength: 63,
  description: "a VM's name or vmid",
});

/** A snapshot's name, by Proxmox VE's rule. */
export const SnapshotName = Type.String({
  pattern: '^[A-Za-z][A-Za-z0-9_-]{0,39}$',
  maxLength: 40,
  description: 'letters, digits, "-" and "_", beginning with a letter, 1 to 40 characters',
});

/** A network's name. `nk-` and the name make the bridge's, and Linux allows an interface 15 characters. */
export const NetworkName = Type.String({
  pattern: '^[a-z][a-z0-9-]{0,11}$',
  maxLength: 12,
  description: 'lower-case letters, digits and "-", beginning with a letter, 1 to 12 characters',
});

/** A volume: `pool:kind/file`. No slash in the file part, so that it cannot leave its folder. */
export const VolumeName = Type.String({
  pattern: '^[a-z][a-z0-9-]{0,31}:iso/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
  maxLength: 170,
  description: 'pool:kind/file, for example local:iso/debian.iso',
});

/** What `--cdrom` takes: a volume, or `tiny` for the guest that Nakhoda builds. */
export const CdromReference = Type.Union([Type.Literal('tiny'), VolumeName], {
  description: 'a volume such as local:iso/debian.iso, or "tiny" for the tiny guest',
});

/** A private IPv4 network in CIDR notation; the finer rules are checked by the network planner. */
export const Cidr = Type.String({
  pattern: '^(\\d{1,3}\\.){3}\\d{1,3}/\\d{1,2}$',
  maxLength: 18,
  description: 'an IPv4 network such as 10.77.0.0/24',
});

/** A node's name. There is one today: `local`. */
export const NodeName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$', maxLength: 63, description: 'a node, for example local' });

/** Kinds of hypervisor that a VM can run on. `fake` answers in tests and demos only. */
export const HypervisorId = Type.Union([Type.Literal('qemu'), Type.Literal('virtualbox'), Type.Literal('fake')], {
  description: 'qemu or virtualbox',
});
export type HypervisorId = Type.Static<typeof HypervisorId>;

/** RFC 3339 in UTC with milliseconds, as `Date#toISOString` writes it. */
export const Timestamp = Type.String({ format: 'date-time' });

/** Tells whether a string satisfies one of the patterns above, without a compiled validator. */
export function matchesName(schema: object, value: string): boolean {
  // TypeBox's string type does not tell that its options are kept on it.
  const { pattern, maxLength } = schema as { pattern?: string; maxLength?: number };
  if (maxLength !== undefined && value.length > maxLength) return false;
  return pattern === undefined || new RegExp(pattern, 'u').test(value);
}
