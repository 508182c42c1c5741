import type { NakhodaEvent } from '@nakhoda/schema';

/** What the page keeps of the daemon's resources, by key. */
export interface Kept {
  vms: ReadonlyMap<number, Extract<NakhodaEvent, { type: 'vm' }>['vm']>;
  networks: ReadonlyMap<string, Extract<NakhodaEvent, { type: 'network' }>['network']>;
  hypervisors: ReadonlyMap<string, Extract<NakhodaEvent, { type: 'hypervisor' }>['hypervisor']>;
  tasks: ReadonlyMap<string, Extract<NakhodaEvent, { type: 'task' }>['task']>;
}

/** What a run of events changed: the parts that did not change are the very same objects. `resync` asks for reading all anew. */
export interface Applied {
  readonly kept: Kept;
  readonly resync: boolean;
}

/**
 * Applies events in their order. A map is copied once a run, however many of its entries change: with 2,000 VMs a copy for
 * each event would be what the page spends its time on. The oldest ended tasks beyond `taskLimit` are let go.
 */
export function applyEvents(before: Kept, events: readonly NakhodaEvent[], taskLimit: number): Applied {
  const kept = { ...before };
  let resync = false;
  const changed = (name: keyof Kept): Map<unknown, unknown> => {
    if (kept[name] === before[name]) Object.assign(kept, { [name]: new Map<unknown, unknown>(before[name]) });
    return kept[name] as unknown as Map<unknown, unknown>;
  };
  for (const event of events) {
    switch (event.type) {
      case 'vm':
        changed('vms').set(event.vm.vmid, event.vm);
        break;
      case 'vm-removed':
        changed('vms').delete(event.vmid);
        break;
      case 'network':
        changed('networks').set(event.network.name, event.network);
        break;
      case 'network-removed':
        changed('networks').delete(event.name);
        break;
      case 'hypervisor':
        changed('hypervisors').set(event.hypervisor.id, event.hypervisor);
        break;
      case 'task':
        changed('tasks').set(event.task.id, event.task);
        break;
      case 'resync':
        resync = true;
        break;
    }
  }
  if (kept.tasks.size > taskLimit) {
    const tasks = changed('tasks') as Map<string, Kept['tasks'] extends ReadonlyMap<string, infer T> ? T : never>;
    const ended = ['succeeded', 'failed', 'cancelled'];
    for (const [id, task] of tasks) {
      if (tasks.size <= taskLimit) break;
      if (ended.includes(task.state)) tasks.delete(id);
    }
  }
  return { kept, resync };
}
