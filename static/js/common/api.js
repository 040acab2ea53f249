// The JSON API, as this page's person.
import { t } from "./text.js";
import { toast } from "./toast.js";

/** What the server refused, in words for people; `provider` holds the provider's own. Status 0: no answer at all. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.detail ?? body.error?.message ?? "");
    Object.assign(this, { status, code: body.code, provider: body.provider });
  }
}

export const token = () => document.querySelector('meta[name="csrf-token"]').content;

/** → the answer's JSON, or null for an empty one; throws ApiError. */
async function call(method, url, data, more) {
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token(), ...more },
      body: data === undefined ? undefined : JSON.stringify(data),
    });
  } catch {
    throw new ApiError(0, {});
  }
  if (answer.status === 401) location.reload(); // signed out elsewhere; what was being written is kept
  const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : null;
  if (!answer.ok) throw new ApiError(answer.status, body ?? {});
  return body;
}

/** For `.catch`: say what was refused, let mistakes of our own surface. */
export function tellRefusal(error) {
  if (!(error instanceof ApiError)) throw error;
  toast(error.message || t("actionFailed"));
}

export const post = (url, data = {}, headers = {}) => call("POST", url, data, headers);
export const patch = (url, data) => call("PATCH", url, data);
export const remove = (url) => call("DELETE", url);

/** → the stored file as the API shows it; throws ApiError. */
export async function upload(file, fields = {}) {
  const data = new FormData();
  data.append("file", file, file.name || "picture.png");
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  const request = { method: "POST", headers: { Accept: "application/json", "X-CSRFToken": token() }, body: data };
  const answer = await fetch("/api/v1/files/", request).catch(() => undefined);
  if (!answer) throw new ApiError(0, {});
  if (answer.status === 401) location.reload();
  const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  if (!answer.ok) throw new ApiError(answer.status, body);
  return body;
}

/** → the text of one of our own HTML parts, of `data` when it is given; throws ApiError. */
export async function part(url, data) {
  let answer;
  const json = data && { "Content-Type": "application/json", "X-CSRFToken": token() };
  try {
    answer = await fetch(url, {
      method: data ? "POST" : "GET",
      headers: { "X-Part": "1", ...json },
      body: data && JSON.stringify(data),
    });
  } catch {
    throw new ApiError(0, {});
  }
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new ApiError(answer.status, {});
  return answer.text();
}
