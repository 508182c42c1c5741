import type { Principal } from '../auth/principal.ts';

/** Who asked for a task, as its record keeps it. */
export function userOf(request: { principal: Principal | null; requestId: string }): { user: string; requestId: string } {
  return { user: request.principal?.user ?? 'nobody', requestId: request.requestId };
}
