import { useLingui } from '@lingui/react/macro';
import type { Snapshot, Vm } from '@nakhoda/schema';
import { Checkbox, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Controller, useForm } from 'react-hook-form';

import { schemaResolver } from '../data/schema-resolver.ts';
import { api } from '../data/session.ts';
import { FieldHelp } from '../parts/field-help.tsx';
import { FormDialog } from '../parts/form-dialog.tsx';

interface Fields {
  name: string;
  memory: boolean;
  description: string;
}

export function TakeSnapshotDialog({ vm, taken, onClose }: { vm: Vm; taken: readonly Snapshot[]; onClose: () => void }) {
  const { t } = useLingui();
  const runs = vm.state === 'running' || vm.state === 'paused';
  const [failure, setFailure] = useState<unknown>(null);
  const { control, handleSubmit, formState } = useForm<Fields>({
    defaultValues: { name: freeName(taken), memory: runs, description: '' },
    resolver: schemaResolver('snapshot.take'),
    mode: 'onTouched',
  });
  const submit = handleSubmit(async (fields) => {
    setFailure(null);
    try {
      await api.call('snapshot.take', { params: { vm: String(vm.vmid) }, body: { ...fields, memory: fields.memory && runs } });
      onClose();
    } catch (thrown) {
      setFailure(thrown);
    }
  });
  return (
    <FormDialog
      id="take"
      title={t`Take a snapshot of ${vm.name}`}
      action={t`Take it`}
      busy={formState.isSubmitting}
      failure={failure}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <Controller
        name="name"
        control={control}
        render={({ field, fieldState }) => (
          <FormGroup label={t`Name`} fieldId="take-name" isRequired>
            <TextInput id="take-name" {...field} validated={fieldState.error ? 'error' : 'default'} aria-describedby="take-name-help" />
            <FieldHelp id="take-name-help" error={fieldState.error?.message} />
          </FormGroup>
        )}
      />
      <Controller
        name="description"
        control={control}
        render={({ field }) => (
          <FormGroup label={t`Description`} fieldId="take-description">
            <TextArea id="take-description" {...field} resizeOrientation="vertical" />
          </FormGroup>
        )}
      />
      <Controller
        name="memory"
        control={control}
        render={({ field }) => (
          <Checkbox
            id="take-memory"
            label={t`With memory`}
            description={
              runs ? t`Rolling back goes on in the middle of the work, without booting.` : t`A stopped VM has no memory to keep.`
            }
            isDisabled={!runs}
            isChecked={field.value && runs}
            onChange={(_event, checked) => field.onChange(checked)}
          />
        )}
      />
    </FormDialog>
  );
}

/** A name that no snapshot has: `snap1`, `snap2` and so on. */
function freeName(taken: readonly Snapshot[]): string {
  const names = new Set(taken.map(({ name }) => name));
  for (let count = taken.length + 1; ; count += 1) {
    if (!names.has(`snap${count}`)) return `snap${count}`;
  }
}
