import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { Language, LabReport } from '../lab.ts';
import { HypervisorId } from '../names.ts';
import { Task } from '../task.ts';

const closed = { additionalProperties: false } as const;
const RunParams = Type.Object({ task: Type.String({ pattern: '^t[0-9a-z]{1,40}$' }) }, closed);

export const LabRun = Type.Object(
  {
    hypervisors: Type.Optional(Type.Array(HypervisorId, { minItems: 1, maxItems: 2, uniqueItems: true })),
    lang: Type.Optional(Language),
  },
  closed,
);
export type LabRun = Type.Static<typeof LabRun>;

export const labEndpoints = {
  'lab.run': endpoint({
    method: 'POST',
    path: '/lab/runs',
    body: LabRun,
    result: Task,
    answer: 'task',
    errors: ['hypervisor.unusable', 'lab.failed'],
    permission: 'Lab.Run',
    summary: 'Repeat the whole experiment on real guests',
  }),
  'lab.report': endpoint({
    method: 'GET',
    path: '/lab/runs/:task/report',
    params: RunParams,
    result: LabReport,
    errors: ['task.not-found'],
    permission: 'Lab.Run',
    summary: "Get an experiment's report",
  }),
  'lab.report-page': endpoint({
    method: 'GET',
    path: '/lab/runs/:task/report.html',
    params: RunParams,
    query: Type.Object({ lang: Type.Optional(Language) }, closed),
    result: Type.String(),
    answer: 'html',
    errors: ['task.not-found'],
    permission: 'Lab.Run',
    summary: "Get an experiment's report as a printable page",
  }),
};
