import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Button, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { useForm } from 'react-hook-form';

import { api } from '../data/session.ts';
import { schemaResolver } from '../data/schema-resolver.ts';
import { waitForTask } from '../data/wait-for-task.ts';
import { Failure } from '../parts/failure.tsx';
import { FieldHelp } from '../parts/field-help.tsx';

interface CdDriveDialogProps {
  readonly vm: Vm;
  /** Another CD is there at once, without a restart. */
  readonly atOnce: boolean;
  readonly place: () => HTMLElement;
  onClose(): void;
}

/** Puts another CD into a VM's drive, or takes it out. */
export function CdDriveDialog({ vm, atOnce, place, onClose }: CdDriveDialogProps) {
  const { t } = useLingui();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const { register, handleSubmit, formState } = useForm({
    defaultValues: { cdrom: '' },
    resolver: schemaResolver<{ cdrom: string }>('vm.set'),
  });
  const { ref, ...cdrom } = register('cdrom');
  const problem = formState.errors.cdrom?.message;
  const put = async (volume: string) => {
    setBusy(true);
    setFailure(null);
    try {
      const task = await api.call('vm.set', { params: { vm: String(vm.vmid) }, body: { cdrom: volume } });
      await waitForTask(task.id);
      onClose();
    } catch (thrown) {
      setFailure(thrown);
      setBusy(false);
    }
  };
  return (
    <Modal isOpen onClose={onClose} variant="small" aria-labelledby="cd-title" appendTo={place}>
      <ModalHeader title={t`CD drive of ${vm.name}`} labelId="cd-title" />
      <ModalBody>
        <p className="nk-isolate">{vm.cdrom === null ? t`The drive is empty.` : t`In the drive: ${vm.cdrom}`}</p>
        <form id="cd-form" onSubmit={(event) => void handleSubmit(({ cdrom }) => (cdrom === '' ? undefined : put(cdrom)))(event)}>
          <FormGroup label={t`Volume`} fieldId="cd-volume">
            <TextInput
              id="cd-volume"
              ref={ref}
              autoComplete="off"
              placeholder="local:iso/debian.iso"
              validated={problem === undefined ? 'default' : 'error'}
              aria-describedby="cd-help"
              {...cdrom}
            />
            <FieldHelp id="cd-help" error={problem}>
              {atOnce ? t`The guest sees the other CD at once.` : t`This hypervisor changes the CD at the next start.`}
            </FieldHelp>
          </FormGroup>
        </form>
        {failure !== null && <Failure thrown={failure} />}
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="cd-form" isDisabled={busy} isLoading={busy}>
          {t`Insert`}
        </Button>
        <Button variant="secondary" isDisabled={busy || vm.cdrom === null} onClick={() => void put('none')}>
          {t`Eject`}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t`Leave it`}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
