// A program that reads the status of a batch with the types of openapi-typescript and with
// the client of openapi-generator. It is compiled and not run.
import { BatchesApi, Configuration, ResponseError } from "./client";
import type { components, paths } from "./types";

type Status = paths["/v1/batches/{batch_id}/status"]["get"]["responses"]["200"]["content"]["application/json"];
type ErrorResponse = components["schemas"]["ErrorResponse"];

export function describeFirstEssay(answer: Status): string {
  const essay = answer.details.essays?.[0];
  return answer.status === "failed" ? "failed" : `${essay?.filename}: rank ${essay?.cj_rank ?? "none"}`;
}

export async function readStatus(token: string): Promise<string> {
  const api = new BatchesApi(new Configuration({ basePath: "http://127.0.0.1:4001", accessToken: token }));
  try {
    const answer = await api.batchStatus({ batchId: "batch-anna-1" });
    const essays: number | undefined = answer.details.essayCount;
    const page = await api.listBatches({ limit: 20 });
    return `${answer.status}: ${essays} essays, ${page.batches[0]?.overallStatus}`;
  } catch (failure) {
    if (!(failure instanceof ResponseError)) throw failure;
    const { error }: ErrorResponse = await failure.response.json();
    const first = error.details.validation_errors?.[0]?.ctx?.expected;
    return `${error.code} ${error.correlation_id} ${error.details.resource_id ?? first}`;
  }
}
