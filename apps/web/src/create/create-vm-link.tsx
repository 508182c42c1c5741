import { useLingui } from '@lingui/react/macro';
import { Button } from '@patternfly/react-core';
import { useNavigate } from '@tanstack/react-router';

/** The way to a new VM, from wherever one is missed. */
export function CreateVmLink() {
  const { t } = useLingui();
  const navigate = useNavigate();
  return <Button onClick={() => void navigate({ to: '/vms/new', search: {} })}>{t`Create a VM`}</Button>;
}
