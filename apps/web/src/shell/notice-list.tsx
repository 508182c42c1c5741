import { useLingui } from '@lingui/react/macro';
import { Alert, AlertActionCloseButton, AlertActionLink, AlertGroup } from '@patternfly/react-core';

import { dismissNotice, notices } from '../data/actions.ts';
import { useObservable } from '../data/observable.ts';

/** So long a way back is offered; it waits while the pointer or the focus is on it. */
const undoMs = 20_000;

/** Refusals and failures stay until they are put away: what happened, what to do, and the code to look it up by. Ways back go by themselves. */
export function NoticeList() {
  const { t } = useLingui();
  const shown = useObservable(notices);
  return (
    <AlertGroup isToast isLiveRegion>
      {shown.map((notice) => {
        const dismiss = () => dismissNotice(notice.id);
        const close = <AlertActionCloseButton title={notice.title} onClose={dismiss} />;
        if (notice.kind === 'undo') {
          const undo = () => {
            dismiss();
            void notice.undo();
          };
          return (
            <Alert
              key={notice.id}
              variant="success"
              title={notice.title}
              timeout={undoMs}
              onTimeout={dismiss}
              actionClose={close}
              actionLinks={<AlertActionLink onClick={undo}>{t`Undo`}</AlertActionLink>}
            />
          );
        }
        return (
          <Alert key={notice.id} variant="danger" title={notice.title} actionClose={close}>
            <p className="nk-isolate">{notice.message}</p>
            <p className="nk-isolate">{notice.hint}</p>
            <code>{notice.code}</code>
          </Alert>
        );
      })}
    </AlertGroup>
  );
}
