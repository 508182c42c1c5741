import type { TaskRecord } from '@nakhoda/schema';

/** A queued task with one step; tests change what they are about. */
export function sampleRecord(change: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: 't1',
    kind: 'vm.start',
    title: 'Start vm 100',
    target: 'vm/100',
    user: 'admin',
    requestId: null,
    state: 'queued',
    input: { vmid: 100 },
    data: {},
    locks: ['vm/100'],
    steps: [{ name: 'start', state: 'pending' }],
    progress: 0,
    result: null,
    outcome: null,
    error: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    endedAt: null,
    ...change,
  };
}
