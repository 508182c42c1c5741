import { Type } from 'typebox';

export const crashPolicies = ['leave', 'restart', 'pause'] as const;
export const CrashPolicy = Type.Enum(crashPolicies, {
  description:
    'after a crash: leave it as the hypervisor leaves it, restart it, after longer and longer pauses, or pause: keep a guest whose kernel panicked for a look',
});
export type CrashPolicy = (typeof crashPolicies)[number];

/** A tag, by Proxmox VE's rule: lower case, so that two that differ in case alone are one. */
export const Tag = Type.String({
  pattern: '^[a-z0-9_][a-z0-9_+.-]{0,31}$',
  maxLength: 32,
  description: 'lower-case letters, digits and "_", "+", ".", "-", 1 to 32 characters',
});

/** A place in the tree of folders, without a slash at either end; empty for none. */
export const FolderPath = Type.String({
  pattern: '^([A-Za-z0-9][A-Za-z0-9 ._-]{0,31}(/[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}){0,7})?$',
  maxLength: 263,
  description: 'folders with "/" between, for example lab/week 3; empty for none',
});

/** What is wanted of a VM besides its hardware. All of it takes effect at once, also while the VM runs. */
export const VmOptions = {
  autostart: Type.Boolean({ description: 'start it when the host has started' }),
  startOrder: Type.Integer({ minimum: 0, maximum: 10_000, description: 'place in the order of starting at boot; lower ones first' }),
  startDelaySeconds: Type.Integer({
    minimum: 0,
    maximum: 3600,
    description: 'seconds to wait after its start before the next one is started at boot',
  }),
  crashPolicy: CrashPolicy,
  protection: Type.Boolean({ description: 'refuse to destroy it, or a disk of it' }),
  notes: Type.String({ maxLength: 65_536, description: 'notes about it, Markdown' }),
  tags: Type.Array(Tag, { maxItems: 32, description: 'tags, with commas between' }),
  folder: FolderPath,
};
