import { FormHelperText, HelperText, HelperTextItem } from '@patternfly/react-core';

/** What is wrong with a field, or else what it is for. */
export function FieldHelp({ id, error, children }: { id: string; error?: string | undefined; children?: string | undefined }) {
  if (error === undefined && children === undefined) return null;
  return (
    <FormHelperText>
      <HelperText id={id}>
        <HelperTextItem variant={error === undefined ? 'default' : 'error'}>{error ?? children}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}
