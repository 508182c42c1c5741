/** Packages that always name the distribution's newest kernel for virtual machines: Debian's, then Ubuntu's. */
const kernels = ['linux-image-cloud-amd64', 'linux-image-virtual'];

/** Names of packages with a kernel and its modules. */
export interface KernelPackages {
  image: string;
  /** Where the modules are packages of their own, as in Ubuntu: those that the kernel needs, and those that it may have. */
  modules: string | null;
  extra: string | null;
}

/**
 * The packages of a kernel for virtual machines; null where the distribution has none.
 * @param depends what `apt-cache depends` prints of a package; '' for one that is not known
 */
export async function findKernelPackages(depends: (name: string) => Promise<string>): Promise<KernelPackages | null> {
  for (const kernel of kernels) {
    const image = dependency(await depends(kernel), 'linux-image-');
    if (image === null) continue;
    const modules = dependency(await depends(image), 'linux-modules-');
    return { image, modules, extra: modules === null ? null : modules.replace('linux-modules-', 'linux-modules-extra-') };
  }
  return null;
}

/** The first dependency whose name begins so, and goes on with a version. Pure. */
function dependency(printed: string, prefix: string): string | null {
  const names = [...printed.matchAll(/^\s*\|?Depends: ([a-z0-9][a-z0-9.+-]*)$/gmu)].map(([, name = '']) => name);
  return names.find((name) => name.startsWith(prefix) && /^\d/u.test(name.slice(prefix.length))) ?? null;
}
