// The API page: Swagger UI over our own schema, as the person who is signed in.
import { token } from "../common/api.js";
import { all, byId, find } from "../common/dom.js";

const docs = byId("api-docs");

const dark = matchMedia("(prefers-color-scheme: dark)");
const showTheme = () => {
  const { theme } = document.documentElement.dataset;
  document.documentElement.classList.toggle("dark-mode", theme === "dark" || (theme !== "light" && dark.matches));
};
dark.addEventListener("change", showTheme);
showTheme();

window.SwaggerUIBundle({
  url: docs.dataset.schema,
  domNode: docs,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  /** @param {SwaggerRequest} request */
  requestInterceptor(request) {
    if (request.method && request.method !== "GET") request.headers["X-CSRFToken"] = token();
    return request;
  },
});

// Swagger UI brings a main landmark around the operations alone, and skips a heading level.
const parts = { ".information-container": "About", ".scheme-container": "Sign in with a key", ".filter": "Filter" };
new MutationObserver(() => {
  for (const [part, name] of Object.entries(parts)) {
    const section = find(part, docs)?.closest("section") ?? find(`${part} section`, docs);
    if (section && !section.hasAttribute("aria-label")) section.setAttribute("aria-label", name);
  }
  for (const heading of all("h3.opblock-tag", docs)) heading.setAttribute("aria-level", "2");
}).observe(docs, { childList: true, subtree: true });
