import { useLingui } from '@lingui/react/macro';
import { Alert, AlertActionCloseButton } from '@patternfly/react-core';
import { toNakhodaError } from '@nakhoda/schema/errors';

interface ConsoleNoticeProps {
  /** What was refused last. */
  readonly trouble: unknown;
  /** Why there are pictures instead of the screen itself; null when there are not. */
  readonly pictures: string | null;
  readonly blank: boolean;
  onClose(): void;
}

/** What stands between bar and screen: a refusal, or what has to be known of what is shown. Within the console, as full screen shows nothing else. */
export function ConsoleNotice({ trouble, pictures, blank, onClose }: ConsoleNoticeProps) {
  const { t } = useLingui();
  return (
    <div className="nk-console__notice">
      {trouble !== null && <Refusal thrown={trouble} onClose={onClose} />}
      {pictures !== null && (
        <Alert variant="info" isInline isPlain title={t`Pictures of the screen every 2 s, with whole keys; no mouse.`}>
          <span className="nk-isolate">{pictures}</span>
        </Alert>
      )}
      {blank && (
        <Alert
          variant="info"
          isInline
          isPlain
          title={t`The screen is one colour all over: the guest may have switched it off, or shows nothing yet. Press a key, or look at Serial.`}
        />
      )}
    </div>
  );
}

function Refusal({ thrown, onClose }: { thrown: unknown; onClose: () => void }) {
  const { t } = useLingui();
  const close = <AlertActionCloseButton title={t`Close`} onClose={onClose} />;
  if (thrown instanceof Error && !('code' in thrown))
    return <Alert variant="warning" isInline title={thrown.message} actionClose={close} />;
  const { message, hint, code } = toNakhodaError(thrown);
  return (
    <Alert variant="danger" isInline title={<span className="nk-isolate">{message}</span>} actionClose={close}>
      <span className="nk-isolate">{hint}</span> <code>{code}</code>
    </Alert>
  );
}
