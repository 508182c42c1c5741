export { storeContract } from './testing/store-contract.ts';
export type { MakeStore } from './testing/with-new-store.ts';
