import type { Driver, DriverContext, ProbeResult } from '@nakhoda/driver';
import { type Hypervisor, type HypervisorId, NakhodaError, toNakhodaError } from '@nakhoda/schema';

import type { EventBus } from './event-bus.ts';

/** The drivers of this node and what their last probe found. */
export interface Hypervisors {
  all(): readonly Driver[];
  /** @throws NakhodaError `hypervisor.not-found` */
  driver(id: HypervisorId): Driver;
  /** The driver, when its probe says that it can run VMs. @throws NakhodaError `hypervisor.unusable` with the reasons */
  usable(id: HypervisorId): Promise<Driver>;
  /** Probes again. Never throws: a probe that fails is an unusable hypervisor. */
  probe(id: HypervisorId): Promise<ProbeResult>;
  describe(): Promise<Hypervisor[]>;
  /** Probes already done, without waiting for others. */
  known(id: HypervisorId): ProbeResult | undefined;
}

/** A context for driver calls that belong to no task: they cannot be cancelled and log to the daemon's log. */
export function quietContext(log: (line: string) => void, signal: AbortSignal = new AbortController().signal): DriverContext {
  return { signal, log, progress: () => undefined };
}

export function createHypervisors(options: {
  drivers: readonly Driver[];
  node: string;
  bus: EventBus;
  log(line: string): void;
}): Hypervisors {
  const { drivers, node, bus } = options;
  const results = new Map<HypervisorId, ProbeResult>();
  const running = new Map<HypervisorId, Promise<ProbeResult>>();

  const driver = (id: HypervisorId): Driver => {
    const found = drivers.find((candidate) => candidate.id === id);
    if (found) return found;
    throw new NakhodaError('hypervisor.not-found', {
      message: `This node has no hypervisor called ${id}.`,
      hint: `It has: ${drivers.map((candidate) => candidate.id).join(', ')}.`,
    });
  };

  const describeOne = (candidate: Driver, result: ProbeResult): Hypervisor => ({
    id: candidate.id,
    node,
    usable: result.usable,
    version: result.version,
    execution: result.execution,
    reasons: result.reasons,
    ...(result.remedy === undefined ? {} : { remedy: result.remedy }),
    capabilities: candidate.capabilities(),
  });

  const probe = (id: HypervisorId): Promise<ProbeResult> => {
    const present = running.get(id);
    if (present) return present;
    const candidate = driver(id);
    const probing = candidate
      .probe(quietContext(options.log))
      .catch((error: unknown): ProbeResult => {
        const failure = toNakhodaError(error);
        return { usable: false, version: null, execution: null, reasons: [failure.message], remedy: failure.hint };
      })
      .then((result) => {
        results.set(id, result);
        running.delete(id);
        bus.publish({ type: 'hypervisor', hypervisor: describeOne(candidate, result) });
        return result;
      });
    running.set(id, probing);
    return probing;
  };

  return {
    all: () => drivers,
    driver,
    probe,
    known: (id) => results.get(id),
    async usable(id) {
      const candidate = driver(id);
      let result = results.get(id) ?? (await probe(id));
      // What was missing may have been installed since.
      if (!result.usable) result = await probe(id);
      if (result.usable) return candidate;
      throw new NakhodaError('hypervisor.unusable', {
        message: `${id} cannot run VMs on this host: ${result.reasons.join(' ') || 'no reason was found.'}`,
        hint: result.remedy ?? 'Run `./nakhoda host check` for what is missing.',
      });
    },
    async describe() {
      return Promise.all(
        drivers.map(async (candidate) => describeOne(candidate, results.get(candidate.id) ?? (await probe(candidate.id)))),
      );
    },
  };
}
