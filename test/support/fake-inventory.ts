import type { VmCreate } from '@nakhoda/schema';

import type { DaemonProcess } from './daemon-process.ts';

/** Makes VMs of the `fake` driver, one after the other, so that their vmids are 100, 101 and so on. */
export async function makeFakeVms(daemon: DaemonProcess, wanted: readonly Omit<VmCreate, 'hypervisor'>[]): Promise<void> {
  for (const vm of wanted) {
    const task = await daemon.client.call('vm.create', { body: { ...vm, hypervisor: 'fake' } });
    const { state, error } = await daemon.client.followTask(task.id, () => undefined);
    if (state !== 'succeeded') throw new Error(`${vm.name} could not be made: ${error?.message}`);
  }
}

/** Notes that would be a script if they were taken for HTML, with a control character and text that turns the line round. */
export const hostileNotes = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202eevil\u0007 **bold**';

/** An inventory with something of everything that a list or a tree has to show. */
export async function makeExampleInventory(daemon: DaemonProcess): Promise<void> {
  await makeFakeVms(daemon, [
    { name: 'web', start: true, tags: ['prod'], cores: 2, memoryMiB: 1024, notes: hostileNotes },
    { name: 'db', tags: ['prod', 'data'], folder: 'Course/week 1' },
    { name: 'a-name-as-long-as-a-name-may-be-so-that-lists-have-to-cut-it-ok', folder: 'Course', protection: true },
    { name: 'lab1', start: true, tags: ['lab'] },
  ]);
  for (const [name, memory] of [
    ['clean', false],
    ['tuned', true],
  ] as const) {
    const task = await daemon.client.call('snapshot.take', {
      params: { vm: 'web' },
      body: { name, memory, description: 'before the course' },
    });
    await daemon.client.followTask(task.id, () => undefined);
  }
}
