// Uploads, with their progress.
import { ApiError, token } from "./api.js";

/**
 * → the stored file as the API shows it; throws ApiError.
 * @param {File} file
 * @param {object} [options]
 * @param {Record<string, string>} [options.fields] further fields of the form
 * @param {AbortSignal} [options.signal] an upload that is given up never settles
 * @param {(share: number) => void} [options.onProgress] called with 0 to 1
 * @returns {Promise<StoredFile>}
 */
export function upload(file, { fields = {}, signal, onProgress } = {}) {
  const data = new FormData();
  data.append("file", file, file.name || "picture.png");
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  const request = new XMLHttpRequest(); // fetch does not say how much has gone
  request.open("POST", "/api/v1/files/");
  request.responseType = "json";
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", token());
  if (onProgress) {
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total ? loaded / total : 0));
  }
  signal?.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.addEventListener("error", () => reject(new ApiError(0)));
    request.addEventListener("load", () => {
      if (request.status === 401) location.reload(); // as for every other request: see api.js
      if (request.status === 201) resolve(request.response);
      else reject(new ApiError(request.status, request.response ?? undefined));
    });
    request.send(data);
  });
}
