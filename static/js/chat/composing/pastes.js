// A long text that is pasted becomes a file of the message: the field stays a place to write in.
import { byId } from "../../common/dom.js";
import { t } from "../../common/text.js";

const LONGEST = 4_000; // characters that go into the field

/** @type {WeakSet<File>} */
const pastes = new WeakSet();
let made = 0;

/**
 * The long text of a paste into the field as a file, if it is one.
 * @param {ClipboardEvent} event
 */
export function textFile({ target, clipboardData }) {
  const text = target === byId("message") ? (clipboardData?.getData("text/plain") ?? "") : "";
  if (text.length <= LONGEST) return undefined;
  made += 1;
  const file = new File([text], `${t("pastedText")}${made > 1 ? ` ${made}` : ""}.txt`, { type: "text/plain" });
  pastes.add(file);
  return file;
}

/** @param {File} file */
export const isPaste = (file) => pastes.has(file);

/**
 * What a file says; empty when it cannot be had.
 * @param {File | StoredFile} file
 */
export async function textOf(file) {
  if (file instanceof File) return file.text();
  const response = await fetch(file.url).catch(() => undefined);
  return response?.ok ? response.text() : "";
}
