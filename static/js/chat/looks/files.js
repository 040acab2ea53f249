/**
 * Let the browser save this text as a file.
 * @param {string} text
 * @param {string} type
 * @param {string} name
 */
export function saveAs(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name.replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ").slice(0, 80);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
