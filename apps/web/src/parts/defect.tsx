import { useLingui } from '@lingui/react/macro';
import { Alert, Button } from '@patternfly/react-core';
import { Component, type ErrorInfo, type ReactNode } from 'react';

/** What is shown in place of a part of the page that broke: that it is a defect of ours, its words for the report, and a way on. */
export function Defect({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { t } = useLingui();
  return (
    <div className="nk-screen">
      <Alert
        variant="danger"
        isInline
        title={t`This screen broke. That is a defect of Nakhoda's page; your VMs are not touched by it.`}
        actionLinks={<Button onClick={onRetry}>{t`Show it again`}</Button>}
      >
        <p>{t`If it happens again, report these words:`}</p>
        <pre className="nk-isolate">{error instanceof Error ? (error.stack ?? error.message) : String(error)}</pre>
      </Alert>
    </div>
  );
}

/** Keeps a broken part from taking the whole page with it. */
export class DefectBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return <Defect error={this.state.error} onRetry={() => this.setState({ error: null })} />;
  }
}
