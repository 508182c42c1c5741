/** An image as a `.vbox` file names it. */
export interface DocumentMedium {
  uuid: string;
  /** Absolute. */
  path: string;
}

/** The lowest image with the chain of those that grow from it inside, each in the one before; only the lowest has a type. Pure. */
export function hardDisk([medium, ...above]: readonly DocumentMedium[], lowest = true): object {
  if (medium === undefined) return {};
  return {
    '@uuid': `{${medium.uuid}}`,
    '@location': medium.path,
    '@format': 'VDI',
    ...(lowest ? { '@type': 'Normal' } : {}),
    ...(above.length > 0 ? { HardDisk: hardDisk(above, false) } : {}),
  };
}
