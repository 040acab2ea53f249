// Cookies that the server reads when it draws a page: the theme, whether the sidebar is open, the time zone.
const YEAR = 60 * 60 * 24 * 365;

/**
 * @param {string} name
 * @param {string} value
 */
export function setCookie(name, value) {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing without TLS.
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=${YEAR}; samesite=lax`;
}

/** Times in pages are those of this computer's clock. */
export function setTimeZone() {
  setCookie("timezone", Intl.DateTimeFormat().resolvedOptions().timeZone);
}
