import { Alert, AlertActionCloseButton, AlertGroup } from '@patternfly/react-core';

import { dismissNotice, notices } from '../data/actions.ts';
import { useObservable } from '../data/observable.ts';

/** Refusals and failures: what happened, what to do, and the code to look it up by. They stay until they are put away. */
export function NoticeList() {
  const shown = useObservable(notices);
  return (
    <AlertGroup isToast isLiveRegion>
      {shown.map(({ id, title, message, hint, code }) => (
        <Alert
          key={id}
          variant="danger"
          title={title}
          actionClose={<AlertActionCloseButton title={title} onClose={() => dismissNotice(id)} />}
        >
          <p className="nk-isolate">{message}</p>
          <p className="nk-isolate">{hint}</p>
          <code>{code}</code>
        </Alert>
      ))}
    </AlertGroup>
  );
}
