import { useLingui } from '@lingui/react/macro';
import { Checkbox, FormGroup, FormSelect, FormSelectOption, TextArea, TextInput } from '@patternfly/react-core';
import type { ReactNode } from 'react';

import { FieldHelp } from '../../parts/field-help.tsx';
import { BootOrderField } from './boot-order-field.tsx';
import type { EditField } from './edit-fields.ts';
import { useFieldWords } from './use-field-words.ts';

interface EditFieldInputProps {
  readonly field: EditField;
  readonly value: unknown;
  readonly error: string | undefined;
  onChange(value: unknown): void;
  onBlur(): void;
}

/** One field of a dialog. What cannot be other than it is stays in sight, off, with the reason. */
export function EditFieldInput({ field, value, error, onChange, onBlur }: EditFieldInputProps) {
  const { t } = useLingui();
  const words = useFieldWords();
  const { name, kind, off, limits } = field;
  const id = `edit-${name}`;
  const help = off ?? limits ?? words.hint(name);
  const shown = off === '' ? t`The hypervisor does not offer another choice here.` : help;
  const common = { id, onBlur, 'isDisabled': off !== undefined, 'aria-describedby': `${id}-help` };
  const label = words.name(name);
  if (kind === 'yes-no') {
    return (
      <div>
        <Checkbox {...common} label={label} isChecked={value === true} onChange={(_event, checked) => onChange(checked)} />
        <FieldHelp id={`${id}-help`} error={error}>
          {shown}
        </FieldHelp>
      </div>
    );
  }
  return (
    <FormGroup label={label} fieldId={id} {...(kind === 'order' ? { role: 'group' } : {})}>
      {inputOf()}
      <FieldHelp id={`${id}-help`} error={error}>
        {shown}
      </FieldHelp>
    </FormGroup>
  );

  function inputOf(): ReactNode {
    const validated = error === undefined ? 'default' : 'error';
    const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
    switch (kind) {
      case 'integer':
      case 'number':
        return (
          <TextInput
            {...common}
            type="number"
            inputMode={kind === 'integer' ? 'numeric' : 'decimal'}
            step={kind === 'integer' ? 1 : 'any'}
            min={field.min}
            max={field.max}
            value={text}
            validated={validated}
            onChange={(_event, typed) => onChange(typed === '' ? '' : Number(typed))}
          />
        );
      case 'choice':
        return (
          <FormSelect {...common} value={text} validated={validated} onChange={(_event, chosen) => onChange(chosen)}>
            {[...(field.choices ?? []), ...(field.choices?.some((one) => one.value === text) ? [] : [{ value: text, off: false }])].map(
              (choice) => (
                <FormSelectOption
                  key={choice.value}
                  value={choice.value}
                  isDisabled={choice.off && choice.value !== text}
                  label={choice.off ? t`${words.value(name, choice.value)} (not offered here)` : words.value(name, choice.value)}
                />
              ),
            )}
          </FormSelect>
        );
      case 'lines':
      case 'long-text':
        return (
          <TextArea
            {...common}
            value={Array.isArray(value) ? value.join('\n') : text}
            validated={validated}
            rows={kind === 'lines' ? 3 : 6}
            resizeOrientation="vertical"
            spellCheck={false}
            onChange={(_event, typed) => onChange(kind === 'lines' ? typed.split('\n') : typed)}
          />
        );
      case 'order':
        return (
          <BootOrderField
            id={id}
            label={label}
            off={off !== undefined}
            order={Array.isArray(value) ? value.map(String) : []}
            devices={(field.choices ?? []).map((choice) => choice.value)}
            onChange={onChange}
          />
        );
      case 'yes-no':
        return null;
      case 'text':
      case 'password':
        return (
          <>
            <TextInput
              {...common}
              type={kind}
              autoComplete={kind === 'password' ? 'new-password' : 'off'}
              value={text}
              validated={validated}
              {...(field.suggestions === undefined ? {} : { list: `${id}-list` })}
              onChange={(_event, typed) => onChange(typed)}
            />
            {field.suggestions !== undefined && (
              <datalist id={`${id}-list`}>
                {field.suggestions.map((one) => (
                  <option key={one} value={one} />
                ))}
              </datalist>
            )}
          </>
        );
    }
  }
}
