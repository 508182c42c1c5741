import { getRouteApi } from '@tanstack/react-router';

const route = getRouteApi('/vms/$vmid');

/** Which dialog of a VM's page is open. The address has it, so that a reload or a new login brings it back. */
export function useAsked(): { readonly asked: string | undefined; ask(edit: string | undefined): void } {
  const { edit } = route.useSearch();
  const navigate = route.useNavigate();
  return {
    asked: edit,
    ask: (next) => void navigate({ search: (before) => ({ ...before, edit: next }), replace: true }),
  };
}
