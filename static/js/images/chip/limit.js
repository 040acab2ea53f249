// The question before a message has more drawn, or for more money, than the site's limit.
import { agreed } from "../asking.js";
import * as estimate from "../estimate.js";

/**
 * → whether it is below the limit, or the person wants it all the same.
 * @param {Partial<ImageRequest>} request
 */
export async function isWanted(request) {
  const known = await estimate.of(request);
  return !known?.above_limit || agreed(request);
}
