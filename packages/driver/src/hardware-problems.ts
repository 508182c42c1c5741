import type { Capabilities, HardwareSupport } from '@nakhoda/schema';

import type { MachineSpec, SpecProblem } from './driver.ts';
import { defaultDisk, defaultHardware, defaultNic } from './hardware-defaults.ts';

/** What is asked of one field, and what there is. */
interface Choice {
  field: string;
  /** The field's name in `HardwareSupport.fields` and `.reasons`. */
  kind: string;
  value: string;
  allowed: readonly string[];
}

/**
 * Faults of a spec's hardware: what this hypervisor does not give here, each with its field, such as `disks.0.bus`,
 * and the reason where the driver tells one. Pure.
 */
export function hardwareProblems(spec: MachineSpec, capabilities: Capabilities, hypervisor: string): SpecProblem[] {
  const support = capabilities.hardware;
  return [
    ...choices(spec, support).flatMap((choice) => choiceProblems(choice, support, hypervisor)),
    ...changes(spec, support).flatMap(({ field, kind }) => {
      if (support.fields.includes(kind)) return [];
      return [problem(field, kind, support, `${hypervisor} gives no other ${kind} here.`, `Leave ${kind} as it is by default.`)];
    }),
    ...rangeProblems(spec, capabilities, hypervisor),
    ...bootProblems(spec),
  ];
}

function choices(spec: MachineSpec, support: HardwareSupport): Choice[] {
  return [
    { field: 'cpuModel', kind: 'cpuModel', value: spec.cpuModel, allowed: support.cpuModels },
    { field: 'machine', kind: 'machine', value: spec.machine, allowed: support.machines },
    { field: 'firmware', kind: 'firmware', value: spec.firmware, allowed: support.firmwares },
    { field: 'display', kind: 'display', value: spec.display, allowed: support.displays },
    { field: 'watchdog', kind: 'watchdog', value: spec.watchdog, allowed: support.watchdogs },
    ...spec.disks.flatMap(({ bus, cache }, index) => [
      { field: `disks.${index}.bus`, kind: 'diskBus', value: bus, allowed: support.diskBuses },
      { field: `disks.${index}.cache`, kind: 'diskCache', value: cache, allowed: support.diskCaches },
    ]),
    ...spec.nics.map(({ model }, index) => ({
      field: `nics.${index}.model`,
      kind: 'nicModel',
      value: model,
      allowed: support.nicModels,
    })),
  ];
}

function choiceProblems({ field, kind, value, allowed }: Choice, support: HardwareSupport, hypervisor: string): SpecProblem[] {
  if (allowed.includes(value)) return [];
  return [problem(field, kind, support, `${hypervisor} gives no ${kind} ${value} here.`, `Use one of: ${allowed.join(', ')}.`)];
}

/** Fields without a list of choices that are other than by default. */
function changes(spec: MachineSpec, support: HardwareSupport): { field: string; kind: string }[] {
  const usual = defaultHardware(support);
  const ofMachine = (
    ['cpuLimit', 'cpuShares', 'balloonMiB', 'memoryMaxMiB', 'secureBoot', 'tpm', 'audio', 'rng', 'bootOrder', 'hostDevices'] as const
  )
    .filter((field) => JSON.stringify(spec[field]) !== JSON.stringify(usual[field]))
    .map((field) => ({ field, kind: field }));
  const usualDisk = defaultDisk(support);
  const ofDisks = spec.disks.flatMap((disk, index) =>
    (['discard', 'ssd', 'iopsLimit', 'mbpsLimit'] as const)
      .filter((field) => disk[field] !== usualDisk[field])
      .map((field) => ({ field: `disks.${index}.${field}`, kind: field as string }))
      .concat(disk.iothread === true ? [{ field: `disks.${index}.iothread`, kind: 'iothread' }] : []),
  );
  const ofNics = spec.nics.flatMap(({ linkUp }, index) =>
    linkUp === defaultNic(support).linkUp ? [] : [{ field: `nics.${index}.linkUp`, kind: 'linkUp' }],
  );
  return [...ofMachine, ...ofDisks, ...ofNics];
}

function rangeProblems(spec: MachineSpec, capabilities: Capabilities, hypervisor: string): SpecProblem[] {
  const { hardware, maxCores } = capabilities;
  const atMost = (field: string, kind: string, value: number, least: number, most: number): SpecProblem[] =>
    Number.isInteger(value) && value >= least && value <= most
      ? []
      : [problem(field, kind, hardware, `${hypervisor} takes ${kind} from ${least} to ${most} here, not ${value}.`, 'Choose within that.')];
  const processors = spec.cores * spec.sockets;
  return [
    ...atMost('sockets', 'sockets', spec.sockets, 1, hardware.maxSockets),
    ...(spec.sockets > 1 && processors > maxCores
      ? [
          problem(
            'sockets',
            'sockets',
            hardware,
            `${spec.sockets} sockets of ${spec.cores} cores are ${processors} processors, and ${hypervisor} gives a VM at most ${maxCores} here.`,
            'Take fewer sockets or cores.',
          ),
        ]
      : []),
    ...atMost('displayMemoryMiB', 'displayMemoryMiB', spec.displayMemoryMiB, 1, hardware.maxDisplayMemoryMiB),
    ...atMost('serialPorts', 'serialPorts', spec.serialPorts, 1, hardware.maxSerialPorts),
    ...(spec.balloonMiB > spec.memoryMiB
      ? [
          problem(
            'balloonMiB',
            'balloonMiB',
            hardware,
            `The VM cannot be shrunk to ${spec.balloonMiB} MiB: it has ${spec.memoryMiB} MiB.`,
            'Take at most its memory, or 0 for no ballooning.',
          ),
        ]
      : []),
    ...memoryMaxProblems(spec, capabilities, hypervisor),
    ...(spec.secureBoot && spec.firmware !== 'uefi'
      ? [problem('secureBoot', 'secureBoot', hardware, 'Secure boot is a matter of UEFI, and this VM has a BIOS.', 'Set --firmware uefi.')]
      : []),
  ];
}

function memoryMaxProblems(spec: MachineSpec, { hardware, maxMemoryMiB }: Capabilities, hypervisor: string): SpecProblem[] {
  const { memoryMiB, memoryMaxMiB } = spec;
  const refused = (message: string, hint: string): SpecProblem[] => [problem('memoryMaxMiB', 'memoryMaxMiB', hardware, message, hint)];
  if (memoryMaxMiB === 0) return [];
  if (!Number.isInteger(memoryMaxMiB) || memoryMaxMiB > maxMemoryMiB)
    return refused(
      `${hypervisor} can give a VM at most ${maxMemoryMiB} MiB of memory here, not ${memoryMaxMiB}.`,
      'Take less --memory-max.',
    );
  if (memoryMaxMiB >= memoryMiB) return [];
  return refused(
    `The VM has ${memoryMiB} MiB, which is more than the ${memoryMaxMiB} MiB that it may be given.`,
    'Raise --memory-max, or set it to 0.',
  );
}

function bootProblems(spec: MachineSpec): SpecProblem[] {
  const there = new Set(['cdrom', 'disk0', ...spec.disks.map(({ slot }) => slot), ...spec.nics.map(({ slot }) => slot)]);
  return spec.bootOrder.flatMap((device, index) => {
    if (spec.bootOrder.indexOf(device) !== index)
      return [{ field: 'bootOrder', message: `${device} stands twice in the boot order.`, hint: 'Name each device once.' }];
    if (there.has(device)) return [];
    return [{ field: 'bootOrder', message: `The VM has no ${device} to boot from.`, hint: `It has: ${[...there].join(', ')}.` }];
  });
}

function problem(field: string, kind: string, support: HardwareSupport, message: string, hint: string): SpecProblem {
  const reason = support.reasons[kind];
  return { field, message: reason === undefined ? message : `${message} ${reason}`, hint };
}
