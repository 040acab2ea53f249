// The API page: Swagger UI over our own schema, as the person who is signed in.
const place = document.getElementById("api-docs");
const token = document.querySelector('meta[name="csrf-token"]').content;

const dark = matchMedia("(prefers-color-scheme: dark)");
const showTheme = () => {
  const { theme } = document.documentElement.dataset;
  document.documentElement.classList.toggle("dark-mode", theme === "dark" || (theme !== "light" && dark.matches));
};
dark.addEventListener("change", showTheme);
showTheme();

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  requestInterceptor: (request) => {
    if (request.method && request.method !== "GET") request.headers["X-CSRFToken"] = token;
    return request;
  },
});

// Swagger UI brings a main landmark around the operations alone, and skips a heading level.
const parts = { ".information-container": "About", ".scheme-container": "Sign in with a key", ".filter": "Filter" };
new MutationObserver(() => {
  for (const [part, name] of Object.entries(parts)) {
    const section = place.querySelector(part)?.closest("section") ?? place.querySelector(`${part} section`);
    if (section && !section.hasAttribute("aria-label")) section.setAttribute("aria-label", name);
  }
  for (const heading of place.querySelectorAll("h3.opblock-tag")) heading.setAttribute("aria-level", "2");
}).observe(place, { childList: true, subtree: true });
