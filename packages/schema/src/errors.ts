/** One row of the error table: the HTTP status a code is sent with, and what it means to a person. */
export interface ErrorDefinition {
  readonly status: number;
  readonly meaning: string;
}

/**
 * Every error code there is. `docs/errors.md` is generated from this table and a test keeps them equal.
 * A code never changes its meaning; it is what programs match on.
 */
export const errorTable = {
  'request.invalid': { status: 400, meaning: 'A field of the request is missing, unknown or out of range.' },
  'request.not-found': { status: 404, meaning: 'There is no such address in the API.' },
  'request.too-large': { status: 413, meaning: 'The request body is larger than the endpoint takes.' },
  'auth.required': { status: 401, meaning: 'No valid session or token came with the request.' },
  'auth.bad-credentials': { status: 401, meaning: 'The user name or password is wrong.' },
  'auth.rate-limited': { status: 429, meaning: 'Too many failed logins; wait before the next try.' },
  'auth.csrf': { status: 403, meaning: 'A cookie session sent a change without its CSRF token.' },
  'auth.bad-ticket': { status: 401, meaning: 'The console ticket is unknown, used, expired, or for another VM or console.' },
  'auth.forbidden': { status: 403, meaning: 'The caller lacks the permission that the endpoint names.' },
  'vm.not-found': { status: 404, meaning: 'There is no VM of that name or vmid.' },
  'vm.name-taken': { status: 409, meaning: 'Another VM has this name.' },
  'vm.vmid-taken': { status: 409, meaning: 'Another VM has this vmid.' },
  'vm.wrong-state': { status: 409, meaning: 'The VM is in a state that does not allow the action.' },
  'vm.unsupported': { status: 409, meaning: "The VM's hypervisor cannot do this; the message says why." },
  'vm.start-failed': { status: 500, meaning: 'The hypervisor did not bring the VM to life.' },
  'vm.shutdown-timeout': { status: 504, meaning: 'The guest did not shut down within the time limit.' },
  'vm.spec-invalid': { status: 400, meaning: 'The hypervisor cannot run a VM of this description.' },
  'vm.mac-taken': { status: 409, meaning: 'A NIC of another VM has this MAC address.' },
  'vm.device-not-found': { status: 404, meaning: 'The VM has no disk or NIC in that slot.' },
  'vm.protected': { status: 409, meaning: 'The VM is protected from being destroyed.' },
  'vm.is-template': { status: 409, meaning: 'The VM is a template, which neither starts nor changes its disks.' },
  'vm.has-clones': { status: 409, meaning: 'Linked clones lie on the disks of the VM or snapshot.' },
  'vm.exists-outside': { status: 409, meaning: 'The hypervisor has a machine of this vmid that Nakhoda did not make.' },
  'snapshot.not-found': { status: 404, meaning: 'The VM has no snapshot of that name.' },
  'snapshot.name-taken': { status: 409, meaning: 'The VM has a snapshot of that name already.' },
  'snapshot.has-children': { status: 409, meaning: 'Other snapshots grow from this one.' },
  'snapshot.uses-disk': { status: 409, meaning: 'A snapshot holds the disk as it is, so it can neither be removed nor grown.' },
  'snapshot.needs-disk': { status: 409, meaning: 'A snapshot needs a disk to be kept on.' },
  'snapshot.needs-running': { status: 409, meaning: 'Memory can be kept only of a running VM.' },
  'snapshot.failed': { status: 500, meaning: 'The hypervisor could not take, restore or delete the snapshot.' },
  'guest.not-running': { status: 409, meaning: 'The VM does not run, so nothing in it can answer.' },
  'guest.no-agent': { status: 409, meaning: 'Neither guest agent nor serial shell answers in the guest.' },
  'guest.timeout': { status: 504, meaning: 'The guest did not answer within the time limit.' },
  'guest.exec-failed': { status: 422, meaning: 'The guest could not start the command.' },
  'guest.refused': { status: 422, meaning: 'The guest agent refused what was asked of it; the message has its reason.' },
  'guest.file-failed': { status: 422, meaning: 'The guest could not read or write the file.' },
  'console.too-many': { status: 429, meaning: 'There are too many open tickets or viewers; wait, or close some.' },
  'console.failed': {
    status: 502,
    meaning: "The hypervisor's console or screen does not answer as it should; the message names the broken hop.",
  },
  'keyboard.unknown-key': { status: 400, meaning: 'A key combination names something that is no key.' },
  'keyboard.untypable': { status: 400, meaning: "The text is too long, or has characters that the VM's keyboard lacks." },
  'network.not-found': { status: 404, meaning: 'There is no network of that name.' },
  'network.name-taken': { status: 409, meaning: 'There is a network of that name already.' },
  'network.cidr-invalid': { status: 400, meaning: 'The address range is not a usable private IPv4 network.' },
  'network.cidr-overlap': { status: 409, meaning: 'The address range overlaps one that this host already uses.' },
  'network.bridge-exists': { status: 409, meaning: 'An interface of that name exists and is not ours.' },
  'network.in-use': { status: 409, meaning: 'VMs are attached to the network.' },
  'network.failed': { status: 500, meaning: 'The network could not be set up on this host.' },
  'storage.not-found': { status: 404, meaning: 'There is no such storage pool.' },
  'storage.volume-not-found': { status: 404, meaning: 'The volume does not exist or cannot be read.' },
  'storage.volume-refused': { status: 422, meaning: 'The image is not what it must be: wrong format, or it names other files.' },
  'storage.too-large': { status: 422, meaning: 'The disk is larger than the pool.' },
  'storage.failed': { status: 500, meaning: 'The storage could not do what was asked.' },
  'import.unreadable': { status: 422, meaning: 'The description of a VM to be imported cannot be read.' },
  'foreign.user-not-found': { status: 404, meaning: 'The host has no such user, or the user is not among those whose VMs are looked at.' },
  'foreign.not-found': { status: 404, meaning: 'That user has no such VM.' },
  'foreign.not-adoptable': {
    status: 409,
    meaning: 'The VM cannot be taken from its user, or given back, as things are; the message says why.',
  },
  'foreign.not-adopted': { status: 409, meaning: 'The VM was not adopted, so there is nobody to give it back to.' },
  'foreign.keeps-disks': { status: 409, meaning: "The VM's disks are a person's own, and are deleted only when that is asked for." },
  'hypervisor.not-found': { status: 404, meaning: 'This node has no hypervisor of that name.' },
  'hypervisor.unusable': { status: 409, meaning: 'The hypervisor cannot run VMs on this host; the message says why.' },
  'hypervisor.timeout': { status: 504, meaning: 'A hypervisor program did not answer within its time limit.' },
  'hypervisor.failed': { status: 502, meaning: 'A hypervisor program reported an error.' },
  'node.not-found': { status: 404, meaning: 'There is no node of that name.' },
  'task.not-found': { status: 404, meaning: 'There is no such task.' },
  'task.not-cancellable': { status: 409, meaning: 'The task has ended, or cannot be cancelled.' },
  'task.cancelled': { status: 409, meaning: 'The task was cancelled; what it had begun was undone.' },
  'task.interrupted': { status: 500, meaning: 'The daemon stopped in the middle of the task; what it had begun was undone.' },
  'task.stuck': { status: 500, meaning: 'A step could not be undone; somebody has to look, and can retry.' },
  'task.unknown-kind': { status: 500, meaning: 'Another version of Nakhoda began the task; this one does not know its kind.' },
  'store.conflict': { status: 409, meaning: 'Somebody else changed the object first; read it again.' },
  'store.compacted': { status: 410, meaning: 'The changes asked for are no longer kept; read the present values again.' },
  'store.too-new': { status: 500, meaning: 'A newer version of Nakhoda wrote the database; this one cannot read it.' },
  'store.failed': { status: 500, meaning: 'The database could not be read or written.' },
  'exec.not-found': { status: 500, meaning: 'A program that Nakhoda needs is not installed.' },
  'exec.failed': { status: 500, meaning: 'A program ended with an error.' },
  'exec.timeout': { status: 504, meaning: 'A program did not end within its time limit.' },
  'setup.failed': { status: 500, meaning: 'A set-up step failed.' },
  'daemon.unreachable': { status: 503, meaning: 'No daemon answers for this data folder.' },
  'daemon.port-taken': { status: 500, meaning: 'The daemon cannot listen on its address.' },
  'daemon.already-running': { status: 409, meaning: 'Another daemon runs on this data folder.' },
  'lab.failed': { status: 500, meaning: 'The experiment could not be carried through.' },
  'internal': { status: 500, meaning: 'A defect in Nakhoda. The request id finds it in the log.' },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorTable;

/** An error as the API sends it and `--json` prints it. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  hint: string;
  details?: Record<string, unknown>;
  requestId?: string;
  taskId?: string;
}

export interface NakhodaErrorOptions {
  /** What happened and why, one or two sentences. */
  message: string;
  /** What to do next. */
  hint: string;
  /** Facts for programs; sent to the caller, so nothing secret. */
  details?: Record<string, unknown>;
  /** The error behind it; logged, never sent. */
  cause?: unknown;
}

/** The only error that crosses a package's border. */
export class NakhodaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, options: NakhodaErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NakhodaError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  /** The form that leaves the process: without cause and stack. */
  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** Whatever was thrown, as a NakhodaError; what is not one already is a defect of ours. */
export function toNakhodaError(thrown: unknown): NakhodaError {
  if (thrown instanceof NakhodaError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new NakhodaError('internal', {
    message: `Something in Nakhoda failed that should not: ${message}`,
    hint: 'Look for the request id in the daemon log and report it.',
    cause: thrown,
  });
}

/** Rebuilds an error that came as JSON; an unknown code becomes `internal`. */
export function fromErrorBody(body: ErrorBody): NakhodaError {
  const code: ErrorCode = body.code in errorTable ? body.code : 'internal';
  return new NakhodaError(code, { message: body.message, hint: body.hint, ...(body.details ? { details: body.details } : {}) });
}
