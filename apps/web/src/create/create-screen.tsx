import { useLingui } from '@lingui/react/macro';
import type { Task } from '@nakhoda/schema';
import { Alert, AlertActionLink, Button, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { FormProvider, useForm } from 'react-hook-form';

import { queryClient } from '../data/query-client.ts';
import { hypervisorsQuery, useHypervisors } from '../data/resources.ts';
import { api } from '../data/session.ts';
import { Failure } from '../parts/failure.tsx';
import { useTitle } from '../parts/use-title.ts';
import { adviseHypervisor } from './advice.ts';
import { CreateWizard } from './create-wizard.tsx';
import { dropDraft, keepDraft, readDraft } from './draft-store.ts';
import { bodyOf, emptyDraft, type Draft } from './draft.ts';
import { ExpressForm } from './express-form.tsx';
import { fieldId } from './fields.tsx';
import { Making } from './making.tsx';
import { newVmResolver } from './new-vm-resolver.ts';
import { placeOfRefusal, stepIds, stepOf, type Place, type StepId } from './places.ts';
import './create.css';

const route = getRouteApi('/vms/new');
const hypervisorOf = (id: string) => queryClient.getQueryData(hypervisorsQuery.queryKey)?.get(id);
const resolver = newVmResolver(hypervisorOf);

/** Makes a VM: a wizard, or one page of the few questions that matter; then the task that makes it. The draft survives a reload. */
export function CreateScreen() {
  const { t } = useLingui();
  useTitle(t`Create a VM`);
  const { step: wanted, mode, task } = route.useSearch();
  const navigate = route.useNavigate();
  const form = useForm<Draft>({ defaultValues: readDraft(), resolver, mode: 'onTouched' });
  const [failure, setFailure] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  // The draft that was thrown away last: it can be taken back as long as the screen is open.
  const [dropped, setDropped] = useState<Draft | null>(null);
  // Counts up when the page, not the reader, goes to a step: the wizard begins anew there.
  const [jump, setJump] = useState<{ readonly count: number; readonly to: StepId | null }>({ count: 0, to: null });
  const focusNext = useRef<string | null>(null);
  const step = stepIds.find((one) => one === wanted) ?? 'hypervisor';
  useChosenByAdvice(form.getValues, form.setValue);

  useEffect(() => {
    const { unsubscribe } = form.watch((draft) => keepDraft(draft as Draft));
    return unsubscribe;
  }, [form]);
  useEffect(() => {
    // Who comes by the keyboard goes on with it: the first question is the first stop.
    if (wanted === undefined && task === undefined) document.getElementById(fieldId('name'))?.focus();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the screen opens
  }, []);
  useEffect(() => {
    const control = focusNext.current === null ? null : document.getElementById(fieldId(focusNext.current));
    if (control === null) return;
    focusNext.current = null;
    control.focus();
  }, [jump, mode]);

  const goTo = ({ step: to, field }: Place) => {
    void navigate({ search: (before) => ({ ...before, step: to, task: undefined }), replace: true });
    focusNext.current = field;
    setJump(({ count }) => ({ count: count + 1, to }));
  };
  const create = form.handleSubmit(
    async (draft) => {
      setFailure(null);
      setBusy(true);
      try {
        const made = (await api.callAny('vm.create', { body: bodyOf(draft, hypervisorOf(draft.hypervisor)) })) as Task;
        await navigate({ search: (before) => ({ ...before, task: made.id }) });
      } catch (thrown) {
        const place = placeOfRefusal(thrown);
        setFailure(thrown);
        if (place !== null) {
          form.setError(place.field, { type: 'daemon', message: (thrown as Error).message });
          goTo(place);
        }
      } finally {
        setBusy(false);
      }
    },
    (errors) => {
      const field = Object.keys(errors).find((name) => stepOf(name) !== undefined);
      const at = field === undefined ? undefined : stepOf(field);
      if (field === undefined || at === undefined) return;
      // The express page lacks most fields: what is wrong with those is the wizard's to show.
      if (mode === 'express' && document.getElementById(fieldId(field)) === null)
        void navigate({ search: (before) => ({ ...before, mode: undefined, step: at }), replace: true });
      goTo({ step: at, field: field as keyof Draft });
    },
  );

  const throwAway = () => {
    setDropped(form.getValues());
    form.reset({
      ...emptyDraft,
      hypervisor: adviseHypervisor([...(queryClient.getQueryData(hypervisorsQuery.queryKey)?.values() ?? [])])?.id ?? '',
    });
    dropDraft();
    setFailure(null);
    goTo({ step: 'hypervisor', field: 'name' });
  };

  return (
    <div className="nk-screen nk-create">
      <div className="nk-screen__head">
        <h1>{t`Create a VM`}</h1>
        {task === undefined && (
          <div className="nk-screen__actions">
            <ToggleGroup aria-label={t`Way of asking`}>
              {(['wizard', 'express'] as const).map((one) => (
                <ToggleGroupItem
                  key={one}
                  text={one === 'wizard' ? t`Wizard` : t`Express`}
                  isSelected={(mode === 'express' ? 'express' : 'wizard') === one}
                  onChange={() =>
                    void navigate({ search: (before) => ({ ...before, mode: one === 'wizard' ? undefined : one }), replace: true })
                  }
                />
              ))}
            </ToggleGroup>
            <Button variant="link" onClick={throwAway}>{t`Throw the draft away`}</Button>
          </div>
        )}
      </div>
      {dropped !== null && task === undefined && (
        <Alert
          variant="info"
          isInline
          component="p"
          title={t`The draft is thrown away.`}
          actionLinks={
            <AlertActionLink
              onClick={() => {
                form.reset(dropped);
                keepDraft(dropped);
                setDropped(null);
              }}
            >
              {t`Take it back`}
            </AlertActionLink>
          }
        />
      )}
      {failure !== null && task === undefined && <Failure thrown={failure} />}
      {task !== undefined ? (
        <Making
          taskId={task}
          onMade={(vmid) => {
            dropDraft();
            void navigate({ to: '/vms/$vmid', params: { vmid }, search: {}, replace: true });
          }}
          onBack={() => void navigate({ search: (before) => ({ ...before, task: undefined }), replace: true })}
        />
      ) : (
        <FormProvider {...form}>
          {mode === 'express' ? (
            <ExpressForm busy={busy} onCreate={() => void create()} />
          ) : (
            <CreateWizard
              key={jump.count}
              step={jump.to ?? step}
              busy={busy}
              onStep={(to) => void navigate({ search: (before) => ({ ...before, step: to }), replace: true })}
              onCreate={() => void create()}
            />
          )}
        </FormProvider>
      )}
    </div>
  );
}

/** A draft that names no hypervisor gets the one that is advised here, once that is known. */
function useChosenByAdvice(get: (name: 'hypervisor') => string, set: (name: 'hypervisor', value: string) => void): void {
  const advised = adviseHypervisor(useHypervisors())?.id;
  const given = useRef(false);
  useEffect(() => {
    if (given.current || advised === undefined) return;
    given.current = true;
    if (get('hypervisor') === '') set('hypervisor', advised);
  }, [advised, get, set]);
}
