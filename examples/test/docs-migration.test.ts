import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const page = readFileSync(join(import.meta.dirname, "../../docs/migration.md"), "utf8");

/** What users of other caches know by name: each has a row that says what takes its place, or why nothing does. */
const KNOWN: Readonly<Record<string, string>> = {
  "LiteLLM's stores": `"local"; "redis"; "s3"; "disk"; "redis-semantic"; "dual-semantic"`,
  "LiteLLM's parameters": `
    type; supported_call_types; ttl; default_in_memory_ttl; host; port; password; namespace; default_in_redis_ttl;
    similarity_threshold; redis_semantic_cache_use_async; redis_semantic_cache_embedding_model;
    semantic_cache_embedding_length; redis_flush_size; s3_bucket_name; s3_region_name; s3_api_version; s3_path;
    s3_use_ssl; s3_verify; s3_endpoint_url; s3_aws_access_key_id; s3_aws_secret_access_key; s3_aws_session_token;
    s3_config; disk_cache_dir; **kwargs`,
  "LiteLLM's calls": `
    cache={"no-cache"; cache={"no-store"; cache={"ttl"; cache={"s-maxage"; caching=True; caching=False;
    litellm.cache = ; enable_cache; disable_cache; update_cache; get_cache_key; add_cache; cache.get_cache;
    kwargs["cache_hit"]; CustomLogger; litellm.callbacks`,
  "LiteLLM's call types": "completion; acompletion; embedding; aembedding; transcription; atranscription",
  AutoGen: `
    Cache.disk(); Cache.redis(redis_url; cache_seed=; cache_seed: None; \`cache_seed\` not given; cache_path_root; with Cache;
    initiate_chat(…, cache=cache); create(…, cache=cache)`,
  cached_llm: `
    sample(prompt: str, batch: int = 1); Iterator[str]; islice(; next(; Repeatable(; Independent(; Persistent(model, dir);
    replication=True; ReplicationCacheMiss; Persistent(Persistent(; alias=; max_batch=; AI302_API_KEY; CLOSEAI_API_KEY;
    FIREWORKS_API_KEY; XMCP_API_KEY; OpenAI-compatible`,
  "rules of a cache of one's own": `
    redis_client; ttl=timedelta; _make_key; get(model, prompt); set(response; lru_cache(maxsize=; decorator;
    hash of the prompt; lifetime; warming; Redis or files; model's version; sizes and eviction; hit and miss rates`,
};

const first = page
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map(
    (line) =>
      line
        .replaceAll(String.raw`\|`, "")
        .split("|")[1]
        ?.trim() ?? "",
  );

test.each(Object.entries(KNOWN))("%s have their counterparts", (_whose, list) => {
  const names = list.split(";").map((name) => name.trim());
  // A name stands for itself only: `ttl` is not what is said of `default_in_redis_ttl`.
  const isIn = (cell: string, name: string): boolean =>
    /^[\w"*-]+$/.test(name)
      ? cell.split(/[`,\s(){}=]+/).some((word) => word === name || word.endsWith(`.${name}`))
      : cell.includes(name);
  expect(names.filter((name) => !first.some((cell) => isIn(cell, name)))).toEqual([]);
});

test("every row has a counterpart", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("|"));
  const cells = rows.map((line) =>
    line
      .replaceAll(String.raw`\|`, "")
      .split("|")
      .slice(1, -1),
  );
  expect(cells.filter(([, ...rest]) => rest.every((cell) => cell.trim() === ""))).toEqual([]);
});
