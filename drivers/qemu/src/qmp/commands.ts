/** QEMU's RunState (qapi/run-state.json), 7.2 to 10.0. */
export type RunState =
  | 'colo'
  | 'debug'
  | 'finish-migrate'
  | 'guest-panicked'
  | 'inmigrate'
  | 'internal-error'
  | 'io-error'
  | 'paused'
  | 'postmigrate'
  | 'prelaunch'
  | 'restore-vm'
  | 'running'
  | 'save-vm'
  | 'shutdown'
  | 'suspended'
  | 'watchdog';

export interface JobInfo {
  'id': string;
  'status': string;
  'current-progress': number;
  'total-progress': number;
  'error'?: string;
}

/** A guest's drive. `io-status` tells why requests of a device that stops the guest have failed. */
export interface BlockInfo {
  'qdev'?: string;
  'io-status'?: 'ok' | 'failed' | 'nospace';
}

/** A block device's node and, level by level, what is below it. */
export interface BlockStats {
  'qdev'?: string;
  'node-name'?: string;
  'backing'?: BlockStats;
}

export interface SnapshotAction {
  type: 'blockdev-snapshot';
  data: { node: string; overlay: string };
}

/** Memory that came by a device; a virtio-mem's `size` is what the guest has taken, in bytes. */
export interface MemoryDevice {
  type: string;
  data: { 'id'?: string; 'size': number; 'requested-size': number };
}

/** A place for a processor, taken (`qom-path`) or free; `props` name the place. */
export interface HotpluggableCpu {
  'type': string;
  'props': Record<string, number>;
  'qom-path'?: string;
}

/** MigrationInfo (qapi/migration.json). `status` is missing before the first migration. */
export interface MigrationInfo {
  'status'?: string;
  'error-desc'?: string;
  'ram'?: { total: number; remaining: number; transferred: number };
}

type None = Record<string, never>;

/** The QMP commands that are used, as QEMU 7.2's schema has them (qapi/*.json); only the members that are read. */
export interface QmpCommands {
  'qmp_capabilities': { arguments: None; result: None };
  'query-status': { arguments: None; result: { status: RunState } };
  'query-uuid': { arguments: None; result: { UUID: string } };
  'query-kvm': { arguments: None; result: { enabled: boolean } };
  'cont': { arguments: None; result: None };
  'stop': { arguments: None; result: None };
  'quit': { arguments: None; result: None };
  'system_reset': { arguments: None; result: None };
  'system_powerdown': { arguments: None; result: None };
  'device_add': { arguments: Record<string, unknown>; result: None };
  'device_del': { arguments: { id: string }; result: None };
  'object-add': { arguments: Record<string, unknown>; result: None };
  'object-del': { arguments: { id: string }; result: None };
  'netdev_add': { arguments: Record<string, unknown>; result: None };
  'netdev_del': { arguments: { id: string }; result: None };
  'qom-list': { arguments: { path: string }; result: { name: string; type: string }[] };
  'qom-set': { arguments: { path: string; property: string; value: unknown }; result: None };
  'query-memory-devices': { arguments: None; result: MemoryDevice[] };
  'query-memory-size-summary': { arguments: None; result: { 'base-memory': number; 'plugged-memory'?: number } };
  'block_resize': { arguments: { 'node-name': string; 'size': number }; result: None };
  'blockdev-open-tray': { arguments: { id: string; force: boolean }; result: None };
  'blockdev-close-tray': { arguments: { id: string }; result: None };
  'blockdev-remove-medium': { arguments: { id: string }; result: None };
  'blockdev-insert-medium': { arguments: { 'id': string; 'node-name': string }; result: None };
  'query-hotpluggable-cpus': { arguments: None; result: HotpluggableCpu[] };
  'set_link': { arguments: { name: string; up: boolean }; result: None };
  'screendump': { arguments: { filename: string }; result: None };
  'send-key': { arguments: { 'keys': { type: 'qcode'; data: string }[]; 'hold-time': number }; result: None };
  'transaction': { arguments: { actions: SnapshotAction[] }; result: None };
  'blockdev-add': { arguments: Record<string, unknown>; result: None };
  'blockdev-del': { arguments: { 'node-name': string }; result: None };
  'query-named-block-nodes': { arguments: { flat: boolean }; result: { 'node-name'?: string }[] };
  'query-block': { arguments: None; result: BlockInfo[] };
  'query-blockstats': { arguments: None; result: BlockStats[] };
  'block-commit': {
    arguments: { 'job-id': string; 'device': string; 'top-node': string; 'base-node': string; 'auto-dismiss': boolean };
    result: None;
  };
  'job-complete': { arguments: { id: string }; result: None };
  'block-job-cancel': { arguments: { device: string; force: boolean }; result: None };
  'migrate': { arguments: { uri: string }; result: None };
  'migrate_cancel': { arguments: None; result: None };
  'migrate-incoming': { arguments: { uri: string }; result: None };
  'migrate-set-capabilities': { arguments: { capabilities: { capability: string; state: boolean }[] }; result: None };
  'query-migrate-capabilities': { arguments: None; result: { capability: string; state: boolean }[] };
  'migrate-set-parameters': { arguments: { 'max-bandwidth': number }; result: None };
  'query-migrate': { arguments: None; result: MigrationInfo };
  'query-jobs': { arguments: None; result: JobInfo[] };
  'job-dismiss': { arguments: { id: string }; result: None };
}

/** Milliseconds that a command may take; those that are not here get 5 s. */
export const commandTimeoutMs: Partial<Record<keyof QmpCommands, number>> = {
  // Both are answered by the main loop at once, and what waits for them must not hang with a hung QEMU.
  'query-status': 2_000,
  'quit': 2_000,
  // They drain the disks' requests first.
  'stop': 30_000,
  'cont': 30_000,
  'transaction': 120_000,
  'device_add': 30_000,
  'block_resize': 30_000,
  'blockdev-remove-medium': 30_000,
  'blockdev-insert-medium': 30_000,
  'blockdev-add': 30_000,
  'blockdev-del': 30_000,
  'block-commit': 30_000,
  'migrate': 30_000,
  'migrate_cancel': 30_000,
  'migrate-incoming': 30_000,
  // It waits for the next refresh of the screen, and writes megabytes.
  'screendump': 10_000,
};

/** An event as QEMU sends it. */
export interface QmpEvent {
  event: string;
  data: Record<string, unknown>;
  /** When it happened by QEMU's clock; milliseconds since 1970, with microseconds as fractions. */
  at: number;
}
