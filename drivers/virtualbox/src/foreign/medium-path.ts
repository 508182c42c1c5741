import { isAbsolute, join } from 'node:path';

/** Where an image lies. Pure. */
export function mediumPath(location: string, folder: string): string {
  return isAbsolute(location) ? location : join(folder, location);
}
