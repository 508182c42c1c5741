import type { Execution, HostFact, HypervisorId } from '@nakhoda/schema';

import type { HostReadings, Trial } from './read-host.ts';

/** What a hypervisor's driver found out; the driver contract's `ProbeResult`, with the driver's id. */
export interface HypervisorFinding {
  id: HypervisorId;
  result: { usable: boolean; version: string | null; execution: Execution | null; reasons: string[]; remedy?: string };
}

const titles: Record<HypervisorId, string> = { qemu: 'QEMU', virtualbox: 'VirtualBox', fake: 'Fake hypervisor' };

/** What the host can do, with reason and remedy where something is missing. Pure. */
export function describeHost(host: HostReadings, hypervisors: readonly HypervisorFinding[]): HostFact[] {
  return [
    processor(host),
    virtualization(host),
    memory(host),
    load(host),
    { id: 'kernel', title: 'Kernel', value: host.kernel, status: 'information', reason: 'The running Linux kernel.' },
    kvm(host),
    ...hypervisors.map((finding) => hypervisor(finding, host)),
    virtualBoxDriver(host),
    ...sharing(host),
    bridging(host),
    dhcp(host),
    relay(host),
    firewall(host),
    ...bridgeFilter(host),
  ];
}

function processor({ cpu }: HostReadings): HostFact {
  const value = `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`;
  return { id: 'cpu', title: 'Processor', value, status: 'information', reason: 'Cores that this process may use.' };
}

function virtualization({ cpu: { flags } }: HostReadings): HostFact {
  const base = { id: 'cpu-virtualization', title: 'Hardware virtualization' };
  const name = flags.has('vmx') ? 'VT-x (vmx)' : flags.has('svm') ? 'AMD-V (svm)' : null;
  if (name !== null) return { ...base, value: name, status: 'good', reason: `The processor offers ${name}.` };
  const virtual = flags.has('hypervisor');
  return {
    ...base,
    value: 'none',
    status: 'missing',
    reason: virtual
      ? 'This host is a virtual machine that was given neither VT-x nor AMD-V; guests are emulated, about ten times slower.'
      : 'The processor shows neither VT-x nor AMD-V; guests are emulated, about ten times slower.',
    remedy: virtual
      ? 'Allow nested virtualization for this virtual machine on its host.'
      : "Enable VT-x or AMD-V (SVM) in the firmware's set-up.",
  };
}

function memory({ memory: { totalBytes, availableBytes } }: HostReadings): HostFact {
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const base = { id: 'memory', title: 'Memory', value: `${gib(availableBytes)} available of ${gib(totalBytes)}` };
  if (availableBytes >= 1024 ** 3) return { ...base, status: 'good', reason: 'Guests take their memory from what is available.' };
  return {
    ...base,
    status: 'limited',
    reason: 'Less than 1 GiB is available for guests.',
    remedy: 'Stop what is not needed, or add memory.',
  };
}

function load({ load: averages, cpu: { cores } }: HostReadings): HostFact {
  const base = { id: 'load', title: 'Load', value: averages.map((value) => value.toFixed(2)).join(', ') };
  if (averages[0] <= cores)
    return { ...base, status: 'good', reason: 'Averages over 1, 5 and 15 minutes; at most one waiting task a core.' };
  return {
    ...base,
    status: 'limited',
    reason: `More tasks want to run than there are cores (${cores}), so guests are slower.`,
    remedy: 'Wait, or stop what is not needed.',
  };
}

function kvm({ kvm: probe, modules }: HostReadings): HostFact {
  const base = { id: 'kvm', title: 'KVM' };
  const loaded = ['kvm_intel', 'kvm_amd', 'kvm_pvm'].filter((name) => modules.has(name)).join(', ');
  if (probe === null) {
    return {
      ...base,
      value: 'not tried',
      status: 'missing',
      reason: 'Without QEMU no probe guest can be run.',
      remedy: 'Install it: ./nakhoda setup',
    };
  }
  const { ok, reason, remedy, seconds } = probe;
  if (ok) return { ...base, value: `proven in ${seconds} s${loaded === '' ? '' : ` (${loaded})`}`, status: 'good', reason };
  return {
    ...base,
    value: loaded === '' ? 'unusable' : `unusable (${loaded})`,
    status: 'missing',
    reason,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function hypervisor({ id, result }: HypervisorFinding, { accelerators }: HostReadings): HostFact {
  const { usable, version, execution, reasons, remedy } = result;
  const how = execution === null ? [] : [`runs guests by ${execution.mode}`];
  const built = id === 'qemu' && accelerators !== null ? [`built with ${accelerators.join(', ')}`] : [];
  const limited = reasons.length > 0 || execution?.mode === 'tcg' || execution?.mode === 'interpreter';
  return {
    id,
    title: titles[id],
    value: version === null ? 'absent' : [version, ...how, ...built].join(', '),
    status: !usable ? 'missing' : limited ? 'limited' : 'good',
    reason:
      [...reasons, ...(execution === null ? [] : [execution.reason])]
        // A driver may say why inside a longer sentence too.
        .filter((reason, index, all) => all.indexOf(reason) === index && !all.some((other) => other !== reason && other.includes(reason)))
        .join(' ') || 'Usable.',
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function virtualBoxDriver({ modules }: HostReadings): HostFact {
  const base = { id: 'virtualbox-driver', title: "VirtualBox's kernel driver" };
  const version = modules.get('vboxdrv');
  if (version === undefined) {
    return {
      ...base,
      value: 'not loaded',
      status: 'limited',
      reason: 'The module vboxdrv is not loaded, so VirtualBox interprets guests, and joins networks through UDP tunnels.',
      remedy: "Where the processor has VT-x or AMD-V: install the distribution's virtualbox-dkms and load vboxdrv and vboxnetflt.",
    };
  }
  const value = version ?? 'version unknown';
  if (modules.has('vboxnetflt'))
    return { ...base, value, status: 'good', reason: 'vboxdrv runs guests, vboxnetflt joins them to bridges.' };
  return {
    ...base,
    value,
    status: 'limited',
    reason: 'vboxdrv is loaded and vboxnetflt is not, so that guests join networks through UDP tunnels.',
    remedy: 'modprobe vboxnetflt',
  };
}

/** KVM and VirtualBox on one processor; only a question where both drivers are loaded. */
function sharing({ modules, kvmTakesVirtualizationAtLoad: takes }: HostReadings): HostFact[] {
  if (!modules.has('vboxdrv') || !modules.has('kvm') || takes === null) return [];
  const base = { id: 'virtualization-sharing', title: 'KVM beside VirtualBox', value: `kvm.enable_virt_at_load=${takes ? 'Y' : 'N'}` };
  if (!takes) return [{ ...base, status: 'good', reason: 'KVM takes the virtualization of the processor only while a KVM guest runs.' }];
  return [
    {
      ...base,
      status: 'limited',
      reason:
        'KVM took the virtualization of the processor when it was loaded; VirtualBox may fail with VERR_VMX_IN_VMX_ROOT_MODE or VERR_SVM_IN_USE.',
      remedy: 'Put "options kvm enable_virt_at_load=0" into a file in /etc/modprobe.d and load the kvm modules anew.',
    },
  ];
}

function bridging({ bridge, tap, root }: HostReadings): HostFact {
  const base = { id: 'bridging', title: 'Bridges' };
  if (bridge.works && tap.works) {
    return { ...base, value: 'possible', status: 'good', reason: 'A bridge and a TAP could be made in a network namespace of their own.' };
  }
  const what = bridge.works ? 'TAP' : 'bridge';
  const remedy = root
    ? `Load the kernel's modules: modprobe bridge tun; in a container, allow CAP_NET_ADMIN and CAP_SYS_ADMIN and give it /dev/net/tun.`
    : 'Run it as root.';
  return {
    ...base,
    value: 'impossible',
    status: 'missing',
    reason: `No ${what} can be made: ${bridge.works ? tap.detail : bridge.detail}`,
    remedy,
  };
}

function dhcp({ dhcp: trial }: HostReadings): HostFact {
  return program(trial, {
    id: 'dhcp',
    title: 'DHCP server',
    value: /version (\S+)/i.exec(trial.detail)?.[1],
    good: 'dnsmasq gives guests their addresses.',
    bad: 'Networks cannot give addresses to guests.',
  });
}

function relay({ perl }: HostReadings): HostFact {
  return program(perl, {
    id: 'relay',
    title: 'UDP tunnel relay',
    value: perl.detail,
    good: 'Perl runs the relay between bridges and VirtualBox guests.',
    bad: 'VirtualBox guests without the kernel driver cannot join networks.',
  });
}

function firewall({ firewall: trial, root }: HostReadings): HostFact {
  const base = { id: 'firewall', title: 'Firewall (nftables)' };
  if (trial.works) return { ...base, value: 'works', status: 'good', reason: 'Rules guard the UDP ports of VirtualBox guests.' };
  return {
    ...base,
    value: 'unusable',
    status: 'limited',
    reason: `The UDP ports of VirtualBox guests cannot be guarded: ${trial.detail}`,
    remedy: root ? 'Install nftables: ./nakhoda setup' : 'Run it as root.',
  };
}

/** Worth a line only where it can stop guests from reaching each other. */
function bridgeFilter({ bridgeFilter: filters, forwardDrops }: HostReadings): HostFact[] {
  if (!filters || !forwardDrops) return [];
  return [
    {
      id: 'bridge-filter',
      title: 'Frames on bridges',
      value: 'filtered by iptables',
      status: 'limited',
      reason:
        "The module br_netfilter (Docker loads it) puts frames between guests through the host's rules for forwarded packets, which drop by default.",
      remedy:
        'Let them pass: iptables -I FORWARD -i nk-+ -j ACCEPT; or, where nobody needs it, sysctl net.bridge.bridge-nf-call-iptables=0',
    },
  ];
}

function program(trial: Trial, words: { id: string; title: string; value: string | undefined; good: string; bad: string }): HostFact {
  const { id, title, value = 'present', good, bad } = words;
  if (trial.works) return { id, title, value, status: 'good', reason: good };
  return { id, title, value: 'absent', status: 'missing', reason: `${bad} ${trial.detail}`, remedy: 'Install it: ./nakhoda setup' };
}
