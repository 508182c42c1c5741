import { virtualBoxPrograms } from '@nakhoda/host';
import type { Execution } from '@nakhoda/schema';

import { isFlushKey } from './storage-plan.ts';

/** Settings that let a VM run without VirtualBox's kernel driver. */
const interpreterKeys = ['VBoxInternal/HM/FallbackToIEM', 'VBoxInternal/EM/IemExecutesAll'] as const;

/** Settings of VirtualBox as a whole: nobody sits before the display to answer its questions. */
export const globalSettings: Record<string, string> = { 'GUI/SuppressMessages': 'all' };

/**
 * The program that a VM runs in, and its arguments. In a window the front end saves its place in the machine's file 0.3 s
 * after every change of the guest's resolution (UIMachineWindowNormal, timer 300 ms). Where that falls into a live
 * snapshot, VBoxSVC 7.2.22 dies in `TakeSnap` and takes the guest with it, so the front end has no window to place.
 */
export function frontEndCommand(uuid: string, mode: Execution['mode']): { program: string; args: string[]; needsDisplay: boolean } {
  if (mode === 'interpreter') {
    const args = ['--startvm', uuid, '--driverless', '--execute-all-in-iem', '--fullscreen'];
    return { program: `${virtualBoxPrograms}/VirtualBoxVM`, args, needsDisplay: true };
  }
  // Not run for real yet: it needs a host with VT-x or AMD-V and vboxdrv.
  return { program: `${virtualBoxPrograms}/VBoxHeadless`, args: ['--startvm', uuid, '--vrde', 'off'], needsDisplay: false };
}

/** The machine's extra data that the mode needs. */
export function modeExtraData(mode: Execution['mode']): Record<string, string> {
  return mode === 'interpreter' ? Object.fromEntries(interpreterKeys.map((key) => [key, '1'])) : {};
}

/** The calls of `VBoxManage setextradata` that bring the keys that are this driver's in line: a key without value is removed. */
export function extraDataSteps(
  uuid: string,
  wanted: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>>,
): string[][] {
  const keys = new Set([...interpreterKeys, ...Object.keys(wanted), ...Object.keys(present).filter(isFlushKey)]);
  return [...keys].flatMap((key) => {
    const value = wanted[key];
    if (present[key] === value) return [];
    return [['setextradata', uuid, key, ...(value === undefined ? [] : [value])]];
  });
}

export function globalSettingSteps(present: Readonly<Record<string, string>>): string[][] {
  return Object.entries(globalSettings).flatMap(([key, value]) => (present[key] === value ? [] : [['setextradata', 'global', key, value]]));
}
