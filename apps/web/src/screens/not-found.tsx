import { useLingui } from '@lingui/react/macro';
import { EmptyState, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';

export function NotFound() {
  const { t } = useLingui();
  return (
    <div className="nk-screen">
      <EmptyState titleText={t`There is no such screen`} headingLevel="h1">
        <EmptyStateBody>{t`The address leads nowhere; perhaps it is from another version.`}</EmptyStateBody>
        <EmptyStateFooter>
          <Link to="/">{t`To the overview`}</Link>
        </EmptyStateFooter>
      </EmptyState>
    </div>
  );
}
