import { setTimeout as delay } from 'node:timers/promises';

import { exec } from '@nakhoda/host';
import type { ExecOptions, ExecResult } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { KeyedQueue } from './keyed-queue.ts';
import { isLeaving, threadNames } from './leaving-client.ts';
import { findComplaint, isLockComplaint } from './vboxmanage-output.ts';
import type { VBoxComplaint } from './vboxmanage-output.ts';

/** Key of the one queue for everything that changes VirtualBox's list of media. */
export const mediaLane = 'media';

/** Key of a VM's queue. */
export function vmLane(vmid: number): string {
  return `vm ${vmid}`;
}

/** Key of a VM's queue for its screen and keyboard: both are at hand while a snapshot is taken. */
export function displayLane(vmid: number): string {
  return `display ${vmid}`;
}

/** Milliseconds that one try may take unless its call, or the driver, says otherwise. */
export const defaultCallTimeoutMs = 30_000;

export interface VBoxManageOptions {
  /** The full command for a call of VBoxManage with these arguments. */
  command(args: readonly string[]): readonly string[] | Promise<readonly string[]>;
  env: Record<string, string>;
  /** Replaced in tests. */
  run?: (argv: readonly string[], options: ExecOptions) => Promise<ExecResult>;
  /** Milliseconds that one try may take unless its call says otherwise. Default 30,000. */
  timeoutMs?: number;
  /** Longest time that "not now" answers are answered by another try, in milliseconds. Default 10,000. */
  retryForMs?: number;
  /** First pause between tries, in milliseconds; each is twice the one before, up to 2,000. Default 100. */
  firstPauseMs?: number;
}

export interface VBoxCall {
  /** Queues the call waits in; see `vmLane` and `mediaLane`. Reads need them too: `showvminfo` locks the machine. */
  lanes: readonly string[];
  /** Milliseconds for one try, after which VBoxManage is killed. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** True when it is a question: one whose answer is lost is put again. */
  asks?: boolean;
}

/** VirtualBox's command line as a function: one call at a time per VM, with a time limit and another try where that helps. */
export class VBoxManage {
  readonly #options: VBoxManageOptions;
  readonly #queue = new KeyedQueue();

  constructor(options: VBoxManageOptions) {
    this.#options = options;
  }

  /**
   * Runs `VBoxManage args…` and gives its standard output. One that has done its work and does not end is ended
   * (see `isLeaving`); as it prints its answer last, only that of a call that `asks` is sure to be whole.
   * @throws NakhodaError `hypervisor.timeout`; `hypervisor.failed` with VirtualBox's own words, and the result's
   * name in `details.result`.
   */
  run(args: readonly string[], call: VBoxCall): Promise<string> {
    return this.#queue.run(call.lanes, () => this.#tryAgain(args, call));
  }

  async #tryAgain(args: readonly string[], call: VBoxCall): Promise<string> {
    const deadline = performance.now() + (this.#options.retryForMs ?? 10_000);
    let pauseMs = this.#options.firstPauseMs ?? 100;
    for (;;) {
      const output = await this.#runOnce(args, call);
      const complaint = findComplaint(output);
      if (complaint === null && !(call.asks && output.cutOff)) return output.stdout;
      if (complaint === null) continue;
      if (!isLockComplaint(complaint) || performance.now() + pauseMs > deadline) throw failed(args, complaint);
      await delay(pauseMs, undefined, call.signal ? { signal: call.signal } : {});
      pauseMs = Math.min(pauseMs * 2, 2000);
    }
  }

  async #runOnce(args: readonly string[], call: VBoxCall): Promise<ExecResult> {
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? defaultCallTimeoutMs;
    try {
      return await (this.#options.run ?? exec)(await this.#options.command(args), {
        timeoutMs,
        env: this.#options.env,
        okExitCodes: anyExitCode,
        isDone: (pid) => isLeaving(threadNames(pid)),
        ...(call.signal ? { signal: call.signal } : {}),
      });
    } catch (error) {
      if (error instanceof NakhodaError && error.code === 'exec.failed') throw crashed(args, error);
      if (!(error instanceof NakhodaError) || error.code !== 'exec.timeout') throw error;
      throw new NakhodaError('hypervisor.timeout', {
        message: `VBoxManage ${args[0] ?? ''} did not answer within ${timeoutMs / 1000} s and was stopped.`,
        hint: "Try again. If it happens again, VirtualBox's service hangs: end the VBoxSVC process of this data folder; it starts by itself.",
        details: { arguments: [...args] },
        cause: error,
      });
    }
  }
}

const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/** VBoxManage may crash itself, with many lines on where, when its service ends under it (7.2.22: SIGTRAP). Every exit code is an answer. */
function crashed(args: readonly string[], cause: NakhodaError): NakhodaError {
  const signal = /was ended by (SIG\w+)/u.exec(cause.message)?.[1];
  if (signal === undefined) return cause;
  return new NakhodaError('hypervisor.failed', {
    message: `VBoxManage ${args[0] ?? ''} crashed (${signal}); VirtualBox's service (VBoxSVC) may have ended while it worked.`,
    hint: 'Try again: the service starts by itself.',
    details: { arguments: [...args] },
    cause,
  });
}

function failed(args: readonly string[], complaint: VBoxComplaint): NakhodaError {
  return new NakhodaError('hypervisor.failed', {
    message: `VirtualBox refused ${args[0] ?? ''}: ${complaint.message}`,
    hint: isLockComplaint(complaint)
      ? 'Another program holds the VM; wait for it to finish, or stop the VM, and try again.'
      : "VirtualBox's own words above say what it missed.",
    details: { arguments: [...args], ...(complaint.result === null ? {} : { result: complaint.result }) },
  });
}
