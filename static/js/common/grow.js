// What is as tall as what is written in it: fields, and the part around a field that gets to a new height smoothly.

/**
 * Browsers without `field-sizing` need the height of a field set.
 * @param {HTMLElement} field
 */
export function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/**
 * The part around an element follows its height in the time of the part's CSS transition. The observer tells the height
 * after a layout that happens anyway, and only when it changed: to write costs none.
 * @param {HTMLElement} inside
 */
export function glide(inside) {
  const part = inside.parentElement;
  const resizes = new ResizeObserver(([{ borderBoxSize }]) => {
    if (part) part.style.height = `${borderBoxSize[0].blockSize}px`;
  });
  resizes.observe(inside);
}
