import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

export function nameError(): NakhodaError {
  return new NakhodaError('request.invalid', {
    message: 'The name is not a valid snapshot name.',
    hint: 'Use 1 to 40 letters, digits, "-" and "_", beginning with a letter.',
  });
}

export function nameTakenError(name: string): NakhodaError {
  return new NakhodaError('snapshot.name-taken', {
    message: `The VM has a snapshot ${name} already.`,
    hint: 'Take another name, or delete that snapshot first.',
  });
}

export function notFoundError(vm: string): NakhodaError {
  return new NakhodaError('snapshot.not-found', {
    message: `VM ${vm} has no snapshot of that name.`,
    hint: 'List its snapshots to see their names.',
  });
}

export function needsDiskError(vm: string): NakhodaError {
  return new NakhodaError('snapshot.needs-disk', {
    message: `VM ${vm} has no disk that a snapshot could be kept on.`,
    hint: 'Give the VM a disk.',
  });
}

export function needsRunningError(vm: string): NakhodaError {
  return new NakhodaError('snapshot.needs-running', {
    message: `VM ${vm} does not run, so there is no memory to keep.`,
    hint: 'Start the VM first, or take the snapshot without memory.',
  });
}

/** QEMU aborts when it is told to write its memory in some other states (7.2: `prelaunch`). */
export function memoryStateError(vm: string, state: string): NakhodaError {
  return new NakhodaError('vm.wrong-state', {
    message: `VM ${vm} is in QEMU's state ${state}; memory is kept of VMs that run or are paused.`,
    hint: 'Bring the VM to run first, or take the snapshot without memory.',
  });
}

export function failedError(what: string, error: unknown): NakhodaError {
  const cause = error instanceof NakhodaError || !(error instanceof Error) ? toNakhodaError(error) : error;
  return new NakhodaError('snapshot.failed', {
    message: `${what}: ${cause.message}`,
    hint: "The words above say what was missed. The VM's disks are as they were, or as the snapshot; never in between.",
    cause: error,
  });
}
