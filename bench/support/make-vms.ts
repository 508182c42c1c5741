import type { VmCreate } from '@nakhoda/schema';

import type { DaemonProcess } from '../../test/support/daemon-process.ts';

/** Makes the VMs through the daemon, so many at a time. Fails when one cannot be made. */
export async function makeVms(daemon: DaemonProcess, wanted: readonly VmCreate[], atOnce: number): Promise<void> {
  const queue = wanted.values();
  const work = async (): Promise<void> => {
    for (const body of queue) await doTask(daemon, await daemon.client.call('vm.create', { body }));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** Waits for a task's end. @throws Error with the task's own when it did not succeed */
export async function doTask(daemon: DaemonProcess, { id }: { id: string }): Promise<void> {
  const ended = await daemon.client.followTask(id, () => undefined);
  if (ended.state !== 'succeeded') throw new Error(`${ended.title}: ${ended.state}: ${ended.error?.message ?? ''}`);
}
