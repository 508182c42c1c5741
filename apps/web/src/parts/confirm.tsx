import { useLingui } from '@lingui/react/macro';
import { Button, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';

import { Failure } from './failure.tsx';

export interface ConfirmProps {
  readonly title: string;
  /** What the order is called on its button. */
  readonly action: string;
  /** What will happen, and what will be lost. */
  readonly children: ReactNode;
  /** Where something is lost for good: the name that has to be typed first. */
  readonly typeName?: string;
  readonly danger?: boolean;
  /** Gives the order. When it is refused the reason is shown, and the question stays. */
  onConfirm(): Promise<unknown>;
  onClose(): void;
}

/** The second and third tier of danger: consequences named, and where something is lost, the name typed. */
export function Confirm({ title, action, children, typeName, danger = false, onConfirm, onClose }: ConfirmProps) {
  const { t } = useLingui();
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const run = () => {
    setBusy(true);
    setFailure(null);
    onConfirm().then(onClose, (thrown: unknown) => {
      setFailure(thrown);
      setBusy(false);
    });
  };
  return (
    <Modal isOpen onClose={onClose} variant="small" aria-labelledby="confirm-title" aria-describedby="confirm-body">
      <ModalHeader title={title} labelId="confirm-title" {...(danger ? { titleIconVariant: 'warning' as const } : {})} />
      <ModalBody id="confirm-body">
        {children}
        {typeName !== undefined && (
          <FormGroup label={t`Type ${typeName} to go on`} fieldId="confirm-name">
            <TextInput id="confirm-name" value={typed} autoComplete="off" onChange={(_event, value) => setTyped(value)} />
          </FormGroup>
        )}
        {failure !== null && <Failure thrown={failure} />}
      </ModalBody>
      <ModalFooter>
        <Button
          variant={danger ? 'danger' : 'primary'}
          isDisabled={busy || (typeName !== undefined && typed !== typeName)}
          isLoading={busy}
          onClick={run}
        >
          {action}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t`Leave it`}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
