import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';

import { exec } from '../exec.ts';
import type { ProbeRun } from './judge-kvm-probe.ts';
import { judgeProbeRun } from './judge-kvm-probe.ts';
import { buildProbeGuest } from './probe-guest.ts';

/** Whether KVM runs an ordinary guest here. */
export interface KvmProbe {
  ok: boolean;
  /** Whole sentences: what was proven, or why not. */
  reason: string;
  /** What to do about it, where something can be done. */
  remedy?: string;
  /** How long the probe guest took. */
  seconds: number;
  /** QEMU's own output, the guest's report in it. */
  rawOutput: string;
}

const timeoutMs = 2_000;
const results = new Map<string, KvmProbe>();

/**
 * Proves KVM by running the probe guest in it: an openable /dev/kvm is no proof. Takes a tenth of a second where
 * KVM works, 2 s at most. What cannot change before the next boot is remembered in this process for this boot,
 * kernel and QEMU.
 *
 * @param options.program QEMU's program; `qemu-system-x86_64` of PATH by default
 * @throws NakhodaError `exec.not-found` without QEMU
 */
export async function probeKvm(options: { program?: string; signal?: AbortSignal } = {}): Promise<KvmProbe> {
  const { program = 'qemu-system-x86_64', signal } = options;
  const installed = await programStamp(program, signal);
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const key = JSON.stringify([installed, bootId, release()]);
  const known = results.get(key);
  if (known) return known;
  const closed = await whyDeviceIsClosed();
  if (closed) return { ok: false, ...closed, seconds: 0, rawOutput: '' };
  const run = await runProbeGuest('kvm', options);
  const { lasting, ...verdict } = judgeProbeRun(run);
  const probe = { ...verdict, seconds: run.seconds, rawOutput: run.output };
  if (lasting) results.set(key, probe);
  return probe;
}

/** Another one when another QEMU was installed. Not its version: to ask for that would cost every start of a VM 50 ms. */
async function programStamp(program: string, signal?: AbortSignal): Promise<string> {
  const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(':');
  for (const folder of folders) {
    const path = folder === '' ? program : join(folder, program);
    const found = await stat(path, { bigint: true }).catch(() => null);
    if (found?.isFile()) return `${path} ${found.ino} ${found.size} ${found.mtimeNs}`;
  }
  // It is not there, which this tells in the words of all programs that are not.
  return (await exec([program, '--version'], { timeoutMs: 10_000, ...(signal ? { signal } : {}) })).stdout;
}

async function whyDeviceIsClosed(): Promise<{ reason: string; remedy: string } | null> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      return { reason: 'This account may not open /dev/kvm.', remedy: 'Add it to the group kvm, or start the daemon as root.' };
    }
    return {
      reason: 'There is no /dev/kvm: the processor or this virtual machine offers no virtualization, or the module is not loaded.',
      remedy:
        'Enable VT-x or AMD-V in the firmware set-up (nested virtualization, in a virtual machine), then: modprobe kvm_intel or kvm_amd',
    };
  }
}

/**
 * Runs the probe guest once. Under `tcg`, which emulates everything rightly, it proves the probe guest itself.
 * @throws NakhodaError `exec.not-found`; the signal's reason on abort.
 */
export async function runProbeGuest(
  accelerator: 'kvm' | 'tcg',
  options: { program?: string; signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<ProbeRun> {
  options.signal?.throwIfAborted();
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda-probe-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const image = join(folder, 'probe.bin');
  await writeFile(image, buildProbeGuest());
  return await runQemu(options.program ?? 'qemu-system-x86_64', probeArguments(accelerator, image), {
    timeoutMs: options.timeoutMs ?? timeoutMs,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

function probeArguments(accelerator: 'kvm' | 'tcg', image: string): string[] {
  return [
    ...['-accel', accelerator, '-machine', 'q35', '-cpu', accelerator === 'kvm' ? 'host' : 'max', '-m', '16'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    // Its own firmware: SeaBIOS would take longer than the whole probe.
    ...['-bios', image, '-debugcon', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  ];
}

/** Not `exec`: what QEMU said before it had to be killed is the answer. */
async function runQemu(program: string, args: readonly string[], options: { timeoutMs: number; signal?: AbortSignal }): Promise<ProbeRun> {
  const began = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  const run = { output: '', timedOut: false };
  const collect = (chunk: Buffer): void => {
    run.output += chunk.toString('latin1');
    // QEMU stops the guest then and waits for orders; let the register dump that follows come.
    if (run.output.includes('KVM internal error') && /^Code=/m.test(run.output)) child.kill('SIGKILL');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const timer = setTimeout(() => {
    run.timedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  const onAbort = (): void => void child.kill('SIGKILL');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    options.signal?.throwIfAborted();
    return { ...run, exitCode, seconds: Math.round(performance.now() - began) / 1000 };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}
