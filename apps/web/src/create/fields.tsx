import { useLingui } from '@lingui/react/macro';
import { Checkbox, FormGroup, FormSelect, FormSelectOption, TextArea, TextInput } from '@patternfly/react-core';
import { Controller, useFormContext, useWatch, type ControllerFieldState, type ControllerRenderProps } from 'react-hook-form';

import { useHypervisors } from '../data/resources.ts';
import { FieldHelp } from '../parts/field-help.tsx';
import type { Draft } from './draft.ts';
import { useFieldNames } from './field-names.ts';
import { choicesOf, offerOf, type ListField } from './offers.ts';

type NamesOf<Value> = { [Name in keyof Draft]: Draft[Name] extends Value ? Name : never }[keyof Draft];

/** The id of a field's control, by which a refusal finds it. */
export const fieldId = (name: string): string => `new-${name}`;

/** The hypervisor that the draft is for, as it is now. */
export function useChosenHypervisor() {
  const chosen = useWatch<Draft, 'hypervisor'>({ name: 'hypervisor' });
  return useHypervisors().find(({ id }) => id === chosen);
}

interface Common {
  readonly help?: string | undefined;
  readonly required?: boolean;
}

/** Whether a field can be chosen with this hypervisor, and the words for why not. */
function useOffer(name: string): { off: boolean; reason: string | undefined } {
  const { t } = useLingui();
  const offer = offerOf(useChosenHypervisor(), name);
  if (offer.offered) return { off: false, reason: undefined };
  return { off: true, reason: offer.reason || t`This hypervisor has no choice of it here.` };
}

function described(name: string, error: string | undefined, help: string | undefined): { 'aria-describedby'?: string } {
  return error === undefined && help === undefined ? {} : { 'aria-describedby': `${fieldId(name)}-help` };
}

interface Shown<Name extends keyof Draft> {
  readonly field: ControllerRenderProps<Draft, Name>;
  readonly fieldState: ControllerFieldState;
}

export function TextField({
  name,
  help,
  required = false,
  rows,
  ...input
}: Common & {
  readonly name: NamesOf<string>;
  readonly rows?: number;
  readonly type?: 'text' | 'password';
  readonly placeholder?: string;
  readonly autoComplete?: string;
  readonly isDisabled?: boolean;
}) {
  const { control } = useFormContext<Draft>();
  const label = useFieldNames()[name];
  const { isDisabled, ...more } = input;
  const show = ({ field, fieldState: { error } }: Shown<NamesOf<string>>) => {
    const common = {
      id: fieldId(name),
      ...field,
      validated: error ? ('error' as const) : ('default' as const),
      ...described(name, error?.message, help),
    };
    return (
      <FormGroup label={label} fieldId={fieldId(name)} isRequired={required}>
        {rows === undefined ? (
          <TextInput {...common} {...more} isDisabled={isDisabled ?? false} autoComplete={more.autoComplete ?? 'off'} />
        ) : (
          <TextArea {...common} rows={rows} resizeOrientation="vertical" spellCheck={false} disabled={isDisabled ?? false} />
        )}
        <FieldHelp id={`${fieldId(name)}-help`} error={error?.message}>
          {help}
        </FieldHelp>
      </FormGroup>
    );
  };
  return <Controller name={name} control={control} render={show} />;
}

/** A whole number, or nothing. Off with the hypervisor's own reason where it has no choice of it. */
export function NumberField({ name, help, required = false }: Common & { readonly name: NamesOf<number | null> }) {
  const { control } = useFormContext<Draft>();
  const label = useFieldNames()[name];
  const { off, reason } = useOffer(name);
  const shownHelp = reason ?? help;
  const show = ({ field, fieldState: { error } }: Shown<NamesOf<number | null>>) => (
    <FormGroup label={label} fieldId={fieldId(name)} isRequired={required}>
      <TextInput
        id={fieldId(name)}
        ref={field.ref}
        name={name}
        type="number"
        inputMode="numeric"
        value={field.value ?? ''}
        isDisabled={off}
        validated={error && !off ? 'error' : 'default'}
        onBlur={field.onBlur}
        onChange={(_event, value) => field.onChange(value === '' ? null : Number(value))}
        {...described(name, error?.message, shownHelp)}
      />
      <FieldHelp id={`${fieldId(name)}-help`} error={off ? undefined : error?.message}>
        {shownHelp}
      </FieldHelp>
    </FormGroup>
  );
  return <Controller name={name} control={control} render={show} />;
}

/** A choice of what the hypervisor has; what else the API knows is in the list, off. */
export function ChoiceField({ name, help }: Common & { readonly name: ListField }) {
  const { t } = useLingui();
  const { control } = useFormContext<Draft>();
  const label = useFieldNames()[name];
  const hypervisor = useChosenHypervisor();
  const { off, reason } = useOffer(name);
  const choices = choicesOf(hypervisor, name);
  const usual = choices.find(({ offered }) => offered)?.value ?? '';
  // Why some are missing is worth a line even where others can be chosen.
  const missing = choices.some(({ offered }) => !offered) ? hypervisor?.capabilities.hardware.reasons[name] : undefined;
  const shownHelp = reason ?? missing ?? help;
  const show = ({ field, fieldState: { error } }: Shown<ListField>) => (
    <FormGroup label={label} fieldId={fieldId(name)}>
      <FormSelect
        id={fieldId(name)}
        ref={field.ref}
        name={name}
        value={choices.some(({ value, offered }) => offered && value === field.value) ? field.value : ''}
        isDisabled={off}
        onBlur={field.onBlur}
        onChange={(_event, value) => field.onChange(value)}
        {...described(name, error?.message, shownHelp)}
      >
        <FormSelectOption value="" label={t`${usual} (usual)`} />
        {choices
          .filter(({ value }) => value !== usual)
          .map(({ value, offered }) => (
            <FormSelectOption key={value} value={value} label={offered ? value : t`${value} (not here)`} isDisabled={!offered} />
          ))}
      </FormSelect>
      <FieldHelp id={`${fieldId(name)}-help`} error={error?.message}>
        {shownHelp}
      </FieldHelp>
    </FormGroup>
  );
  return <Controller name={name} control={control} render={show} />;
}

/** Yes or no. `reasonOff` is one of the form's own, beside the hypervisor's. */
export function SwitchField({
  name,
  help,
  reasonOff,
}: Common & { readonly name: NamesOf<boolean>; readonly reasonOff?: string | undefined }) {
  const { control } = useFormContext<Draft>();
  const label = useFieldNames()[name];
  const { off, reason } = useOffer(name);
  const why = reason ?? reasonOff;
  const show = ({ field, fieldState: { error } }: Shown<NamesOf<boolean>>) => (
    <div>
      <Checkbox
        id={fieldId(name)}
        ref={field.ref}
        label={label}
        description={why ?? help}
        isChecked={field.value && !off}
        isDisabled={why !== undefined && (off || !field.value)}
        onBlur={field.onBlur}
        onChange={(_event, checked) => field.onChange(checked)}
      />
      <FieldHelp id={`${fieldId(name)}-help`} error={off ? undefined : error?.message} />
    </div>
  );
  return <Controller name={name} control={control} render={show} />;
}
