import { useLingui } from '@lingui/react/macro';
import { toNakhodaError, type ErrorCode } from '@nakhoda/schema/errors';
import { Button, Checkbox, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Controller, useForm } from 'react-hook-form';

import { useNetworks } from '../data/resources.ts';
import { schemaResolver } from '../data/schema-resolver.ts';
import { api } from '../data/session.ts';
import { waitForTask } from '../data/wait-for-task.ts';
import { Failure } from '../parts/failure.tsx';
import { FieldHelp } from '../parts/field-help.tsx';
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
    <Modal isOpen onClose={onClose} variant="small" aria-labelledby="network-title">
      <ModalHeader title={t`Create a network`} labelId="network-title" />
      <ModalBody>
        <Form id="create-network" noValidate onSubmit={(event) => void submit(event)}>
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
        </Form>
        {failure !== null && <Failure thrown={failure} />}
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="create-network" isDisabled={formState.isSubmitting} isLoading={formState.isSubmitting}>
          {t`Create it`}
        </Button>
        <Button variant="link" onClick={onClose}>{t`Leave it`}</Button>
      </ModalFooter>
    </Modal>
  );
}
