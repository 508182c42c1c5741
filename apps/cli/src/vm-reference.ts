import { endpointTable } from '@nakhoda/client';
import type { EndpointId } from '@nakhoda/schema';

import { readFieldValue } from './field-value.ts';

/** A VM's name or vmid as an endpoint takes it. @throws UsageError */
export function readVmReference(id: EndpointId, text: string): string {
  const schema = endpointTable[id].params?.properties['vm'];
  return schema === undefined ? text : String(readFieldValue(schema, 'VM', text));
}
