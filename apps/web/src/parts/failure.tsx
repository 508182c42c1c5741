import { useLingui } from '@lingui/react/macro';
import { toNakhodaError } from '@nakhoda/schema/errors';
import { Alert, AlertActionLink } from '@patternfly/react-core';

/** What could not be read or done, where it would have been: what happened, what to do, its code, and another try where one makes sense. */
export function Failure({ thrown, onRetry }: { thrown: unknown; onRetry?: () => void }) {
  const { t } = useLingui();
  const { message, hint, code } = toNakhodaError(thrown);
  return (
    <Alert
      variant="danger"
      isInline
      title={<span className="nk-isolate">{message}</span>}
      {...(onRetry === undefined ? {} : { actionLinks: <AlertActionLink onClick={onRetry}>{t`Try again`}</AlertActionLink> })}
    >
      <p className="nk-isolate">{hint}</p>
      <code>{code}</code>
    </Alert>
  );
}
