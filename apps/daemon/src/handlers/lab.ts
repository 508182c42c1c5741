import { randomBytes } from 'node:crypto';

import { NakhodaError } from '@nakhoda/schema';

import type { Handlers } from '../http/handlers.ts';
import type { LabInput } from '../lab/lab-task.ts';
import { buildReport, type LabResult } from '../lab/report.ts';
import { renderReport } from '../lab/report-html.ts';
import type { Services } from '../services/context.ts';
import { userOf } from './user-of.ts';

type LabHandlers = Pick<Handlers, 'lab.run' | 'lab.report' | 'lab.report-page'>;

export function labHandlers({ engine, hypervisors }: Services): LabHandlers {
  const result = async (id: string): Promise<LabResult> => {
    const task = engine.get(id);
    if (task.kind === 'lab.run' && task.state === 'succeeded') return task.result as LabResult;
    throw new NakhodaError('task.not-found', {
      message: `Task ${id} has no report: it is a ${task.kind} task and ${task.state}.`,
      hint: 'A report is there when a lab.run task has succeeded.',
    });
  };

  return {
    'lab.run': async (request) => {
      const wanted = request.body.hypervisors ?? ['qemu', 'virtualbox'];
      for (const id of wanted) hypervisors.driver(id);
      const input: LabInput = { mark: randomBytes(3).toString('hex'), hypervisors: wanted, language: request.body.lang ?? 'en' };
      return engine.start('lab.run', input, userOf(request));
    },
    'lab.report': async ({ params }) => buildReport(await result(params.task)),
    'lab.report-page': async ({ params, query }) => {
      const found = await result(params.task);
      return renderReport(buildReport(found, query.lang ?? found.language));
    },
  };
}
