import { Type } from 'typebox';

export const vmStates = ['stopped', 'starting', 'running', 'paused', 'stopping', 'crashed', 'unknown'] as const;
export const VmState = Type.Enum(vmStates);
export type VmState = (typeof vmStates)[number];

export const vmActions = [
  'start',
  'shutdown',
  'stop',
  'pause',
  'resume',
  'reset',
  'suspend',
  'discard',
  'set',
  'clone',
  'destroy',
  'exec',
  'console',
  'snapshot-take',
  'snapshot-rollback',
  'snapshot-delete',
] as const;
export type VmAction = (typeof vmActions)[number];

/**
 * In which states an action makes sense. Daemon, CLI and page read this one table;
 * whether the hypervisor has the facet for it is asked separately.
 */
export const actionStates: Record<VmAction, readonly VmState[]> = {
  'start': ['stopped', 'crashed'],
  'shutdown': ['running', 'paused'],
  'stop': ['starting', 'running', 'paused', 'stopping', 'crashed', 'unknown'],
  'pause': ['running'],
  'resume': ['paused'],
  'reset': ['running', 'paused'],
  'suspend': ['running', 'paused'],
  'discard': ['stopped'],
  'set': ['stopped', 'crashed', 'running', 'paused'],
  'clone': ['stopped', 'crashed', 'running', 'paused'],
  'destroy': ['stopped', 'crashed'],
  'exec': ['running'],
  'console': ['starting', 'running', 'paused', 'stopping'],
  'snapshot-take': ['stopped', 'running', 'paused', 'crashed'],
  'snapshot-rollback': ['stopped', 'running', 'paused', 'crashed'],
  'snapshot-delete': ['stopped', 'running', 'paused', 'crashed'],
};

/** True when the table lets a VM in `state` take `action`. */
export function allowsAction(state: VmState, action: VmAction): boolean {
  return actionStates[action].includes(state);
}
