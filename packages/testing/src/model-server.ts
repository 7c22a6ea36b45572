export { createChunkGate, createGate } from "./gate.ts";
export { startModelServer } from "./server.ts";
export type { ChunkGate, Gate } from "./gate.ts";
export type {
  EmbeddingsScript,
  EndpointScripts,
  GeminiScript,
  ImagesScript,
  MessageScript,
  ModerationScript,
  ResponsesScript,
  TranscriptionScript,
} from "./endpoint-scripts.ts";
export type { RecordedRequest } from "./recorded-request.ts";
export type {
  ChatScript,
  ChoiceScript,
  DeliveryScript,
  ErrorScript,
  HeaderScript,
  PacingScript,
  RawScript,
  Reply,
  ReplyScript,
  StreamScript,
  ToolCallScript,
  UsageScript,
} from "./script.ts";
export type { ModelServer, ModelServerOptions } from "./server.ts";
