import { QueryClient } from '@tanstack/react-query';

/** What was read of the daemon. The event stream keeps it true, so nothing is read again for its age alone. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: Infinity, gcTime: 10 * 60_000, retry: 1, refetchOnWindowFocus: false, refetchOnReconnect: false },
  },
});
