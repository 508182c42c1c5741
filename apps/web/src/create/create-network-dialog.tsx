import { useLingui } from '@lingui/react/macro';
import { toNakhodaError, type ErrorCode } from '@nakhoda/schema/errors';
import { Checkbox, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Controller, useForm } from 'react-hook-form';

import { useNetworks } from '../data/resources.ts';
import { schemaResolver } from '../data/schema-resolver.ts';
import { api } from '../data/session.ts';
import { waitForTask } from '../data/wait-for-task.ts';
import { FieldHelp } from '../parts/field-help.tsx';
import { FormDialog } from '../parts/form-dialog.tsx';
import { freeCidr } from './free-cidr.ts';

interface Fields {
  name: string;
  cidr: string;
  dhcp: boolean;
}

const fieldOf: Partial<Record<ErrorCode, 'name' | 'cidr'>> = {
  'network.name-taken': 'name',
  'network.bridge-exists': 'name',
  'network.cidr-invalid': 'cidr',
  'network.cidr-overlap': 'cidr',
};

export function CreateNetworkDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const networks = useNetworks();
  const [failure, setFailure] = useState<unknown>(null);
  const { control, handleSubmit, formState, setError } = useForm<Fields>({
    defaultValues: { name: networks.length === 0 ? 'lab' : '', cidr: freeCidr(networks), dhcp: true },
    resolver: schemaResolver('network.create'),
    mode: 'onTouched',
  });
  const submit = handleSubmit(async (body) => {
    setFailure(null);
    try {
      await waitForTask((await api.call('network.create', { body })).id);
      onClose();
    } catch (thrown) {
      const { code, message, hint } = toNakhodaError(thrown);
      const field = fieldOf[code];
      if (field === undefined) setFailure(thrown);
      else setError(field, { type: 'daemon', message: `${message} ${hint}` }, { shouldFocus: true });
    }
  });
  const texts = [
    ['name', t`Name`, t`Up to 12 lower-case letters, digits and hyphens. The bridge is called nk- and the name.`],
    ['cidr', t`Range`, t`A private range that nothing else on this host uses. The host gets its first address.`],
  ] as const;
  return (
    <FormDialog
      id="create-network"
      title={t`Create a network`}
      action={t`Create it`}
      busy={formState.isSubmitting}
      failure={failure}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {texts.map(([name, label, help]) => (
        <Controller
          key={name}
          name={name}
          control={control}
          render={({ field, fieldState: { error } }) => (
            <FormGroup label={label} fieldId={`network-${name}`} isRequired>
              <TextInput
                id={`network-${name}`}
                {...field}
                autoComplete="off"
                validated={error ? 'error' : 'default'}
                aria-describedby={`network-${name}-help`}
              />
              <FieldHelp id={`network-${name}-help`} error={error?.message}>
                {help}
              </FieldHelp>
            </FormGroup>
          )}
        />
      ))}
      <Controller
        name="dhcp"
        control={control}
        render={({ field }) => (
          <Checkbox
            id="network-dhcp"
            label={t`Give addresses to guests (DHCP)`}
            isChecked={field.value}
            onChange={(_event, checked) => field.onChange(checked)}
          />
        )}
      />
    </FormDialog>
  );
}
