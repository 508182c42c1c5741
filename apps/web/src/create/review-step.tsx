import { useLingui } from '@lingui/react/macro';
import type { HypervisorId } from '@nakhoda/schema';
import {
  Alert,
  Button,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  useWizardContext,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useFormContext, useWatch } from 'react-hook-form';

import { gibibytes, mebibytes } from '../data/format.ts';
import { useVms } from '../data/resources.ts';
import { hypervisorTitles } from '../parts/vm-mark.tsx';
import { capacityOf } from './capacity.ts';
import { bodyOf, type Draft } from './draft.ts';
import { Equivalent } from './equivalent.tsx';
import { useFieldNames } from './field-names.ts';
import { useChosenHypervisor } from './fields.tsx';
import { stepFields, stepIds, stepOf, type StepId } from './places.ts';
import { storageQuery } from './storage-query.ts';
import { useStepNames } from './step-names.ts';

/** Everything that was chosen, by step; what is not named is as usual. */
export function ReviewStep() {
  const { t } = useLingui();
  const { goToStepById } = useWizardContext();
  const { formState } = useFormContext<Draft>();
  const names = useStepNames();
  const fieldNames: Readonly<Record<string, string>> = useFieldNames();
  const fieldName = (field: string): string => fieldNames[field] ?? field;
  const draft = useWatch<Draft>() as Draft;
  const body = bodyOf(draft, useChosenHypervisor());
  const chosen = Object.entries(body).map(([field, value]) => ({
    field,
    step: field === 'cdrom' || field === 'bootOrder' ? 'os' : stepOf(field),
    value,
  }));
  const yesNo = { true: t`yes`, false: t`no` };
  const shown = (field: string, value: unknown): string => {
    if (field === 'ciPassword') return '…';
    if (field === 'hypervisor') return hypervisorTitles[value as HypervisorId];
    if (value === true || value === false) return yesNo[`${value}`];
    return (Array.isArray(value) ? value.join(', ') : String(value)).slice(0, 200);
  };
  const wrong = (step: StepId) => stepFields[step].some((field) => formState.errors[field] !== undefined);
  return (
    <>
      {stepIds.some(wrong) && (
        <Alert variant="danger" isInline title={t`Something is not right yet; the steps are marked.`} component="p" />
      )}
      <DescriptionList isCompact isHorizontal>
        {stepIds
          .filter((step) => step !== 'review')
          .map((step) => (
            <DescriptionListGroup key={step}>
              <DescriptionListTerm>
                <Button variant="link" isInline onClick={() => goToStepById(step)} isDanger={wrong(step)}>
                  {names[step]}
                  {wrong(step) ? ' !' : ''}
                </Button>
              </DescriptionListTerm>
              <DescriptionListDescription className="nk-isolate">
                {chosen
                  .filter((one) => one.step === step)
                  .map(({ field, value }) => (
                    <div key={field}>{value === true ? fieldName(field) : `${fieldName(field)}: ${shown(field, value)}`}</div>
                  ))}
                {!chosen.some((one) => one.step === step) && t`as usual`}
              </DescriptionListDescription>
            </DescriptionListGroup>
          ))}
      </DescriptionList>
      <CapacityHint draft={draft} />
      <Equivalent />
    </>
  );
}

export function CapacityHint({ draft }: { draft: Draft }) {
  const { t } = useLingui();
  const vms = useVms();
  const hypervisor = useChosenHypervisor();
  const pools = useQuery(storageQuery).data;
  const { memory, disk, warnings } = capacityOf(
    { memoryMiB: draft.memoryMiB ?? 0, diskGiB: draft.diskGiB ?? 0 },
    { vms, hypervisor, pools },
  );
  const after = mebibytes(memory.takenMiB + memory.wantedMiB);
  return (
    <Alert
      variant={warnings.length > 0 ? 'warning' : 'info'}
      isInline
      component="h3"
      title={warnings.length > 0 ? t`The host is small for this` : t`The host has room for this`}
    >
      {memory.totalMiB > 0 && <p>{t`Memory of the VMs that run, with this one: ${after} of ${mebibytes(memory.totalMiB)}.`}</p>}
      {disk !== null && <p>{t`Its disk can grow to ${gibibytes(disk.wantedGiB)}; ${gibibytes(disk.freeGiB)} are free.`}</p>}
    </Alert>
  );
}
