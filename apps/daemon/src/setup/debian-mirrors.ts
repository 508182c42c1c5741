/** What to give to `apt-get indextargets --format` for {@link debianMirrors}. */
export const indexTargetFormat = '$(ORIGIN)|$(LABEL)|$(SITE)';

/**
 * The mirrors of Debian itself among a host's apt sources, each once, in the order apt lists
 * them; `indexTargets` is the output of `apt-get indextargets` with {@link indexTargetFormat}.
 * Origin and label come from each archive's own Release file, so that a vendor's repository,
 * Debian's security archive and Ubuntu are told apart whatever their addresses look like.
 * Sites that debootstrap cannot read (`mirror+file:`, `cdrom:`) are left out.
 */
export function debianMirrors(indexTargets: string): string[] {
  const sites = indexTargets
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([origin, label]) => origin === 'Debian' && label === 'Debian')
    .map(([, , site]) => (site ?? '').trim())
    .filter((site) => /^https?:\/\//.test(site));
  return [...new Set(sites)];
}
