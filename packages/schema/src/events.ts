import type { Task } from './task.ts';
import type { Vm, Network, Hypervisor } from './resources.ts';

/**
 * What the event stream carries. `id` grows by one with each event and is what `Last-Event-ID` resumes from;
 * a client that asks for an id that is no longer kept gets `resync` and reads its lists again.
 */
export type NakhodaEvent =
  | { id: number; type: 'vm'; vm: Vm }
  | { id: number; type: 'vm-removed'; vmid: number }
  | { id: number; type: 'network'; network: Network }
  | { id: number; type: 'network-removed'; name: string }
  | { id: number; type: 'hypervisor'; hypervisor: Hypervisor }
  | { id: number; type: 'task'; task: Task }
  | { id: number; type: 'resync' };

/** An event before the stream numbers it. */
export type NewEvent = NakhodaEvent extends infer E ? (E extends { id: number } ? Omit<E, 'id'> : never) : never;
