import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { describeCharacter, longestText, untypableCharacters } from '@nakhoda/schema/us-keyboard';
import { Alert, Button, Checkbox, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextArea } from '@patternfly/react-core';
import { useState } from 'react';

import { api } from '../data/session.ts';
import { Failure } from '../parts/failure.tsx';
import { FieldHelp } from '../parts/field-help.tsx';

interface TypeTextDialogProps {
  readonly vm: Vm;
  readonly place: () => HTMLElement;
  onClose(): void;
}

/** Types a text on the VM's keyboard. What is not on that keyboard is named before anything is typed. */
export function TypeTextDialog({ vm, place, onClose }: TypeTextDialogProps) {
  const { t } = useLingui();
  const [text, setText] = useState('');
  const [enter, setEnter] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const missing = untypableCharacters(text).map(describeCharacter).join(', ');
  const problem =
    missing !== ''
      ? t`These are not on the US keyboard that the VM has: ${missing}. Nothing has been typed.`
      : text.length > longestText
        ? t`The text has ${text.length} characters; at most ${longestText} are typed at once.`
        : undefined;

  const type = () => {
    setBusy(true);
    setFailure(null);
    api.call('vm.type', { params: { vm: String(vm.vmid) }, body: { text, enter } }).then(onClose, (thrown: unknown) => {
      setFailure(thrown);
      setBusy(false);
    });
  };
  const paste = () =>
    navigator.clipboard.readText().then(
      (pasted) => setText(text + pasted),
      () => setFailure(new Error(t`The browser does not let the page read the clipboard. Paste into the field with the keyboard.`)),
    );
  return (
    <Modal isOpen onClose={onClose} variant="medium" aria-labelledby="type-title" appendTo={place}>
      <ModalHeader title={t`Type text into ${vm.name}`} labelId="type-title" />
      <ModalBody>
        <FormGroup label={t`Text`} fieldId="type-text">
          <TextArea
            id="type-text"
            value={text}
            rows={6}
            autoFocus
            spellCheck={false}
            validated={problem === undefined ? 'default' : 'error'}
            aria-invalid={problem !== undefined}
            aria-describedby="type-help"
            onChange={(_event, value) => setText(value)}
          />
          <FieldHelp id="type-help" error={problem}>
            {t`It is typed as on a US keyboard, so the guest must use that layout.`}
          </FieldHelp>
        </FormGroup>
        <Checkbox id="type-enter" label={t`Press Enter after it`} isChecked={enter} onChange={(_event, checked) => setEnter(checked)} />
        {failure !== null &&
          (failure instanceof Error && !('code' in failure) ? (
            <Alert variant="warning" isInline title={failure.message} />
          ) : (
            <Failure thrown={failure} />
          ))}
      </ModalBody>
      <ModalFooter>
        <Button isDisabled={busy || problem !== undefined || (text === '' && !enter)} isLoading={busy} onClick={type}>
          {t`Type it`}
        </Button>
        <Button variant="secondary" onClick={() => void paste()}>
          {t`Paste from the clipboard`}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t`Leave it`}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
