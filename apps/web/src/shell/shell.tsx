import { useLingui } from '@lingui/react/macro';
import { Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

import { Masthead } from './masthead.tsx';
import { NoticeList } from './notice-list.tsx';
import { CommandPalette } from './command-palette.tsx';
import { TaskStrip } from './task-strip.tsx';
import { TreePanel } from './tree-panel.tsx';
import { useKeySequences } from './key-sequences.ts';
import { TreeSplitter } from './tree-splitter.tsx';
import './shell.css';

/** The frame of every screen: masthead, tree, the screen itself, tasks. Below 768 px the tree is a drawer. */
export function Shell() {
  const { t } = useLingui();
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const navigate = useNavigate();
  useKeySequences({ 'c v': () => void navigate({ to: '/vms/new', search: {} }) });

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setPalette((open) => !open);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  useEffect(() => {
    // Not returned: newer browsers give a promise here, which React would take for a clean-up.
    main.current?.scrollTo(0, 0);
  }, [pathname]);

  return (
    <div className={`nk-shell${drawer ? ' nk-shell--drawer' : ''}`}>
      <a className="nk-skip" href="#main">
        {t`Skip to content`}
      </a>
      <Masthead drawer={drawer} onDrawer={() => setDrawer(!drawer)} onPalette={() => setPalette(true)} />
      <aside className="nk-shell__tree" id="tree">
        <TreePanel onLeave={() => setDrawer(false)} />
      </aside>
      <TreeSplitter />
      {drawer && <button type="button" className="nk-shell__shade" aria-label={t`Close the tree`} onClick={() => setDrawer(false)} />}
      <main className="nk-shell__main" id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <TaskStrip />
      <NoticeList />
      {palette && <CommandPalette onClose={() => setPalette(false)} />}
    </div>
  );
}
