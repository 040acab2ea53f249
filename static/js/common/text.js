import { all } from "./dom.js";

// Texts of the page's language, written by the server into the page; a part of a page may bring its own.
/** @type {Record<string, string>} */
const texts = Object.assign({}, ...all("script[id$='texts']").map((element) => JSON.parse(element.textContent)));

/**
 * `t("steps", { step: 3, total: 9 })` → "step 3 of 9"
 * @param {string} name
 * @param {Record<string, unknown>} [values]
 */
export const t = (name, values = {}) =>
  (texts[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
