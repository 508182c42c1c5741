import { NakhodaError } from '@nakhoda/schema';

export function noShellError(prompt: string): NakhodaError {
  return new NakhodaError('guest.no-agent', {
    message: `No guest agent answers, and the serial console does not show the prompt "${prompt}".`,
    hint: 'Wait until the guest has booted, end what runs on its console, or install qemu-guest-agent in it.',
  });
}

export function goneError(): NakhodaError {
  return new NakhodaError('guest.not-running', {
    message: "The VM's serial port was closed; the VM has stopped.",
    hint: 'Start the VM and try again.',
  });
}

export function timeoutError(): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: 'The command did not end within its time limit and was killed.',
    hint: 'Give it more time, or look at the console for what it waits for.',
  });
}

export function interruptedError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: 'The command was interrupted at the serial console.',
    hint: 'Run it again, and leave the console alone meanwhile.',
  });
}

export function notStartedError(program: string): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: `The guest has no program "${program}".`,
    hint: 'Check the name; a shell line needs `sh -c`.',
  });
}

export function noSpaceError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: 'The guest could not make the files for the output in /tmp.',
    hint: 'Make space in /tmp of the guest.',
  });
}

export function lostOutputError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: "The command ran, but part of its output was lost among the console's other output.",
    hint: 'Run it again, or install the guest agent, which has a channel of its own.',
  });
}

export function fileError(path: string, reason: string): NakhodaError {
  return new NakhodaError('guest.file-failed', {
    message: `The guest could not read or write ${path}: ${reason || 'no reason given'}.`,
    hint: 'Check the path and the free space in the guest.',
  });
}

export function damagedError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: 'What was sent over the serial console arrived damaged three times, or could not be written to /tmp.',
    hint: 'Leave the console alone while a command runs, or install the guest agent.',
  });
}
