// Words of the page's language, written by the server into the page; a part of a page may bring words of its own.
const texts = Object.assign(
  {},
  ...[...document.querySelectorAll("script[id$='texts']")].map((words) => JSON.parse(words.textContent)),
);

/** `t("steps", { step: 3, total: 9 })` → "step 3 of 9" */
export const t = (name, values = {}) => (texts[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
