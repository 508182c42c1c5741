import { queryOptions } from '@tanstack/react-query';

import { api } from '../data/session.ts';

/** The storage pools with what is free of them, which no event tells. */
export const storageQuery = queryOptions({ queryKey: ['storage'], queryFn: () => api.call('storage.list'), staleTime: 30_000 });
