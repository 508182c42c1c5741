import { useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';

const narrowest = 180;
const widest = 560;
const step = 16;

/** The border between tree and screen: dragged with a pointer, moved with the arrow keys; its place is kept. */
export function TreeSplitter() {
  const { t } = useLingui();
  const [width, setWidth] = useState(() => limited(Number(localStorage.getItem('tree-width') ?? 270)));
  useEffect(() => {
    document.documentElement.style.setProperty('--nk-tree-width', `${width}px`);
    localStorage.setItem('tree-width', String(width));
  }, [width]);
  return (
    <div
      className="nk-splitter"
      role="separator"
      aria-orientation="vertical"
      aria-label={t`Width of the tree`}
      aria-controls="tree"
      aria-valuenow={width}
      aria-valuemin={narrowest}
      aria-valuemax={widest}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) setWidth(limited(event.clientX));
      }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowLeft') setWidth(limited(width - step));
        if (event.key === 'ArrowRight') setWidth(limited(width + step));
      }}
    />
  );
}

function limited(width: number): number {
  return Number.isFinite(width) ? Math.min(widest, Math.max(narrowest, Math.round(width))) : 270;
}
