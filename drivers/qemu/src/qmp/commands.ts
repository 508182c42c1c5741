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

export interface BlockNode {
  'node-name'?: string;
  'image'?: { snapshots?: { 'name': string; 'vm-state-size': number }[] };
}

export interface SnapshotAction {
  type: 'blockdev-snapshot-internal-sync';
  data: { device: string; name: string };
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
  'set_link': { arguments: { name: string; up: boolean }; result: None };
  'snapshot-save': { arguments: { 'job-id': string; 'tag': string; 'vmstate': string; 'devices': string[] }; result: None };
  'snapshot-load': { arguments: { 'job-id': string; 'tag': string; 'vmstate': string; 'devices': string[] }; result: None };
  'snapshot-delete': { arguments: { 'job-id': string; 'tag': string; 'devices': string[] }; result: None };
  'transaction': { arguments: { actions: SnapshotAction[] }; result: None };
  'query-named-block-nodes': { arguments: { flat: boolean }; result: BlockNode[] };
  'query-jobs': { arguments: None; result: JobInfo[] };
  'job-dismiss': { arguments: { id: string }; result: None };
}

/** Milliseconds that a command may take; those that are not here get 5 s. */
export const commandTimeoutMs: Partial<Record<keyof QmpCommands, number>> = {
  // Both are answered by the main loop at once, and what waits for them must not hang with a hung QEMU.
  'query-status': 2_000,
  'quit': 2_000,
  // They drain the disks' requests first, and an internal snapshot writes tables.
  'stop': 30_000,
  'cont': 30_000,
  'transaction': 120_000,
};

/** An event as QEMU sends it. */
export interface QmpEvent {
  event: string;
  data: Record<string, unknown>;
}
