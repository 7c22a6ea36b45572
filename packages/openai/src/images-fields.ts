import type { FieldOf, FieldRole } from "@llmcache/fetch";
import type { ImageCreateVariationParams, ImageEditParams, ImageGenerateParams } from "openai/resources/images";

/**
 * Every field of a request for images that the SDK knows. The type check fails when the SDK gains one, until somebody decides about
 * it here. Fields that the SDK does not know count.
 */
export const GENERATIONS_FIELDS: Readonly<Record<FieldOf<ImageGenerateParams>, FieldRole>> = {
  prompt: "counts",
  background: "counts",
  complexity: "counts",
  frame_count: "counts",
  frame_duration_ms: "counts",
  model: "counts",
  moderation: "counts",
  n: "counts",
  output_compression: "counts",
  output_format: "counts",
  partial_images: "counts",
  quality: "counts",
  response_format: "counts",
  // The answer repeats it: one user's would be told to another.
  safety_identifier: "counts",
  size: "counts",
  // Streams of images are not cached.
  stream: "counts",
  style: "counts",
  svg: "counts",
  // Who asks, for the provider's protection against abuse.
  user: "ignored",
} satisfies Record<FieldOf<ImageGenerateParams>, FieldRole>;

/** The same of a request for images made of others. */
export const EDITS_FIELDS: Readonly<Record<FieldOf<ImageEditParams>, FieldRole>> = {
  image: "counts",
  prompt: "counts",
  background: "counts",
  complexity: "counts",
  frame_count: "counts",
  frame_duration_ms: "counts",
  input_fidelity: "counts",
  markup: "counts",
  mask: "counts",
  model: "counts",
  n: "counts",
  output_compression: "counts",
  output_format: "counts",
  partial_images: "counts",
  quality: "counts",
  response_format: "counts",
  safety_identifier: "counts",
  size: "counts",
  stream: "counts",
  user: "ignored",
} satisfies Record<FieldOf<ImageEditParams>, FieldRole>;

/** The same of a request for variations of an image. */
export const VARIATIONS_FIELDS: Readonly<Record<FieldOf<ImageCreateVariationParams>, FieldRole>> = {
  image: "counts",
  model: "counts",
  n: "counts",
  response_format: "counts",
  size: "counts",
  user: "ignored",
} satisfies Record<FieldOf<ImageCreateVariationParams>, FieldRole>;
