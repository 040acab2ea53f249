// Formulas through KaTeX, which is fetched by the first page that has one.
import { all } from "../../common/dom.js";

/** @type {Promise<void> | undefined} */
let loading;
/** @type {Katex | undefined} */
let katex;

/** @param {HTMLElement | DocumentFragment} root */
export function drawFormulas(root) {
  const formulas = all(".math:not(.drawn)", root);
  if (root instanceof HTMLElement && root.matches(".math:not(.drawn)")) formulas.push(root);
  if (!formulas.length) return;
  if (katex) for (const formula of formulas) drawFormula(katex, formula);
  else {
    loading ??= load();
    loading.then(
      () => drawFormulas(root),
      () => {
        loading = undefined; // no network: they stay as they were written
      },
    );
  }
}

async function load() {
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = document.body.dataset.katex ?? "";
  const styled = new Promise((resolve) => {
    sheet.onload = sheet.onerror = resolve;
  });
  document.head.append(sheet);
  await Promise.all([import("../../../vendor/katex-0.19.1/katex.js"), styled]); // sets window.katex
  katex = window.katex;
}

/**
 * @param {Katex} katex
 * @param {HTMLElement} element
 */
function drawFormula(katex, element) {
  const tree = katex.__renderToDomTree(element.textContent, {
    displayMode: element.classList.contains("math-block"),
    throwOnError: false,
    errorColor: "currentColor",
  });
  keepStyles(tree);
  const formula = tree.toNode();
  for (const part of all("[data-style]", formula)) part.style.cssText = part.dataset.style ?? "";
  element.replaceChildren(formula);
  element.classList.add("drawn");
}

/**
 * KaTeX writes some styles as attributes, which our content policy bars; as properties they may be set.
 * @param {KatexNode} node
 */
function keepStyles({ attributes, children }) {
  if (attributes?.style) {
    attributes["data-style"] = attributes.style;
    delete attributes.style;
  }
  children?.forEach(keepStyles);
}
