import { access, readFile } from 'node:fs/promises';
import { availableParallelism, release } from 'node:os';

import { toNakhodaError } from '@nakhoda/schema';

import { exec } from '../exec.ts';
import { sampleHost } from '../metrics/sample-host.ts';
import type { KvmProbe } from './kvm-probe.ts';
import { probeKvm } from './kvm-probe.ts';

/** The answer to something that was tried: done, or why not. */
export type Trial = { works: true; detail: string } | { works: false; detail: string };

/** What was found on the host, unjudged. */
export interface HostReadings {
  cpu: { model: string; flags: ReadonlySet<string>; cores: number };
  memory: { totalBytes: number; availableBytes: number };
  load: readonly [number, number, number];
  kernel: string;
  root: boolean;
  /** Loaded modules among those that matter, with version where they tell one. */
  modules: ReadonlyMap<string, string | null>;
  /** /sys/module/kvm/parameters/enable_virt_at_load; null where the kernel has none (before 6.12). */
  kvmTakesVirtualizationAtLoad: boolean | null;
  /** Null without QEMU. */
  kvm: KvmProbe | null;
  /** Accelerators that QEMU was built with; null without QEMU. */
  accelerators: string[] | null;
  bridge: Trial;
  tap: Trial;
  firewall: Trial;
  dhcp: Trial;
  perl: Trial;
  /** Bridged frames are put through the host's rules for forwarded packets (module br_netfilter). */
  bridgeFilter: boolean;
  /** Those rules end in a drop. */
  forwardDrops: boolean;
}

const watchedModules = ['kvm', 'kvm_intel', 'kvm_amd', 'kvm_pvm', 'vboxdrv', 'vboxnetflt'];

/**
 * Looks at the host and tries things out where nothing stays of them: bridges, TAPs and firewall rules in a
 * network namespace that ends with the trial.
 */
export async function readHost(options: { signal?: AbortSignal; qemuProgram?: string } = {}): Promise<HostReadings> {
  const { signal, qemuProgram = 'qemu-system-x86_64' } = options;
  const attempt = (argv: readonly string[]): Promise<Trial> => tryOut(argv, signal);
  const inNamespace = (...argv: string[]): Promise<Trial> => attempt(['unshare', '--net', '--', ...argv]);
  const [cpuinfo, host, modules, takes, kvm, accelerators, bridge, tap, firewall, dhcp, perl, filter, chains] = await Promise.all([
    readFile('/proc/cpuinfo', 'utf8'),
    sampleHost(),
    readModules(),
    readOptional('/sys/module/kvm/parameters/enable_virt_at_load'),
    probeKvm({ program: qemuProgram, ...(signal ? { signal } : {}) }).catch(nullWithoutProgram),
    attempt([qemuProgram, '-accel', 'help']),
    inNamespace('ip', 'link', 'add', 'name', 'nk-trial', 'type', 'bridge'),
    inNamespace('ip', 'tuntap', 'add', 'dev', 'nktrial', 'mode', 'tap'),
    inNamespace('nft', 'add', 'table', 'inet', 'nakhoda_trial'),
    attempt(['dnsmasq', '--version']),
    attempt(['perl', '-e', 'print "perl $^V"']),
    readOptional('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    attempt(['nft', '-j', 'list', 'chains']),
  ]);
  return {
    cpu: { ...parseCpuinfo(cpuinfo), cores: availableParallelism() },
    memory: { totalBytes: host.memory.total, availableBytes: host.memory.available },
    load: host.load,
    kernel: release(),
    root: process.getuid?.() === 0,
    modules,
    kvmTakesVirtualizationAtLoad: takes === null ? null : takes === 'Y',
    kvm,
    accelerators: accelerators.works ? parseAccelerators(accelerators.detail) : null,
    bridge,
    tap,
    firewall,
    dhcp,
    perl,
    bridgeFilter: filter === '1',
    forwardDrops: chains.works && dropsForwarded(chains.detail),
  };
}

/** Model and flags of the first processor in /proc/cpuinfo. */
export function parseCpuinfo(cpuinfo: string): { model: string; flags: ReadonlySet<string> } {
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  return { model: field('model name'), flags: new Set(field('flags').split(' ')) };
}

/** The names under the heading that `-accel help` prints. */
export function parseAccelerators(help: string): string[] {
  return help.split('\n').filter((line) => /^[a-z0-9]+$/.test(line));
}

/** Whether a chain at the forward hook drops by default, in the output of `nft -j list chains`; iptables-nft's show there too. */
export function dropsForwarded(json: string): boolean {
  const { nftables } = JSON.parse(json) as { nftables: { chain?: { family: string; hook?: string; policy?: string } }[] };
  return nftables.some(({ chain }) => chain?.hook === 'forward' && chain.policy === 'drop' && ['ip', 'inet'].includes(chain.family));
}

async function readModules(): Promise<ReadonlyMap<string, string | null>> {
  const modules = new Map<string, string | null>();
  for (const name of watchedModules) {
    const loaded = await access(`/sys/module/${name}`).then(
      () => true,
      () => false,
    );
    if (loaded) modules.set(name, await readOptional(`/sys/module/${name}/version`));
  }
  return modules;
}

async function readOptional(path: string): Promise<string | null> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
}

async function tryOut(argv: readonly string[], signal: AbortSignal | undefined): Promise<Trial> {
  try {
    const { stdout } = await exec(argv, { timeoutMs: 10_000, ...(signal ? { signal } : {}) });
    return { works: true, detail: stdout.trim() };
  } catch (error) {
    signal?.throwIfAborted();
    return { works: false, detail: toNakhodaError(error).message };
  }
}

function nullWithoutProgram(error: unknown): null {
  if (toNakhodaError(error).code === 'exec.not-found') return null;
  throw error;
}
