import { GatewayError } from "./error.js";

/** Files for one batch. */
export interface Upload {
  batchId: string;
  /** At most 50 files with 100 MiB together, unless the gateway has other limits. */
  files: readonly { name: string; content: Blob }[] | readonly File[];
  assignmentId?: string;
  /** Receives the bytes that are sent and the bytes of the whole form. Without XMLHttpRequest only once, at the end. */
  onProgress?(progress: { sent: number; total: number }): void;
  signal?: AbortSignal;
}

/** Returns the form of an upload. The batch comes first, so that a refusal comes early. */
export function formOf({ batchId, files, assignmentId }: Upload): FormData {
  const form = new FormData();
  form.append("batch_id", batchId);
  if (assignmentId !== undefined) form.append("assignment_id", assignmentId);
  for (const file of files) form.append("files", "content" in file ? file.content : file, file.name);
  return form;
}

/** Sends a form with XMLHttpRequest, which reports progress; fetch does not. Rejects like fetch. */
export function sendWithProgress(url: string, token: string, form: FormData, upload: Upload): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const { signal } = upload;
    const abort = () => request.abort();
    const settle = (action: () => void) => {
      signal?.removeEventListener("abort", abort);
      action();
    };
    request.open("POST", url);
    request.setRequestHeader("Authorization", "Bearer " + token);
    request.upload.onprogress = ({ loaded, total }) => upload.onProgress?.({ sent: loaded, total });
    request.onerror = () => settle(() => reject(new TypeError("the upload failed: no connection")));
    request.onabort = () => settle(() => reject(signal?.reason));
    request.onload = () => settle(() => {
      const { status, responseText } = request;
      if (status >= 200 && status < 300) resolve(JSON.parse(responseText));
      else reject(new GatewayError(status, (name) => request.getResponseHeader(name), responseText));
    });
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", abort);
    request.send(form);
  });
}
