import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useEffect, useRef, useState } from 'react';
import { Controller, useForm, useWatch } from 'react-hook-form';

import { tellError } from '../../data/actions.ts';
import { readVm } from '../../data/change-vm.ts';
import { keepDraft, keptDraft } from '../../data/drafts.ts';
import { Failure } from '../../parts/failure.tsx';
import { ConflictQuestion } from './conflict-question.tsx';
import { changedValues, rebase, type Values } from './edit-conflict.ts';
import { EditFieldInput } from './edit-field-input.tsx';
import { editResolver } from './edit-resolver.ts';
import { cleanValues, type Edit } from './edit.ts';
import { EffectNote } from './effect-note.tsx';
import { sameValue } from './same-value.ts';
import { useFieldWords } from './use-field-words.ts';

interface Draft {
  readonly base: Values;
  readonly values: Values;
}

/**
 * The dialog of every change. It sends what was changed here and no more, waits until that is done, and goes along with what
 * others change under it; where both changed the same, it asks. What is typed is kept until it is saved or given up.
 */
export function EditDialog({ vm, edit, onClose }: { vm: Vm; edit: Edit; onClose: () => void }) {
  const { t } = useLingui();
  const words = useFieldWords();
  const place = `${vm.vmid}/${edit.place}`;
  const present = edit.values(vm);
  const [draft] = useState(() => (keptDraft(place) as Draft | undefined) ?? { base: present, values: present });
  const [base, setBase] = useState(draft.base);
  const [followed, setFollowed] = useState<readonly string[]>([]);
  const [failure, setFailure] = useState<unknown>(null);
  const { control, handleSubmit, setValue, formState } = useForm({
    defaultValues: draft.values,
    resolver: editResolver(edit),
    mode: 'onTouched',
  });
  const typed = cleanValues(useWatch({ control }));
  const { taken, base: rebased, conflicts } = rebase({ base, present, typed });
  const changed = Object.keys(changedValues(base, typed));

  useEffect(() => {
    if (sameValue(base, rebased)) return;
    for (const [name, value] of Object.entries(taken)) setValue(name, value);
    if (Object.keys(taken).length > 0) setFollowed(Object.keys(taken));
    setBase(rebased);
  });
  useEffect(() => {
    keepDraft(place, changed.length > 0 ? ({ base, values: typed } satisfies Draft) : undefined);
  });

  const open = useRef(true);
  const close = () => {
    // An order that is under way may still fail: then what was typed is here again.
    if (!formState.isSubmitting) keepDraft(place, undefined);
    open.current = false;
    onClose();
  };
  const blocked = conflicts.length > 0 || (edit.makes === undefined && changed.length === 0);
  const submit = handleSubmit(async (values) => {
    if (blocked) return;
    setFailure(null);
    try {
      // The stream may be behind, or away; what is about to be written over is looked at once more.
      const now = rebase({ base, present: edit.values(await readVm(vm)), typed: values });
      if (now.conflicts.length > 0) return;
      const all = { ...values, ...now.taken };
      const change = changedValues(now.base, all);
      if (edit.makes !== undefined || Object.keys(change).length > 0) await edit.send(change, all);
      keepDraft(place, undefined);
      if (open.current) onClose();
    } catch (thrown) {
      if (open.current) setFailure(thrown);
      else tellError(thrown, edit.title);
      if (toNakhodaError(thrown).code === 'store.conflict') await readVm(vm).catch(() => undefined);
    }
  });
  const settle = (name: string, theirs: unknown, take: boolean) => {
    if (take) setValue(name, theirs, { shouldValidate: true });
    setBase((before) => ({ ...before, [name]: theirs }));
  };
  const first = edit.fields.find(({ off }) => off === undefined)?.name;

  return (
    <Modal
      isOpen
      onClose={close}
      variant="small"
      aria-labelledby="edit-title"
      {...(first === undefined ? {} : { elementToFocus: `#edit-${first}` })}
    >
      <ModalHeader title={edit.title} labelId="edit-title" />
      <ModalBody tabIndex={0} aria-label={edit.title}>
        <Form id="edit" onSubmit={(event) => void submit(event)} noValidate>
          {followed.length > 0 && (
            <p role="status" className="nk-subtle">
              {t`Changed by somebody meanwhile, and shown as it is now: ${followed.map(words.name).join(', ')}`}
            </p>
          )}
          {edit.fields.map((field) => (
            <Controller
              key={field.name}
              name={field.name}
              control={control}
              render={({ field: input, fieldState }) => (
                <EditFieldInput
                  field={field}
                  value={input.value}
                  error={fieldState.error?.message}
                  onChange={input.onChange}
                  onBlur={input.onBlur}
                />
              )}
            />
          ))}
          {conflicts.map((conflict) => (
            <ConflictQuestion
              key={conflict.name}
              conflict={conflict}
              onTake={() => settle(conflict.name, conflict.theirs, true)}
              onKeep={() => settle(conflict.name, conflict.theirs, false)}
            />
          ))}
        </Form>
        {failure !== null && <Failure thrown={failure} />}
        <EffectNote edit={edit} fields={edit.makes === undefined ? changed : [edit.makes]} />
        {edit.hint !== undefined && <p className="nk-subtle">{edit.hint}</p>}
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form="edit"
          isAriaDisabled={blocked || formState.isSubmitting}
          isLoading={formState.isSubmitting}
          {...(conflicts.length > 0 ? { title: t`First decide whose change is to stay.` } : {})}
        >
          {edit.action}
        </Button>
        <Button variant="link" onClick={close}>
          {formState.isSubmitting ? t`Close; it goes on` : t`Leave it`}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
