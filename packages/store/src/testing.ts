export { storeContract } from './testing/store-contract.ts';
export type { MakeStore } from './testing/store-contract.ts';
