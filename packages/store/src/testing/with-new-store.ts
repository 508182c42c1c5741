import type { Store } from '../store.ts';

/** Makes an empty store; the suite closes it. */
export type MakeStore = () => Store | Promise<Store>;

/** Does the work on a store of its own, and closes that whatever happens. */
export async function withNewStore(makeStore: MakeStore, work: (store: Store) => Promise<void>): Promise<void> {
  const store = await makeStore();
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
