import { Button } from '@patternfly/react-core';

interface RowButtonProps {
  readonly label: string;
  /** What it is about, for those who do not see the line. */
  readonly of: string;
  /** Why it cannot be used; undefined when it can. */
  readonly off?: string | undefined;
  readonly danger?: boolean;
  onClick(): void;
}

/** An order at the end of a line. */
export function RowButton({ label, of, off, danger = false, onClick }: RowButtonProps) {
  return (
    <Button
      variant="link"
      size="sm"
      isInline
      isDanger={danger}
      isAriaDisabled={off !== undefined}
      aria-label={`${label}: ${of}`}
      {...(off === undefined ? {} : { title: off })}
      onClick={() => off === undefined && onClick()}
    >
      {label}
    </Button>
  );
}
