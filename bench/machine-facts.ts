import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, hostname, release, totalmem } from 'node:os';

import { exec, findVirtualBoxRuntime, probeKvm } from '@nakhoda/host';

/** What a figure depends on. */
export interface MachineFacts {
  machine: string;
  system: string;
  kernel: string;
  architecture: string;
  cpu: string;
  cores: number;
  memoryMiB: number;
  node: string;
  qemu: string | null;
  qemuExecution: string;
  virtualBox: string | null;
  /** The commit that was measured; with `+` when files were changed since. */
  commit: string | null;
  /** Load of the machine before the first figure: processes that wanted to run in the last minute. */
  loadBefore: number;
}

/** Looks at this machine; a probe guest of QEMU's is part of it. */
export async function readMachineFacts(): Promise<MachineFacts> {
  const kvm = await probeKvm();
  const first = async (argv: readonly string[]): Promise<string | null> =>
    exec(argv).then(
      ({ stdout }) => stdout.split('\n')[0]?.trim() ?? null,
      () => null,
    );
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';
  const [commit, changed] = [
    await first(['git', 'rev-parse', '--short', 'HEAD']),
    await first(['git', 'status', '--porcelain', '--', ':!bench']),
  ];
  return {
    machine: hostname(),
    system,
    kernel: release(),
    architecture: arch(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    node: process.version,
    qemu: await first(['qemu-system-x86_64', '--version']),
    qemuExecution: kvm.ok ? 'KVM' : `TCG: ${kvm.reason}`,
    virtualBox: (await findVirtualBoxRuntime(process.env))?.version ?? null,
    commit: commit === null ? null : `${commit}${changed === '' ? '' : '+'}`,
    loadBefore: Number((await readFile('/proc/loadavg', 'utf8')).split(' ')[0]),
  };
}

/** The name of the file with a run's results: when, and on what kind of machine. Pure. */
export function resultsName(facts: Pick<MachineFacts, 'cpu' | 'cores'>, at: Date): string {
  const cpu = facts.cpu.toLowerCase().replaceAll(/\((r|tm)\)|cpu|processor|@.*$/g, ' ');
  const name = [...cpu.matchAll(/[a-z0-9]+/g)].map(([word]) => word).join('-');
  return `${at.toISOString().slice(0, 10)}-${name || 'unknown'}-${facts.cores}-cores.json`;
}
