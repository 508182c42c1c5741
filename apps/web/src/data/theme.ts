import { keptSetting } from './kept-setting.ts';

export const themes = ['system', 'light', 'dark'] as const;
export const contrasts = ['system', 'normal', 'high'] as const;

/** What the reader chose; `system` follows the browser. */
export const theme = keptSetting('theme', themes, 'system');
export const contrast = keptSetting('contrast', contrasts, 'system');

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const prefersContrast = matchMedia('(prefers-contrast: more)');

/** Puts PatternFly's classes on the page, now and whenever the choice or the system's own wish changes. */
export function followAppearance(): void {
  const put = () => {
    const { classList } = document.documentElement;
    classList.toggle('pf-v6-theme-dark', theme.get() === 'dark' || (theme.get() === 'system' && prefersDark.matches));
    classList.toggle('pf-v6-theme-high-contrast', contrast.get() === 'high' || (contrast.get() === 'system' && prefersContrast.matches));
  };
  put();
  theme.subscribe(put);
  contrast.subscribe(put);
  prefersDark.addEventListener('change', put);
  prefersContrast.addEventListener('change', put);
}
