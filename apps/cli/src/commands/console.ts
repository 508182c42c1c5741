import type { WebSocket } from 'ws';

import { endpointTable } from '@nakhoda/client';
import { NakhodaError } from '@nakhoda/schema/errors';

import { readFieldValue } from '../field-value.ts';
import type { Invocation } from '../invocation.ts';
import { printable } from '../text.ts';

/** Ctrl-]: telnet's way out, which shells and editors do not use. */
const leaveByte = 0x1d;

/** After the end of an input that is no terminal, the guest has answered when it has said nothing for so long. */
const silenceMs = 3000;

/**
 * Connects the terminal with a VM's serial console until Ctrl-], or until the console ends. Without a terminal it
 * passes bytes on both ways, until the input has ended and the guest has been silent for 3 s. The terminal's mode is
 * given back in every case.
 */
export async function openVmConsole(invocation: Invocation, vm: string): Promise<number> {
  const schema = endpointTable['vm.console'].params?.properties['vm'];
  const socket = await invocation.client.openConsole(schema === undefined ? vm : String(readFieldValue(schema, 'VM', vm)));
  const { stdin, stderr } = process;
  const isTerminal = stdin.isTTY;
  const ended = Promise.withResolvers<number>();
  const onSignal = () => ended.resolve(130);
  const restore = () => {
    if (isTerminal) stdin.setRawMode(false);
  };
  // Before the mode is changed, so that nothing that ends this process leaves the terminal raw.
  for (const signal of signals) process.on(signal, onSignal);
  process.once('exit', restore);
  try {
    if (isTerminal) {
      stdin.setRawMode(true);
      stderr.write(`Connected to the console of ${vm}. Ctrl-] leaves.\r\n`);
    }
    return await connectStreams(socket, isTerminal, ended);
  } finally {
    restore();
    process.off('exit', restore);
    for (const signal of signals) process.off(signal, onSignal);
    stdin.pause();
    socket.terminate();
    if (isTerminal) stderr.write(`\nLeft the console of ${vm}.\n`);
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function connectStreams(socket: WebSocket, isTerminal: boolean, ended: PromiseWithResolvers<number>): Promise<number> {
  const { stdin, stdout } = process;
  const onInput = (data: Buffer) => {
    const leave = isTerminal ? data.indexOf(leaveByte) : -1;
    const typed = leave < 0 ? data : data.subarray(0, leave);
    if (typed.length > 0) socket.send(typed);
    if (leave >= 0) ended.resolve(0);
  };
  let silence: NodeJS.Timeout | null = null;
  const waitForSilence = () => {
    clearTimeout(silence ?? undefined);
    silence = setTimeout(() => ended.resolve(0), silenceMs);
  };
  stdin.on('data', onInput);
  stdin.on('error', ended.reject);
  stdin.once('end', waitForSilence);
  socket.on('error', ended.reject);
  socket.on('message', (data: Buffer) => {
    if (silence !== null) waitForSilence();
    // A slow terminal slows the connection down, not our memory.
    if (stdout.write(data)) return;
    socket.pause();
    stdout.once('drain', () => socket.resume());
  });
  socket.on('close', (code, reason) => {
    const why = printable(reason.toString());
    if (code !== 1000 && code !== 1001) ended.reject(closed(why));
    else if (isTerminal && why !== '') process.stderr.write(`\r\nThe console has ended: ${why}`);
    ended.resolve(0);
  });
  socket.resume();
  try {
    return await ended.promise;
  } finally {
    stdin.off('data', onInput);
    stdin.off('end', waitForSilence);
    clearTimeout(silence ?? undefined);
  }
}

function closed(reason: string): NakhodaError {
  return new NakhodaError('vm.wrong-state', {
    message: `The console has ended${reason === '' ? '' : `: ${reason}`}.`,
    hint: 'See the state of the VM with `nakhoda vm show`.',
  });
}
