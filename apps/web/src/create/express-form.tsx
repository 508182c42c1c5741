import { useLingui } from '@lingui/react/macro';
import { ActionGroup, Button, ExpandableSection, Form } from '@patternfly/react-core';
import { useWatch } from 'react-hook-form';

import { StartField } from './automation-step.tsx';
import { bodyOf, type Draft } from './draft.ts';
import { Equivalent } from './equivalent.tsx';
import { useFieldNames } from './field-names.ts';
import { NumberField, useChosenHypervisor } from './fields.tsx';
import { HypervisorChoice } from './hypervisor-choice.tsx';
import { CapacityHint } from './review-step.tsx';
import { NameField, NetworkField, OsStep } from './wizard-steps.tsx';

/** What is asked here; all else is the wizard's. */
const asked = ['name', 'hypervisor', 'cores', 'memoryMiB', 'diskGiB', 'cdrom', 'bootOrder', 'network', 'start'];

/** The few questions that every VM needs an answer to, on one page. */
export function ExpressForm({ busy, onCreate }: { busy: boolean; onCreate: () => void }) {
  const { t } = useLingui();
  const draft = useWatch<Draft>() as Draft;
  const names: Readonly<Record<string, string>> = useFieldNames();
  const others = Object.keys(bodyOf(draft, useChosenHypervisor()))
    .filter((field) => !asked.includes(field))
    .map((field) => names[field] ?? field);
  return (
    <Form
      className="nk-create__express"
      noValidate
      aria-label={t`Express`}
      onSubmit={(event) => {
        event.preventDefault();
        onCreate();
      }}
    >
      <NameField />
      <HypervisorChoice />
      <div className="nk-create__pair">
        <NumberField name="cores" required />
        <NumberField name="memoryMiB" required />
        <NumberField name="diskGiB" required />
      </div>
      <OsStep />
      <NetworkField />
      <StartField />
      {others.length > 0 && <p className="nk-subtle">{t`What was chosen in the wizard holds too: ${others.join(', ')}`}</p>}
      <CapacityHint draft={draft} />
      <ExpandableSection toggleText={t`The same order elsewhere`}>
        <Equivalent />
      </ExpandableSection>
      <ActionGroup>
        <Button type="submit" isDisabled={busy} isLoading={busy}>{t`Create the VM`}</Button>
      </ActionGroup>
    </Form>
  );
}
