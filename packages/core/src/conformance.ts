export { storeChecks, type MakeStore, type StoreCheck, type StoreCheckOptions } from "./conformance/store-checks.ts";
export type { StoreCheckContext } from "./conformance/stage.ts";
export { FaultyStore, type FaultGate, type StoreMethod } from "./conformance/faulty-store.ts";
export { sampleEntry, sampleId, type SampleOverrides } from "./conformance/sample.ts";
export { assertSameEntry, assertSameHead } from "./conformance/same.ts";
