import type { Duplex } from 'node:stream';

import type {
  Capabilities,
  Execution,
  FoundMachine,
  GuestFacts,
  GuestInfo,
  HypervisorId,
  Snapshot,
  VmDisk,
  VmNic,
  VmSpec,
  VmState,
} from '@nakhoda/schema';

import type { ForeignFacet } from './foreign.ts';

/** What every call gets: a way to stop it, and ways to tell how it goes. */
export interface DriverContext {
  readonly signal: AbortSignal;
  /** One line for the task's log. */
  log(line: string): void;
  /** Share of the work that is done, 0 to 1. */
  progress(fraction: number): void;
}

/** How a NIC reaches its network. The daemon prepares the host's side and passes the result. */
export type NicAttachment =
  /** A persistent TAP that is a port of the network's bridge already. */
  | { kind: 'tap'; tap: string }
  /** VirtualBox's bridged adapter on this host interface. */
  | { kind: 'bridged'; interface: string }
  /** Raw Ethernet frames in UDP datagrams on 127.0.0.1: the VM binds `localPort` and sends to `peerPort`. */
  | { kind: 'udp-tunnel'; localPort: number; peerPort: number }
  /** A NIC with no cable in it. */
  | { kind: 'none' };

export interface MachineDisk extends Pick<VmDisk, 'bus' | 'cache' | 'discard' | 'ssd' | 'iothread' | 'iopsLimit' | 'mbpsLimit'> {
  /** `disk0` to `disk9`; the order of the guest's disks. */
  slot: string;
  /** Absolute path of the image. `define` makes it where it does not exist. */
  path: string;
  format: VmDisk['format'];
  sizeBytes: number;
}

export interface MachineNic extends Pick<VmNic, 'model' | 'linkUp'> {
  slot: string;
  /** Six lower-case pairs with colons. */
  mac: string;
  attachment: NicAttachment;
}

/** The fields of a VM's spec that a driver gets as they are. */
export type MachineHardware = Pick<
  VmSpec,
  | 'sockets'
  | 'cpuModel'
  | 'cpuLimit'
  | 'cpuShares'
  | 'balloonMiB'
  | 'memoryMaxMiB'
  | 'machine'
  | 'firmware'
  | 'secureBoot'
  | 'tpm'
  | 'display'
  | 'displayMemoryMiB'
  | 'bootOrder'
  | 'serialPorts'
  | 'audio'
  | 'rng'
  | 'watchdog'
  | 'hostDevices'
>;

/** A VM as a driver gets it: names resolved to paths, networks to attachments. */
export interface MachineSpec extends MachineHardware {
  vmid: number;
  name: string;
  uuid: string;
  /** In each socket. */
  cores: number;
  memoryMiB: number;
  /** Absolute, private to this VM, kept over reboots: images and the driver's own records. */
  directory: string;
  /** Absolute, private to this VM, lost on reboot: sockets and pid records. Short: a Unix socket path has at most 107 bytes. */
  runtimeDirectory: string;
  disks: MachineDisk[];
  /** Absolute path of an ISO image, or null for an empty drive. The image is never written. */
  cdrom: string | null;
  /** Absolute path of the image of a second, never booted CD drive with data for cloud-init; absent where there is no such drive. */
  cloudInit?: string;
  nics: MachineNic[];
  /** Of an adopted VM: what it had before, which stays as it is. Its disks' images may lie anywhere. */
  found?: FoundMachine;
}

/** What a driver sees of a VM. Derived from the hypervisor each time, never from what was asked for. */
export interface MachineStatus {
  vmid: number;
  uuid: string;
  state: VmState;
  /** Why it is in that state, where that is not self-evident: after a crash, an I/O error, a failed start. */
  reason?: string;
  execution?: Execution;
  pid?: number;
  /** When the present run began; ISO 8601. */
  startedAt?: string;
  currentSnapshot?: string;
  /** True for a crashed VM whose process holds its guest still, as it was when it could not go on. */
  standing?: boolean;
  /** True for a stopped VM whose memory lies on disk: `start` goes on from there. */
  suspended?: boolean;
  /** What the hypervisor has otherwise than was defined, one sentence each, because somebody used its own tools. Absent when nothing. */
  changedOutside?: string[];
}

/** What `probe` finds out: whether this hypervisor can run VMs here, how, and if not, why. */
export interface ProbeResult {
  usable: boolean;
  version: string | null;
  execution: Execution | null;
  /** Why it is unusable, or usable only in a limited way. Whole sentences. */
  reasons: string[];
  /** What to do about it. */
  remedy?: string;
}

/** A fault in a spec, found without touching anything. */
export interface SpecProblem {
  field: string;
  message: string;
  hint: string;
}

/** Something of a VM changed, however it was caused. The receiver calls `inspect` for the rest. */
export interface DriverEvent {
  vmid: number;
  /** `settings`: what the hypervisor keeps of its hardware, changed by whomever. */
  kind: 'state' | 'removed' | 'snapshots' | 'settings';
  at: string;
}

export type StopMode = 'shutdown' | 'poweroff';

/**
 * The contract every hypervisor's driver fulfils. Each call is idempotent: to define what is defined,
 * start what runs, stop what is stopped or undefine what is gone changes nothing and succeeds.
 * All errors are `NakhodaError`s. The exported suite (`@nakhoda/driver/contract`) is the contract's text.
 */
export interface Driver {
  readonly id: HypervisorId;
  /** Looks at the host; changes nothing. Never throws for a hypervisor that is absent: that is an answer. */
  probe(ctx: DriverContext): Promise<ProbeResult>;
  capabilities(): Capabilities;
  /** Faults in the spec for this hypervisor. Pure: looks at nothing but the spec and the capabilities. */
  validate(spec: MachineSpec): SpecProblem[];
  /** Every VM of Nakhoda's that this hypervisor knows. */
  list(ctx: DriverContext): Promise<MachineStatus[]>;
  /** One VM, or null when the hypervisor has none of that vmid. */
  inspect(ctx: DriverContext, options: { vmid: number }): Promise<MachineStatus | null>;
  /**
   * Makes the VM known to the hypervisor and creates its missing disks, or brings a stopped VM's
   * definition in line with the spec. Undoes what it made when it fails.
   * An image that is smaller than its disk's `sizeBytes` is grown; one that is larger is never cut
   * (`vm.spec-invalid`). A disk that is not in the spec any more goes from the VM, and its image stays.
   * @throws NakhodaError `snapshot.uses-disk` when a snapshot has a disk that is to go or to grow
   */
  define(ctx: DriverContext, options: { spec: MachineSpec }): Promise<void>;
  /**
   * Deletes the image of a disk that the VM had and has no more. What is gone already, or was never made by the
   * driver, is left alone. The VM may run.
   * @throws NakhodaError `vm.wrong-state` when the VM has the disk still; `snapshot.uses-disk` when a snapshot has it
   */
  deleteImage(ctx: DriverContext, options: { vmid: number; path: string }): Promise<void>;
  /**
   * Bytes of the disk in an image that the VM had and has no more, so that it can be given back as it is. Changes nothing.
   * @throws NakhodaError `storage.volume-refused` for what is no image of this hypervisor, or names other files than it should
   */
  measureImage(ctx: DriverContext, options: { vmid: number; path: string }): Promise<{ sizeBytes: number }>;
  /** Forgets a stopped VM and deletes everything in its two folders that the driver made. */
  undefine(ctx: DriverContext, options: { vmid: number }): Promise<void>;
  /** Returns when the guest's processors run. A failed start leaves the VM stopped, with the reason. */
  start(ctx: DriverContext, options: { vmid: number }): Promise<void>;
  /**
   * `shutdown` asks the guest and waits up to `timeoutSeconds`, then throws `vm.shutdown-timeout` and leaves
   * the VM running. `poweroff` takes the power away and returns when no process of the VM is left.
   */
  stop(ctx: DriverContext, options: { vmid: number; mode: StopMode; timeoutSeconds: number }): Promise<void>;
  /** Changes from now on, within 1 s of their cause, whoever caused them, until the signal ends it. Several may listen. */
  events(signal: AbortSignal): AsyncIterable<DriverEvent>;
  /** Ends connections and timers of this process. VMs go on running. */
  close(): Promise<void>;

  readonly pause?: PauseFacet;
  /** The reset button of a running or paused VM: the guest starts anew in the same process, and runs. */
  readonly reset?: (ctx: DriverContext, options: { vmid: number }) => Promise<void>;
  readonly crashes?: CrashFacet;
  readonly suspend?: SuspendFacet;
  readonly hotplug?: HotplugFacet;
  readonly snapshots?: SnapshotFacet;
  readonly clone?: (ctx: DriverContext, options: CloneOptions) => Promise<void>;
  readonly serial?: SerialFacet;
  readonly guest?: GuestFacet;
  /** May come and go while the driver is open. */
  readonly vnc?: VncFacet | undefined;
  readonly screen?: ScreenFacet;
  readonly keyboard?: KeyboardFacet;
  readonly foreign?: ForeignFacet;
}

/** A VM whose processors stand still keeps its memory and its process. Both calls are idempotent. */
export interface PauseFacet {
  /** @throws NakhodaError `vm.wrong-state` when it does not run */
  pause(ctx: DriverContext, options: { vmid: number }): Promise<void>;
  /** @throws NakhodaError `vm.wrong-state` when it is neither paused nor running */
  resume(ctx: DriverContext, options: { vmid: number }): Promise<void>;
}

/** Guests that cannot go on, such as one whose kernel panicked, in a process that is there still. */
export interface CrashFacet {
  /**
   * A `standing` VM counts as `paused` from now on, with its reason, and can be looked at as any paused one, until it is
   * reset, resumed or stopped. Idempotent. @throws NakhodaError `vm.wrong-state` where nothing stands that could be kept
   */
  hold(ctx: DriverContext, options: { vmid: number }): Promise<void>;
}

/** Memory kept on disk while the VM is stopped; `start` goes on from there, once. */
export interface SuspendFacet {
  /** Leaves the VM `stopped` and `suspended`. A failure leaves it as it was. */
  suspend(ctx: DriverContext, options: { vmid: number }): Promise<void>;
  /** Throws the memory away: the next start boots. Idempotent. */
  discard(ctx: DriverContext, options: { vmid: number }): Promise<void>;
}

/** Changes that a running VM takes without a restart. */
export interface HotplugFacet {
  /**
   * Brings a running VM as near to the spec as it goes without a restart; what is that way already stays untouched, so
   * the call is idempotent. Disks that are new are made first, as in `define`; images of disks that go are kept.
   * What could not be done is told by field, in the words of the API's `pending`: `memoryMiB`, `cdrom`, `disks.disk1`
   * (to come or to go), `disks.disk1.sizeBytes`, `nics.net0.linkUp`. A change that the guest or hypervisor refuses is
   * left undone as a whole, told with its reason, and counts as pending. From then on the machine is recorded as it is.
   * @throws NakhodaError `vm.wrong-state` when it does not run; `vm.spec-invalid`
   */
  change(ctx: DriverContext, options: { spec: MachineSpec }): Promise<{ pending: { field: string; reason: string }[] }>;
}

/**
 * Makes the disks of a machine that is to be out of another's: each holds what the disk in the same slot of the source
 * holds in a snapshot, or now; so do the variables of UEFI and the TPM. `define` of the same spec then takes them as they
 * are, and until then `undefine` removes whatever there is. The source and its snapshots stay as they are, and it may run:
 * then all its disks are copied as of one instant, as a loss of power would leave them. Idempotent: what an attempt
 * before has left is made anew. Memory is never taken along.
 */
export interface CloneOptions {
  source: number;
  /** A snapshot of the source's, or null for what its disks hold now. */
  snapshot: string | null;
  /**
   * The new disks hold only what differs from the source's images, which must not change for as long as there are
   * such disks. The caller sees to that: no snapshot from this one up to the root of the tree is deleted, and a source
   * that was cloned without a snapshot does not start, nor is it undefined.
   * @throws NakhodaError `vm.wrong-state` without a snapshot of a source that is not stopped, or is suspended
   */
  linked: boolean;
  /** Of the new machine: its disks have the slots of the source's, and at least their size. Nothing of it exists yet. */
  spec: MachineSpec;
}

/** Points in a VM's tree. */
export interface SnapshotFacet {
  /** Of a running VM with `memory` the guest's whole state, otherwise the disks alone. Nothing half-made stays. */
  take(ctx: DriverContext, options: { vmid: number; name: string; description: string; memory: boolean }): Promise<void>;
  /** Oldest first; a tree by `parent`. Empty for a VM with none. */
  list(ctx: DriverContext, options: { vmid: number }): Promise<Snapshot[]>;
  /**
   * The VM as it was. A snapshot with memory leaves it running from that instant; one without
   * leaves it stopped. What happened since the last snapshot is lost.
   *
   * With `spec`, which is what the machine was when the snapshot was taken, the VM's definition becomes that one, also
   * where it has other disks than now: images that it has not stay where they are. Without it the definition stays, and
   * must fit. A failure leaves the former definition with the former disks; or, where `details.restored` of its error is
   * true, `spec` with the snapshot's disks, of a VM that does not run.
   * @throws NakhodaError `snapshot.not-found`, `snapshot.failed`, `vm.spec-invalid`
   */
  rollback(ctx: DriverContext, options: { vmid: number; name: string; spec?: MachineSpec }): Promise<void>;
  /** Its children move up to its parent where the hypervisor can do that, else `snapshot.has-children`. */
  delete(ctx: DriverContext, options: { vmid: number; name: string }): Promise<void>;
}

/** One reader and writer on a VM's first serial port. Several can be open at once; all see all output. */
export interface SerialSession {
  write(data: Uint8Array): void;
  /** Called with each piece of output from now on. */
  onData(listener: (data: Uint8Array) => void): void;
  /** Called once when the port is gone: VM stopped, or `close` was called. */
  onClose(listener: () => void): void;
  close(): void;
}

export interface SerialFacet {
  /** Opens the running VM's first serial port. `backlog` holds the last output, up to 64 KiB. */
  open(ctx: DriverContext, options: { vmid: number }): Promise<{ session: SerialSession; backlog: Uint8Array }>;
}

export interface GuestExecOptions {
  vmid: number;
  /** Program and arguments; no shell in between. */
  argv: readonly string[];
  /** Standard input, 64 KiB at most; without it there is none. */
  input?: Uint8Array;
  timeoutSeconds: number;
  onStdout(data: Uint8Array): void;
  onStderr(data: Uint8Array): void;
}

/** What is asked of the guest itself: through its agent, or the serial shell where there is none. */
export interface GuestFacet {
  /** Which way answers now, or null when none does within the time. */
  ready(ctx: DriverContext, options: { vmid: number; timeoutSeconds: number }): Promise<'agent' | 'serial' | null>;
  exec(ctx: DriverContext, options: GuestExecOptions): Promise<{ exitCode: number }>;
  readFile(ctx: DriverContext, options: { vmid: number; path: string; maxBytes: number }): Promise<Uint8Array>;
  /** `mode`: permissions in octal, which the file has before it has content. */
  writeFile(ctx: DriverContext, options: { vmid: number; path: string; data: Uint8Array; mode?: string }): Promise<void>;
  /** IPv4 addresses by MAC as the guest sees them, without loopback. Empty when nobody answers. */
  addresses(ctx: DriverContext, options: { vmid: number }): Promise<{ mac: string; address: string }[]>;
  /**
   * What the guest says of itself, and who said it; `via` is null, and all else empty, when nobody answers. A hung agent
   * costs a few seconds. Nothing of it is checked but its form and length.
   * @throws NakhodaError `guest.not-running`, as all that follow
   */
  facts(ctx: DriverContext, options: { vmid: number }): Promise<{ via: GuestInfo['via'] } & GuestFacts>;
  /**
   * Makes the guest's file systems stand still, and gives how many; 0 for a guest that is frozen already. Needs the agent.
   * Whoever calls it calls `thaw` afterwards, also when it has failed. @throws NakhodaError `guest.no-agent`, `guest.refused`
   */
  freeze(ctx: DriverContext, options: { vmid: number }): Promise<{ fileSystems: number }>;
  /** Lets them go on, and gives how many; 0 for a guest that is not frozen. @throws as `freeze` */
  thaw(ctx: DriverContext, options: { vmid: number }): Promise<{ fileSystems: number }>;
  /** Needs the agent. `crypted`: the password is a hash as crypt(3) makes it. @throws as `freeze` */
  setPassword(ctx: DriverContext, options: { vmid: number; user: string; password: string; crypted: boolean }): Promise<void>;
  /** Asks the agent to power the guest off, and does not wait for it. @throws as `freeze` */
  requestShutdown(ctx: DriverContext, options: { vmid: number }): Promise<void>;
}

/** A connection to the server of a VM's screen, of which nothing has been read: the server speaks first (RFB 3.8). */
export interface VncConnection {
  readonly stream: Duplex;
  /** What the server asks for, or null where it asks for nothing. Never shown to anybody. */
  readonly password: string | null;
  /** Who serves, as error messages name it. */
  readonly server: string;
}

export interface VncFacet {
  /**
   * A connection of one viewer's own to the running VM's screen, keyboard and mouse. Several can be open at once.
   * The viewing ends when the stream is destroyed.
   */
  open(ctx: DriverContext, options: { vmid: number }): Promise<VncConnection>;
}

export interface ScreenFacet {
  /** What is on the running VM's screen, as a PNG image of the screen's size. */
  screenshot(ctx: DriverContext, options: { vmid: number }): Promise<Uint8Array>;
}

/** A keyboard that is typed on from outside. What several callers type is not mixed up. */
export interface KeyboardFacet {
  /**
   * Presses and lets go of each combination, such as `ctrl-alt-delete`, one after another. Returns when the keyboard
   * has them all; whether the guest heeds them is its own affair.
   * @throws NakhodaError `keyboard.unknown-key` before anything is pressed
   */
  sendKeys(ctx: DriverContext, options: { vmid: number; keys: readonly string[] }): Promise<void>;
  /**
   * Types a text on a US keyboard.
   * @throws NakhodaError `keyboard.untypable` naming the characters that it lacks, before anything is typed
   */
  typeText(ctx: DriverContext, options: { vmid: number; text: string }): Promise<void>;
}
