import { access } from 'node:fs/promises';

/** Whether there is something at the path that can be reached. */
export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
