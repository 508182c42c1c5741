/**
 * An element that applies its text as a style sheet, as `<style>` does, but by a constructed one: that is what a content security
 * policy without inline styles allows. xterm.js makes these (xterm-strict-styles.ts).
 */
class StyleSheetElement extends HTMLElement {
  readonly #sheet = new CSSStyleSheet();

  connectedCallback(): void {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#sheet];
  }

  disconnectedCallback(): void {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.#sheet);
  }

  override get textContent(): string {
    return '';
  }

  override set textContent(text: string | null) {
    this.#sheet.replaceSync(text ?? '');
  }
}

export function defineStyleSheetElement(): void {
  if (customElements.get('nk-sheet') === undefined) customElements.define('nk-sheet', StyleSheetElement);
}
