import type { NakhodaEvent } from '@nakhoda/schema';

import { applyEvents, type Kept } from './apply-events.ts';
import { observable } from './observable.ts';
import { queryClient } from './query-client.ts';
import { hypervisorsQuery, keptTasks, networksQuery, tasksQuery, vmsQuery } from './resources.ts';
import { findSession } from './session.ts';

/** How the page hears of changes: through the stream, not at the moment, or by asking again and again. */
export interface Connection {
  readonly kind: 'live' | 'reconnecting' | 'polling';
  /** When what is shown was last known to be true, in milliseconds since 1970. */
  readonly trueAt: number;
}

export const connection = observable<Connection>({ kind: 'reconnecting', trueAt: Date.now() });

/** Events that come within this time are applied together: a page need not be drawn more often. */
const gatherMs = 50;
/** So long the stream may be away before the page asks by itself. */
const patienceMs = 10_000;
const pollMs = 5_000;

const resources = [vmsQuery, networksQuery, hypervisorsQuery, tasksQuery];
const readAll = () =>
  Promise.all(resources.map(({ queryKey }) => queryClient.invalidateQueries({ queryKey, refetchType: 'all' }, { throwOnError: true })));

/**
 * Opens the one event stream and keeps the cache true from it until the given function is called. The browser resumes it by
 * `Last-Event-ID`; the daemon answers `resync` where it has not kept so much. While there is none for long, the lists are polled.
 */
export function startEventFeed(): () => void {
  let waiting: NakhodaEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lostAt: number | null = Date.now();
  const seen = (kind: Connection['kind']) => connection.set({ kind, trueAt: Date.now() });
  const stream = new EventSource('/api/v1/events');

  const apply = () => {
    timer = undefined;
    const events = waiting;
    waiting = [];
    const before = presentlyKept();
    const { kept, resync } = applyEvents(before, events, keptTasks);
    if (kept.vms !== before.vms) queryClient.setQueryData(vmsQuery.queryKey, kept.vms);
    if (kept.networks !== before.networks) queryClient.setQueryData(networksQuery.queryKey, kept.networks);
    if (kept.hypervisors !== before.hypervisors) queryClient.setQueryData(hypervisorsQuery.queryKey, kept.hypervisors);
    if (kept.tasks !== before.tasks) queryClient.setQueryData(tasksQuery.queryKey, kept.tasks);
    refreshSnapshots(events);
    if (resync) void readAll().catch(() => undefined);
    if (stream.readyState === EventSource.OPEN) seen('live');
  };

  stream.addEventListener('open', () => {
    // What happened before the stream was open is in the lists; a resumed stream tells it, and reading costs little.
    void readAll().catch(() => undefined);
    lostAt = null;
    seen('live');
  });
  stream.addEventListener('message', ({ data }: MessageEvent<string>) => {
    waiting.push(JSON.parse(data) as NakhodaEvent);
    timer ??= setTimeout(apply, gatherMs);
  });
  stream.addEventListener('error', () => {
    lostAt ??= Date.now();
    connection.set({ kind: 'reconnecting', trueAt: connection.get().trueAt });
    // The browser gives up by itself only when it is refused: then the session has ended.
    if (stream.readyState === EventSource.CLOSED) void findSession();
  });

  const poll = setInterval(() => {
    if (lostAt === null || Date.now() - lostAt < patienceMs) return;
    readAll().then(
      () => lostAt !== null && seen('polling'),
      () => connection.set({ kind: 'reconnecting', trueAt: connection.get().trueAt }),
    );
  }, pollMs);

  return () => {
    stream.close();
    clearTimeout(timer);
    clearInterval(poll);
  };
}

function presentlyKept(): Kept {
  return {
    vms: queryClient.getQueryData(vmsQuery.queryKey) ?? new Map(),
    networks: queryClient.getQueryData(networksQuery.queryKey) ?? new Map(),
    hypervisors: queryClient.getQueryData(hypervisorsQuery.queryKey) ?? new Map(),
    tasks: queryClient.getQueryData(tasksQuery.queryKey) ?? new Map(),
  };
}

/** Snapshots have no events of their own: they change with a task on their VM, or with the VM's own place in the tree. */
function refreshSnapshots(events: readonly NakhodaEvent[]): void {
  const vmids = new Set(
    events.flatMap((event) => {
      if (event.type !== 'task' || event.task.endedAt === null || !event.task.kind.startsWith('snapshot.')) return [];
      return [Number(event.task.target?.replace('vm/', ''))];
    }),
  );
  for (const vmid of vmids) void queryClient.invalidateQueries({ queryKey: ['snapshots', vmid] });
}
