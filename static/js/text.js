// Words of the page's language, written by the server into the page.
const texts = JSON.parse(document.getElementById("texts")?.textContent ?? "{}");

/** `t("steps", { step: 3, total: 9 })` → "step 3 of 9" */
export const t = (name, values = {}) => (texts[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
