import { RouterProvider } from '@tanstack/react-router';
import { useEffect } from 'react';

import { startEventFeed } from './data/event-feed.ts';
import { useObservable } from './data/observable.ts';
import { queryClient } from './data/query-client.ts';
import { session } from './data/session.ts';
import { DefectBoundary } from './parts/defect.tsx';
import { router } from './router.tsx';
import { Login } from './screens/login.tsx';

/** The whole page: the way in, or what lies behind it. A lost session keeps the address, and what was typed there is drafts' to keep. */
export function Page() {
  const open = useObservable(session) !== null;
  useEffect(() => {
    if (!open) return undefined;
    const stop = startEventFeed();
    return () => {
      stop();
      queryClient.clear();
    };
  }, [open]);
  return <DefectBoundary>{open ? <RouterProvider router={router} /> : <Login />}</DefectBoundary>;
}
