import { Trans, useLingui } from '@lingui/react/macro';
import type { Execution, Hypervisor, Vm } from '@nakhoda/schema';
import { FormGroup, Label, Radio } from '@patternfly/react-core';
import { Controller, useFormContext } from 'react-hook-form';

import { useHypervisors, useVms } from '../data/resources.ts';
import { FieldHelp } from '../parts/field-help.tsx';
import { HypervisorBadge, hypervisorTitles } from '../parts/vm-mark.tsx';
import { adviseHypervisor } from './advice.ts';
import type { Draft } from './draft.ts';
import { fieldId } from './fields.tsx';

/** The hypervisors with what speaks for and against each on this host: usable or why not, how fast, how much it carries already. */
export function HypervisorChoice() {
  const { t } = useLingui();
  const { control } = useFormContext<Draft>();
  const hypervisors = useHypervisors();
  const vms = useVms();
  const advised = adviseHypervisor(hypervisors);
  return (
    <Controller
      name="hypervisor"
      control={control}
      render={({ field, fieldState: { error } }) => (
        <FormGroup role="radiogroup" label={t`Hypervisor`} isRequired fieldId={fieldId('hypervisor')} className="nk-create__hypervisors">
          {hypervisors.map((one, index) => (
            <Radio
              key={one.id}
              id={index === 0 ? fieldId('hypervisor') : fieldId(`hypervisor-${one.id}`)}
              name="hypervisor"
              isChecked={field.value === one.id}
              isDisabled={!one.usable}
              onChange={() => field.onChange(one.id)}
              label={
                <span>
                  <HypervisorBadge id={one.id} /> <strong>{hypervisorTitles[one.id]}</strong>{' '}
                  <span className="nk-subtle">{one.version ?? ''}</span>
                </span>
              }
              body={<Advice one={one} vms={vms} advised={advised?.id === one.id && hypervisors.length > 1} />}
            />
          ))}
          <FieldHelp id={`${fieldId('hypervisor')}-help`} error={error?.message}>
            {hypervisors.length === 0 ? t`Looking for hypervisors …` : undefined}
          </FieldHelp>
        </FormGroup>
      )}
    />
  );
}

function Advice({ one, vms, advised }: { one: Hypervisor; vms: readonly Vm[]; advised: boolean }) {
  const { t } = useLingui();
  const meanings: Record<Execution['mode'], string> = {
    kvm: t`Guests run on the processor itself, at nearly its full speed.`,
    hardware: t`Guests run on the processor itself, at nearly its full speed.`,
    tcg: t`Guests are translated, about ten times slower than the processor: good for small systems and trials.`,
    interpreter: t`Guests are interpreted, many times slower than the processor, with one core: for very small systems.`,
    fake: t`Nothing real runs: for trials of the page.`,
  };
  const own = vms.filter(({ hypervisor }) => hypervisor === one.id);
  const running = own.filter(({ state }) => state === 'running').length;
  return (
    <div className="nk-create__advice">
      <p>
        {one.usable ? <Label color="green">{t`usable`}</Label> : <Label color="red">{t`not usable`}</Label>}{' '}
        {one.execution !== null && <Label title={one.execution.reason}>{one.execution.mode}</Label>}{' '}
        {advised && <Label color="blue">{t`advised here`}</Label>}
      </p>
      {one.execution !== null && <p>{meanings[one.execution.mode]}</p>}
      <p className="nk-subtle nk-live">
        <Trans>
          {own.length} VMs, {running} of them running
        </Trans>
      </p>
      {one.reasons.map((reason) => (
        <p key={reason} className="nk-subtle nk-isolate">
          {reason}
        </p>
      ))}
      {one.remedy !== undefined && <p className="nk-isolate">{t`What to do: ${one.remedy}`}</p>}
    </div>
  );
}
