import type { HitEvent, MissEvent } from "@llmcache/core";
import { context, SpanKind, SpanStatusCode, type Attributes, type Tracer } from "@opentelemetry/api";
import { bounded, NAMES, operationName, providerName } from "./names.ts";

/**
 * One span for a call that has ended, from its beginning to its end, below the span that is active where the cache was called. A call
 * that asked a provider is one of a client's; one that did not leaves out the tokens, which nobody pays for.
 */
export function recordSpan(tracer: Tracer, event: HitEvent | MissEvent): void {
  const { operation, requestModel, at, durationMs } = event;
  const name = operation === undefined ? "llmcache" : operationName(operation);
  const hasAsked = event.type === "miss" && event.answer !== "not-asked";
  const span = tracer.startSpan(
    requestModel === undefined ? name : `${name} ${bounded(requestModel)}`,
    {
      kind: hasAsked ? SpanKind.CLIENT : SpanKind.INTERNAL,
      startTime: new Date(at - durationMs),
      attributes: { ...calledAttributes(event), ...(event.type === "miss" ? missed(event) : hit(event)) },
    },
    context.active(),
  );
  if (event.type === "miss" && event.answer === "failed") span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(new Date(at));
}

function calledAttributes({
  operation,
  provider,
  requestModel,
  answerModel,
  id,
  type,
}: HitEvent | MissEvent): Attributes {
  return {
    ...(operation === undefined ? {} : { [NAMES.operation]: operationName(operation) }),
    ...(provider === undefined ? {} : { [NAMES.provider]: providerName(provider) }),
    ...(requestModel === undefined ? {} : { [NAMES.requestModel]: bounded(requestModel) }),
    ...(answerModel === undefined ? {} : { [NAMES.responseModel]: bounded(answerModel) }),
    ...(id === undefined ? {} : { [NAMES.key]: bounded(id) }),
    [NAMES.status]: type,
  };
}

function missed({ reason, answer, spent }: MissEvent): Attributes {
  const { inputTokens, outputTokens, cost } = spent;
  return {
    [NAMES.reason]: reason,
    [NAMES.answer]: answer,
    ...(answer === "failed" ? { [NAMES.errorType]: "_OTHER" } : {}),
    ...(inputTokens === undefined ? {} : { [NAMES.inputTokens]: inputTokens }),
    ...(outputTokens === undefined ? {} : { [NAMES.outputTokens]: outputTokens }),
    ...(cost === undefined ? {} : { [NAMES.cost]: cost }),
  };
}

function hit({ ageMs, tier, similarity, saved }: HitEvent): Attributes {
  const { inputTokens, outputTokens, cost } = saved;
  return {
    [NAMES.age]: ageMs / 1000,
    ...(tier === undefined ? {} : { [NAMES.tier]: bounded(tier) }),
    ...(similarity === undefined ? {} : { [NAMES.similarity]: similarity }),
    ...(inputTokens === undefined ? {} : { [NAMES.savedInputTokens]: inputTokens }),
    ...(outputTokens === undefined ? {} : { [NAMES.savedOutputTokens]: outputTokens }),
    ...(cost === undefined ? {} : { [NAMES.savedCost]: cost }),
  };
}
