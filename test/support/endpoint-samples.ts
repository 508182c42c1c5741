import { endpoints, type Endpoint, type EndpointId } from '@nakhoda/schema';

/** Values that fit the table's path parameters. */
const samples: Readonly<Record<string, string>> = {
  vm: 'web',
  name: 'first',
  network: 'lab',
  task: 't1',
  node: 'local',
  id: 'abc',
  user: 'ann',
};

function slotOf(path: string): string {
  if (path.includes('/nics/')) return 'net0';
  return path.includes('/unused-disks/') ? 'unused0' : 'disk0';
}

/** Every endpoint of the table, with an address that fits its parameters. A new one is included by itself. */
export function everyEndpoint(): { id: EndpointId; endpoint: Endpoint; url: string }[] {
  return (Object.keys(endpoints) as EndpointId[]).map((id) => {
    const endpoint: Endpoint = endpoints[id];
    const path = endpoint.path.replaceAll(/:([a-z]+)/giu, (_match, name: string) => {
      const sample = name === 'slot' ? slotOf(endpoint.path) : samples[name];
      if (sample === undefined) throw new Error(`${id}: give the parameter ${name} a sample`);
      return sample;
    });
    return { id, endpoint, url: `/api/v1${path}` };
  });
}
