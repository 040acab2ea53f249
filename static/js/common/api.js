// The JSON API, as this page's person.
import { child } from "./dom.js";
import { t } from "./text.js";
import { toast } from "./toast.js";

/** What the server refused, in words for people; `provider` holds the provider's own. Status 0: no answer at all. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {ErrorBody} [body]
   */
  constructor(status, body = {}) {
    super(body.detail ?? body.error?.message ?? "");
    this.status = status;
    this.code = body.code;
    this.provider = body.provider;
  }
}

export const token = () => child(document, 'meta[name="csrf-token"]', HTMLMetaElement).content;

/**
 * → the response when it is good; throws ApiError.
 * @param {string} url
 * @param {RequestInit} request
 */
async function ask(url, request) {
  const response = await fetch(url, request).catch(() => undefined);
  if (!response) throw new ApiError(0);
  if (response.status === 401) location.reload(); // signed out elsewhere; what was being written is kept
  if (!response.ok) throw new ApiError(response.status, (await json(response)) ?? undefined);
  return response;
}

/** @param {Response} response */
const json = async (response) =>
  response.headers.get("Content-Type")?.includes("json") ? await response.json() : null;

/**
 * → the JSON of the response, null for an empty one; throws ApiError.
 * @param {string} method
 * @param {string} url
 * @param {object} [data]
 * @param {Record<string, string>} [more] headers
 * @param {{ keepalive?: boolean }} [how] `keepalive`: to its end, also when the page is left at that moment
 */
async function call(method, url, data, more, { keepalive } = {}) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token(), ...more };
  const body = data && JSON.stringify(data);
  // The browser takes 64 kB of all such requests together.
  return json(await ask(url, { method, headers, body, keepalive: keepalive && (body?.length ?? 0) < 15_000 }));
}

/**
 * For `.catch`: say what was refused, let mistakes of our own surface.
 * @param {unknown} error
 */
export function tellRefusal(error) {
  if (!(error instanceof ApiError)) throw error;
  toast(error.message || t("actionFailed"));
}

/** @param {string} url */
export const get = (url) => call("GET", url);

/**
 * @param {string} url
 * @param {object} [data]
 * @param {Record<string, string>} [headers]
 * @param {{ keepalive?: boolean }} [how] see `call`
 */
export const post = (url, data = {}, headers = {}, how = {}) => call("POST", url, data, headers, how);

/**
 * @param {string} url
 * @param {object} data
 */
export const patch = (url, data) => call("PATCH", url, data);

/**
 * @param {string} url
 * @param {object} data
 */
export const put = (url, data) => call("PUT", url, data);

/** @param {string} url */
export const remove = (url) => call("DELETE", url);

/**
 * → the text of a piece of HTML of ours, made of `data` when it is given; throws ApiError.
 * @param {string} url
 * @param {object} [data]
 */
export async function part(url, data) {
  const more = data && { "Content-Type": "application/json", "X-CSRFToken": token() };
  const request = { method: data ? "POST" : "GET", headers: { "X-Part": "1", ...more } };
  return (await ask(url, { ...request, body: data && JSON.stringify(data) })).text();
}
