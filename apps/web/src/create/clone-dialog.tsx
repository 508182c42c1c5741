import { useLingui } from '@lingui/react/macro';
import { toNakhodaError } from '@nakhoda/schema/errors';
import type { Vm } from '@nakhoda/schema';
import { Checkbox, FormGroup, FormSelect, FormSelectOption, Radio, TextInput } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { Controller, useForm, useWatch } from 'react-hook-form';

import { snapshotsQuery, useVms } from '../data/resources.ts';
import { schemaResolver } from '../data/schema-resolver.ts';
import { api } from '../data/session.ts';
import { FieldHelp } from '../parts/field-help.tsx';
import { FormDialog } from '../parts/form-dialog.tsx';
import { cloneName, linkedOffer } from './clone-choices.ts';

interface Fields {
  name: string;
  snapshot: string;
  linked: boolean;
  start: boolean;
}

/** Makes a VM of the disks of another: of what they hold now, or held in a snapshot; whole, or only what will differ. */
export function CloneDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const taken = useVms().map(({ name }) => name);
  const snapshots = useQuery(snapshotsQuery(vm.vmid)).data ?? [];
  const [failure, setFailure] = useState<unknown>(null);
  const { control, handleSubmit, formState, setError } = useForm<Fields>({
    defaultValues: { name: cloneName(vm.name, taken), snapshot: '', linked: vm.template, start: false },
    resolver: schemaResolver('vm.clone'),
    mode: 'onTouched',
  });
  const snapshot = useWatch({ control, name: 'snapshot' });
  const offer = linkedOffer(vm, snapshot === '' ? null : snapshot);
  const reasons = {
    'changing-disks': t`Its disks change. A linked clone needs a snapshot, or a template, to lie on.`,
    'adopted': t`This VM is adopted: a linked clone would lie on the disks of its user.`,
  };
  const submit = handleSubmit(async ({ snapshot: from, linked, ...fields }) => {
    setFailure(null);
    try {
      const body = { ...fields, linked: linked && offer.offered, ...(from === '' ? {} : { snapshot: from }) };
      const task = await api.call('vm.clone', { params: { vm: String(vm.vmid) }, body });
      onClose();
      await navigate({ to: '/tasks', search: { task: task.id } });
    } catch (thrown) {
      const { code, message, hint } = toNakhodaError(thrown);
      if (code === 'vm.name-taken') setError('name', { type: 'daemon', message: `${message} ${hint}` }, { shouldFocus: true });
      else setFailure(thrown);
    }
  });
  return (
    <FormDialog
      id="clone"
      title={t`Clone ${vm.name}`}
      action={t`Clone it`}
      busy={formState.isSubmitting}
      failure={failure}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <Controller
        name="name"
        control={control}
        render={({ field, fieldState: { error } }) => (
          <FormGroup label={t`Name of the clone`} fieldId="clone-name" isRequired>
            <TextInput
              id="clone-name"
              {...field}
              autoComplete="off"
              validated={error ? 'error' : 'default'}
              aria-describedby="clone-name-help"
            />
            <FieldHelp id="clone-name-help" error={error?.message}>
              {t`It gets a vmid and MAC addresses of its own.`}
            </FieldHelp>
          </FormGroup>
        )}
      />
      <Controller
        name="snapshot"
        control={control}
        render={({ field }) => (
          <FormGroup label={t`Of what`} fieldId="clone-snapshot">
            <FormSelect id="clone-snapshot" {...field} onChange={(_event, value) => field.onChange(value)}>
              <FormSelectOption value="" label={vm.template ? t`The template` : t`The VM as it is now`} />
              {snapshots.map(({ name }) => (
                <FormSelectOption key={name} value={name} label={t`Snapshot ${name}`} />
              ))}
            </FormSelect>
          </FormGroup>
        )}
      />
      <Controller
        name="linked"
        control={control}
        render={({ field }) => (
          <FormGroup role="radiogroup" label={t`How`} fieldId="clone-whole">
            <Radio
              id="clone-whole"
              name="linked"
              label={t`Whole`}
              description={t`The disks are copied: it takes time and room, and the clone depends on nothing.`}
              isChecked={!(field.value && offer.offered)}
              onChange={() => field.onChange(false)}
            />
            <Radio
              id="clone-linked"
              name="linked"
              label={t`Linked`}
              description={
                offer.offered
                  ? t`Only what will differ is kept: made at once and small, but what it was made of has to stay.`
                  : reasons[offer.reason]
              }
              isChecked={field.value && offer.offered}
              isDisabled={!offer.offered}
              onChange={() => field.onChange(true)}
            />
          </FormGroup>
        )}
      />
      <Controller
        name="start"
        control={control}
        render={({ field }) => (
          <Checkbox
            id="clone-start"
            label={t`Start it when it is made`}
            isChecked={field.value}
            onChange={(_event, checked) => field.onChange(checked)}
          />
        )}
      />
    </FormDialog>
  );
}
