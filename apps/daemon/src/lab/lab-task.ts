import type { HypervisorId, Language } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import { hostCheck } from '../services/host-check.ts';
import { runExperiment } from './experiment.ts';
import { createLabWorld, removeLeftovers } from './lab-world.ts';
import type { RawCheck } from './raw-check.ts';
import type { LabResult } from './report.ts';
import { describeCheck } from './texts.ts';

export interface LabInput {
  /** Marks everything of this run: network `lab-<mark>`, guests `lab-<mark>-<hypervisor>`. */
  mark: string;
  hypervisors: HypervisorId[];
  language: Language;
}

interface LabState extends Partial<LabResult> {
  checks: RawCheck[];
}

const signs = { 'passed': '✓', 'failed': '✗', 'not-measured': '–' } as const;

/**
 * The whole experiment as one task. A failed check does not fail it: the report says so. When it is cancelled,
 * or the daemon dies in the middle, everything that it made is removed.
 */
export function labSaga(services: Services): TaskKind<LabInput, LabState, LabResult> {
  return {
    kind: 'lab.run',
    title: ({ hypervisors }) => `Repeat the experiment on ${hypervisors.join(' and ')}`,
    target: () => null,
    locks: () => ['lab'],
    onCrash: 'unwind',
    initialState: () => ({ checks: [] }),
    steps: ({ mark, hypervisors, language }) => [
      {
        name: 'look at the host',
        do: async ({ state }) => {
          state.language = language;
          state.nakhoda = services.version;
          state.startedAt = new Date().toISOString();
          state.hostCheck = await hostCheck(services);
          state.hypervisors = (await services.hypervisors.describe()).filter((one) => hypervisors.includes(one.id));
        },
      },
      {
        name: 'make the checks',
        weight: 30,
        do: async (ctx) => {
          const unusable = new Map(
            (ctx.state.hypervisors ?? [])
              .filter((one) => !one.usable)
              .map((one) => [one.id, `${one.id} cannot run VMs on this host: ${one.reasons.join(' ')}`]),
          );
          const world = await createLabWorld(services, ctx, mark);
          await runExperiment({
            hypervisors,
            unusable,
            world,
            ctx,
            record: (check) => {
              ctx.state.checks.push(check);
              const { title, observed } = describeCheck(check, language);
              ctx.log(`${signs[check.status]} ${title}: ${observed}`);
            },
          });
          ctx.state.endedAt = new Date().toISOString();
        },
        undo: (ctx) => removeLeftovers(services, quietContext(ctx.log), mark),
      },
    ],
    result: (state) => state as LabResult,
  };
}
