import { createServer } from "node:http";
import { EXCHANGES } from "./exchanges.ts";
import { serve } from "./serving.ts";

// The floor: node:http answers the same bytes, whatever it is asked.
const { answer, contentType } = EXCHANGES[process.argv[2] as keyof typeof EXCHANGES];
const headers = { "content-type": contentType, "content-length": answer.byteLength };

serve(
  createServer((_request, response) => {
    response.writeHead(200, headers);
    response.end(answer);
  }),
);
