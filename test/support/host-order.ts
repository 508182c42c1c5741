import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { waitFor } from '@nakhoda/host';
import type { Network, Vm } from '@nakhoda/schema';

import type { DaemonProcess } from './daemon-process.ts';
import { processesOf } from './processes-of.ts';

/** Ended processes need a moment to be gone, such as a display that waits for its last client. */
const patienceMs = 20_000;

/** What a data folder has on its host, each thing as a line of text. */
interface HostInventory {
  processes: string[];
  interfaces: string[];
  imageFolders: string[];
  registeredMachines: string[];
}

/**
 * Everything on the host belongs to a VM or network that there is, and nothing of theirs is missing or double:
 * processes, interfaces, folders, VirtualBox's registry. For VMs that are running or stopped, not in between.
 */
export async function assertHostInOrder(daemon: DaemonProcess): Promise<void> {
  let last: { found: HostInventory; wanted: HostInventory } | null = null;
  await waitFor(
    async () => {
      const [vms, networks] = await Promise.all([daemon.client.call('vm.list', {}), daemon.client.call('network.list')]);
      const found = await look(daemon);
      last = { found, wanted: want(vms, networks, found) };
      return JSON.stringify(last.found) === JSON.stringify(last.wanted);
    },
    { timeoutMs: patienceMs, pollMs: 100 },
  );
  const { found, wanted } = last ?? assert.fail('nothing was looked at');
  assert.deepEqual(found, wanted);
}

async function look(daemon: DaemonProcess): Promise<HostInventory> {
  const processes = (await processesOf(daemon.data)).map(({ argv }) => describe(argv));
  const links = JSON.parse((await daemon.inNamespace(['ip', '-j', 'link', 'show'])).stdout) as { ifname: string }[];
  const registry = await readFile(join(daemon.data, 'virtualbox/VirtualBox.xml'), 'utf8').catch(() => '');
  const folders = await readdir(join(daemon.data, 'images'));
  return {
    processes: processes.sort(),
    interfaces: links.map((link) => link.ifname.replace(/^nk[a-z]{2}(\d+n\d)$/u, 'tap $1')).sort(),
    imageFolders: folders.sort(),
    registeredMachines: [...registry.matchAll(/<MachineEntry uuid="\{([0-9a-f-]+)\}"/gu)].map((match) => match[1] ?? '').sort(),
  };
}

function describe(argv: readonly string[]): string {
  const after = (flag: string): string => argv[argv.indexOf(flag) + 1] ?? '';
  const program = argv[0]?.split('/').at(-1) ?? '';
  if (argv.some((part) => part.endsWith('apps/daemon/src/main.ts'))) return 'daemon';
  if (program === 'dnsmasq') return `dnsmasq ${argv.find((part) => part.startsWith('--interface='))?.slice(12)}`;
  if (program === 'qemu-system-x86_64') return `hypervisor ${after('-uuid')}`;
  if (['VirtualBoxVM', 'VBoxHeadless'].includes(program)) return `hypervisor ${after('--startvm')}`;
  // One that waited has its plan for a name.
  const plan = /\/(\d+)\/qemu\.launch$/u.exec((argv[1]?.endsWith('isolation/supervisor.pl') ? argv[2] : argv[0]) ?? '');
  if (plan !== null) return `supervisor ${plan[1]}`;
  if (program === 'Xvfb') return `display ${/\/vm\/(\d+)\//u.exec(after('-auth'))?.[1]}`;
  if (argv[1]?.endsWith('udp-tap-relay.pl')) return `relay ${argv[2]?.replace(/^nk[a-z]{2}(\d+n\d)$/u, '$1')}`;
  return argv.join(' ');
}

function want(vms: readonly Vm[], networks: readonly Network[], found: HostInventory): HostInventory {
  const running = vms.filter((vm) => vm.state === 'running');
  const nics = running.flatMap((vm) => vm.nics.map((nic) => ({ vm, place: `${vm.vmid}${nic.slot.replace('net', 'n')}` })));
  const interpreted = (vm: Vm): boolean => vm.execution?.mode === 'interpreter';
  return {
    processes: [
      'daemon',
      ...networks.filter((network) => network.dhcp).map((network) => `dnsmasq ${network.bridge}`),
      ...running.map((vm) => `hypervisor ${vm.uuid}`),
      ...running.filter((vm) => vm.hypervisor === 'qemu').map((vm) => `supervisor ${vm.vmid}`),
      ...running.filter(interpreted).map((vm) => `display ${vm.vmid}`),
      ...nics.filter(({ vm }) => interpreted(vm)).map(({ place }) => `relay ${place}`),
      // VirtualBox's service comes and goes as it likes, but there is never a second one.
      ...new Set(found.processes.filter((line) => /VBoxSVC|VBoxXPCOMIPCD/u.test(line))),
    ].sort(),
    interfaces: ['lo', ...networks.map((network) => network.bridge), ...nics.map(({ place }) => `tap ${place}`)].sort(),
    imageFolders: vms.map((vm) => String(vm.vmid)).sort(),
    registeredMachines: vms
      .filter((vm) => vm.hypervisor === 'virtualbox')
      .map((vm) => vm.uuid)
      .sort(),
  };
}
