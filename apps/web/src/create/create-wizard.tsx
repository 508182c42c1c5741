import { useLingui } from '@lingui/react/macro';
import { Form, Wizard, WizardFooterWrapper, WizardStep, useWizardContext, Button } from '@patternfly/react-core';
import { useEffect, useRef, type ComponentType } from 'react';
import { useFormContext } from 'react-hook-form';

import { AutomationStep } from './automation-step.tsx';
import type { Draft } from './draft.ts';
import { stepFields, stepIds, type StepId } from './places.ts';
import { ReviewStep } from './review-step.tsx';
import { useStepNames } from './step-names.ts';
import { ComputeStep, DiskStep, HypervisorStep, NetworkStep, OsStep } from './wizard-steps.tsx';

const contents: Readonly<Record<StepId, ComponentType>> = {
  hypervisor: HypervisorStep,
  os: OsStep,
  compute: ComputeStep,
  disk: DiskStep,
  network: NetworkStep,
  automation: AutomationStep,
  review: ReviewStep,
};

export interface CreateWizardProps {
  /** Where it stands; a new `key` of the component goes there. */
  readonly step: StepId;
  readonly busy: boolean;
  onStep(step: StepId): void;
  onCreate(): void;
}

/** One question after another. The steps may be walked in any order; what is not right is marked, and nothing typed is lost. */
export function CreateWizard({ step, busy, onStep, onCreate }: CreateWizardProps) {
  const { t } = useLingui();
  const names = useStepNames();
  const { errors } = useFormContext<Draft>().formState;
  const frame = useRef<HTMLDivElement>(null);
  // On a phone PatternFly calls the button of the steps by a fixed English name; without it its own words, the present step, are its name.
  useEffect(() => frame.current?.querySelector('.pf-v6-c-wizard__toggle')?.removeAttribute('aria-label'), []);
  return (
    <div ref={frame}>
      <Wizard
        className="nk-create__wizard"
        startIndex={stepIds.indexOf(step) + 1}
        navAriaLabel={t`Steps`}
        onStepChange={(_event, { id }) => onStep(stepIds.find((one) => one === id) ?? 'hypervisor')}
        footer={<StepFooter busy={busy} onCreate={onCreate} />}
      >
        {stepIds.map((id) => {
          const Content = contents[id];
          const wrong = stepFields[id].some((field) => errors[field] !== undefined);
          return (
            <WizardStep key={id} id={id} name={names[id]} status={wrong ? 'error' : 'default'}>
              <Form noValidate onSubmit={(event) => event.preventDefault()} aria-label={names[id]}>
                <h2 className="nk-create__title">{names[id]}</h2>
                <Content />
              </Form>
            </WizardStep>
          );
        })}
      </Wizard>
    </div>
  );
}

/** On from a step only when its fields are right; back always. */
function StepFooter({ busy, onCreate }: { busy: boolean; onCreate: () => void }) {
  const { t } = useLingui();
  const { activeStep, goToNextStep, goToPrevStep } = useWizardContext();
  const { trigger } = useFormContext<Draft>();
  const step = stepIds.find((one) => one === activeStep.id) ?? 'hypervisor';
  const next = async () => {
    if (await trigger([...stepFields[step]], { shouldFocus: true })) await goToNextStep();
  };
  return (
    <WizardFooterWrapper>
      <Button variant="secondary" isDisabled={step === 'hypervisor'} onClick={() => void goToPrevStep()}>{t`Back`}</Button>
      {step === 'review' ? (
        <Button isDisabled={busy} isLoading={busy} onClick={onCreate}>{t`Create the VM`}</Button>
      ) : (
        <Button onClick={() => void next()}>{t`Next`}</Button>
      )}
    </WizardFooterWrapper>
  );
}
