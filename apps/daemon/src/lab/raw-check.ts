import type { Check, HypervisorId } from '@nakhoda/schema';

/** What a check is about; its words in each language are in `texts.ts`. */
export type CheckKind = 'boot' | 'address' | 'ping' | 'transfer' | 'snapshot' | 'rollback' | 'load' | 'load-both' | 'cleanup';

/** A check before it is put into words: everything said about it is derived from its evidence. */
export interface RawCheck {
  id: string;
  kind: CheckKind;
  hypervisor: HypervisorId | 'both';
  /** For checks between two guests: who acts, and upon whom. */
  from?: HypervisorId;
  to?: HypervisorId;
  status: Check['status'];
  /** Why it failed or was not measured. */
  reason?: string;
  startedAt: string;
  seconds: number;
  evidence: Record<string, unknown>;
}

/** A check that is still to be made. */
export type PlannedCheck = Pick<RawCheck, 'id' | 'kind' | 'hypervisor' | 'from' | 'to'>;

/** Every check of an experiment on these hypervisors, in the order they are made. Pure. */
export function planChecks(hypervisors: readonly HypervisorId[]): PlannedCheck[] {
  const each = (kind: 'boot' | 'address' | 'snapshot' | 'rollback' | 'load'): PlannedCheck[] =>
    hypervisors.map((hypervisor) => ({ id: `${kind}.${hypervisor}`, kind, hypervisor }));
  const pairs = hypervisors.flatMap((from) => hypervisors.filter((to) => to !== from).map((to) => ({ from, to })));
  const between = (kind: 'ping' | 'transfer'): PlannedCheck[] =>
    pairs.map(({ from, to }) => ({ id: `${kind}.${from}-${to}`, kind, hypervisor: 'both', from, to }));
  return [
    ...each('boot'),
    ...each('address'),
    ...between('ping'),
    ...between('transfer'),
    ...each('snapshot'),
    ...each('rollback'),
    ...each('load'),
    ...(hypervisors.length > 1 ? [{ id: 'load.both', kind: 'load-both', hypervisor: 'both' } as const] : []),
    { id: 'cleanup', kind: 'cleanup', hypervisor: hypervisors.length > 1 ? 'both' : (hypervisors[0] ?? 'both') },
  ];
}
