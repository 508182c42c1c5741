/** A link that may be followed: to the web or to a mail, as a whole address; null for every other, such as `javascript:`. Pure. */
export function safeLink(href: string): string | null {
  const url = URL.parse(href);
  return url !== null && ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
}
