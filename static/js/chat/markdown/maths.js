// Formulas through KaTeX, which is fetched by the first page that has one.
let loading;
let katex;

export function drawFormulas(root) {
  const formulas = [...root.querySelectorAll(".math:not(.drawn)")];
  if (root.matches(".math:not(.drawn)")) formulas.push(root);
  if (!formulas.length) return;
  if (katex) formulas.forEach(drawFormula);
  else {
    loading ??= load();
    loading.then(
      () => formulas.forEach(drawFormula),
      () => (loading = undefined), // no network: they stay as they were written
    );
  }
}

async function load() {
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = document.body.dataset.katex;
  const styled = new Promise((resolve) => (sheet.onload = sheet.onerror = resolve));
  document.head.append(sheet);
  await Promise.all([import("../../../vendor/katex-0.19.1/katex.js"), styled]); // sets window.katex
  katex = window.katex;
}

function drawFormula(element) {
  const tex = element.textContent;
  const tree = katex.__renderToDomTree(tex, {
    displayMode: element.classList.contains("math-block"),
    throwOnError: false,
    errorColor: "currentColor",
  });
  keepStyles(tree);
  const formula = tree.toNode();
  for (const part of formula.querySelectorAll("[data-style]")) part.style.cssText = part.dataset.style;
  element.replaceChildren(formula);
  element.classList.add("drawn");
}

/** KaTeX writes some styles as attributes, which our content policy bars; as properties they may be set. */
function keepStyles(node) {
  const { attributes, children } = node;
  if (attributes?.style) {
    attributes["data-style"] = attributes.style;
    delete attributes.style;
  }
  children?.forEach(keepStyles);
}
