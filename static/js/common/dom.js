// What scripts look for in a page. What must be there and is not, is a mistake of ours, and throws.

/**
 * @template {Element} T
 * @param {Element | null} element
 * @param {string} name
 * @param {(new () => T) | undefined} kind
 */
function required(element, name, kind) {
  if (element instanceof (kind ?? HTMLElement)) return /** @type {T} */ (element);
  throw new Error(`The page has no ${name}`);
}

/**
 * The element with this id.
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 */
export const byId = (id, kind) => required(document.getElementById(id), `#${id}`, kind);

/**
 * The first element inside `root` that fits.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} [kind]
 */
export const child = (root, selector, kind) => required(root.querySelector(selector), selector, kind);

/**
 * The element inside `root` whose `data-part` is `name`.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => T} [kind]
 */
export const partOf = (root, name, kind) => child(root, `[data-part="${name}"]`, kind);

/**
 * The first element that fits, where there may be none.
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement | null}
 */
export const find = (selector, root = document) => root.querySelector(selector);

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement[]}
 */
export const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

/**
 * The element that an event is about, or the nearest around it, that fits.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const closest = ({ target }, selector) => (target instanceof Element ? target.closest(selector) : null);

/**
 * The first element of a template, to be put into the page.
 * @param {string} id
 */
export function clone(id) {
  const first = byId(id, HTMLTemplateElement).content.firstElementChild;
  return /** @type {HTMLElement} */ (required(first, `element in #${id}`, HTMLElement).cloneNode(true));
}

/**
 * What a piece of HTML of ours holds.
 * @param {string} html
 */
export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/**
 * An input method is at work: Enter belongs to it. Safari says so by key code only.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;
