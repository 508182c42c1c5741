import { useLingui } from '@lingui/react/macro';
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import type { ReactNode } from 'react';

import { Failure } from './failure.tsx';

export interface FormDialogProps {
  /** Of the form; unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What the order is called on its button. */
  readonly action: string;
  /** The order is on its way. */
  readonly busy: boolean;
  /** Why the order was refused, where that belongs to no field; null for no refusal. */
  readonly failure: unknown;
  readonly children: ReactNode;
  onSubmit(): void;
  onClose(): void;
}

/** A dialog that asks for a few fields and gives one order with them. A refusal is shown, and what was typed stays. */
export function FormDialog({ id, title, action, busy, failure, children, onSubmit, onClose }: FormDialogProps) {
  const { t } = useLingui();
  return (
    <Modal isOpen onClose={onClose} variant="small" aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} labelId={`${id}-title`} />
      <ModalBody>
        <Form
          id={id}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {children}
        </Form>
        {failure !== null && <Failure thrown={failure} />}
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={id} isDisabled={busy} isLoading={busy}>
          {action}
        </Button>
        <Button variant="link" onClick={onClose}>{t`Leave it`}</Button>
      </ModalFooter>
    </Modal>
  );
}
