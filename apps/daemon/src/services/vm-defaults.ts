import type { VmSpec } from '@nakhoda/schema';

export const defaultCores = 1;
export const defaultMemoryMiB = 512;
export const defaultDiskGiB = 4;

/** The options of a VM for which nothing else is asked. */
export const defaultOptions: Pick<
  VmSpec,
  | 'cloudInit'
  | 'autostart'
  | 'startOrder'
  | 'startDelaySeconds'
  | 'crashPolicy'
  | 'protection'
  | 'notes'
  | 'tags'
  | 'folder'
  | 'template'
  | 'linkedTo'
> = {
  cloudInit: null,
  autostart: false,
  startOrder: 100,
  startDelaySeconds: 0,
  crashPolicy: 'leave',
  protection: false,
  notes: '',
  tags: [],
  folder: '',
  template: false,
  linkedTo: null,
};
