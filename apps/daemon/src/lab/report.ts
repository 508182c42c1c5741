import type { HostCheck, Hypervisor, LabReport, Language } from '@nakhoda/schema';

import type { RawCheck } from './raw-check.ts';
import { describeCheck } from './texts.ts';

/** What an experiment leaves behind: enough to write its report in any language. */
export interface LabResult {
  language: Language;
  nakhoda: string;
  startedAt: string;
  endedAt: string;
  hostCheck: HostCheck;
  hypervisors: Hypervisor[];
  checks: RawCheck[];
}

/** The report in one language. `ok` only when there are checks and every one passed. Pure. */
export function buildReport(result: LabResult, language: Language = result.language): LabReport {
  const checks = result.checks.map((check) => ({
    id: check.id,
    hypervisor: check.hypervisor,
    ...describeCheck(check, language),
    status: check.status,
    ...(check.reason === undefined ? {} : { reason: check.reason }),
    startedAt: check.startedAt,
    seconds: check.seconds,
    evidence: check.evidence,
  }));
  return {
    ok: checks.length > 0 && checks.every((check) => check.status === 'passed'),
    nakhoda: result.nakhoda,
    language,
    startedAt: result.startedAt,
    endedAt: result.endedAt,
    host: { check: result.hostCheck, hypervisors: result.hypervisors },
    checks,
  };
}
