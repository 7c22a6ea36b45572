import type { APIPromise } from "openai";
import type { Stream } from "openai/core/streaming";
import type {
  Transcription,
  TranscriptionCreateParams,
  TranscriptionCreateParamsNonStreaming,
  TranscriptionCreateParamsStreaming,
  TranscriptionCreateResponse,
  TranscriptionStreamEvent,
  TranscriptionVerbose,
} from "openai/resources/audio/transcriptions";
import type { Translation, TranslationCreateParams, TranslationVerbose } from "openai/resources/audio/translations";
import type { CreateEmbeddingResponse, EmbeddingCreateParams } from "openai/resources/embeddings";
import type {
  ImageCreateVariationParams,
  ImageEditParamsNonStreaming,
  ImageGenerateParamsNonStreaming,
  ImagesResponse,
} from "openai/resources/images";
import type { ModerationCreateParams, ModerationCreateResponse } from "openai/resources/moderations";

/** The methods of embeddings, audio, moderations and images that take the options `O`. */
export interface CachedListMethods<O> {
  readonly embeddings: {
    create(body: EmbeddingCreateParams, options?: O): APIPromise<CreateEmbeddingResponse>;
  };
  readonly audio: {
    readonly transcriptions: CachedTranscriptions<O>;
    readonly translations: CachedTranslations<O>;
  };
  readonly moderations: {
    create(body: ModerationCreateParams, options?: O): APIPromise<ModerationCreateResponse>;
  };
  /** Streams of images are not cached. */
  readonly images: {
    generate(body: ImageGenerateParamsNonStreaming, options?: O): APIPromise<ImagesResponse>;
    edit(body: ImageEditParamsNonStreaming, options?: O): APIPromise<ImagesResponse>;
    createVariation(body: ImageCreateVariationParams, options?: O): APIPromise<ImagesResponse>;
  };
}

/** The methods of transcriptions that take the options `O`. */
export interface CachedTranscriptions<O> {
  create(body: TranscriptionCreateParamsNonStreaming<"json" | undefined>, options?: O): APIPromise<Transcription>;
  create(body: TranscriptionCreateParamsNonStreaming<"verbose_json">, options?: O): APIPromise<TranscriptionVerbose>;
  create(body: TranscriptionCreateParamsNonStreaming<"srt" | "vtt" | "text">, options?: O): APIPromise<string>;
  create(body: TranscriptionCreateParamsNonStreaming, options?: O): APIPromise<Transcription>;
  create(body: TranscriptionCreateParamsStreaming, options?: O): APIPromise<Stream<TranscriptionStreamEvent>>;
  create(
    body: TranscriptionCreateParams,
    options?: O,
  ): APIPromise<TranscriptionCreateResponse | string | Stream<TranscriptionStreamEvent>>;
}

/** The methods of translations that take the options `O`. */
export interface CachedTranslations<O> {
  create(body: TranslationCreateParams<"json" | undefined>, options?: O): APIPromise<Translation>;
  create(body: TranslationCreateParams<"verbose_json">, options?: O): APIPromise<TranslationVerbose>;
  create(body: TranslationCreateParams<"text" | "srt" | "vtt">, options?: O): APIPromise<string>;
  create(body: TranslationCreateParams, options?: O): APIPromise<Translation>;
}
