export {
  functionSampler,
  type FunctionSamplerOptions,
  type SampleFunction,
  type SampleRun,
} from "./function-sampler.ts";
export { independent, repeatable } from "./layers.ts";
export { persistent, type PersistentOptions } from "./persistent.ts";
export { take, type SampleOptions, type Sampler, type SamplerIdentity, type Totals } from "./sampler.ts";
export { exportSlice, importSlice, type ExportOptions, type ImportedSlice, type SliceManifest } from "./slice-file.ts";
