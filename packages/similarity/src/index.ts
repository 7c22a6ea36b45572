export { cosine } from "./cosine.ts";
export { anyLanguageRules, defaultRules } from "./english.ts";
export { Guard, type GuardOptions, type Refusal } from "./guard.ts";
export { SimilarityPolicy, type Candidate, type Decision, type SimilarityPolicyOptions } from "./policy.ts";
export type { Comparison } from "./comparison.ts";
export type { Reading } from "./reading.ts";
export type { Rule } from "./rule.ts";
export type { Token, TokenKind } from "./token.ts";
export { calibrate, judge, type CalibrateOptions, type Calibration, type LabelledPair } from "./calibrate.ts";
export { share, type Share } from "./intervals.ts";
export {
  areaUnderCurve,
  byKind,
  pointAt,
  thresholdFor,
  type Judged,
  type KindReport,
  type OperatingPoint,
} from "./judged.ts";
export { defaultThreshold, type MeasuredThreshold } from "./default-threshold.ts";
