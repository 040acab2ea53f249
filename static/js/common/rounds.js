/**
 * → a function that does `work`, one round at a time: however often it is called during a round, one more follows.
 * @param {() => Promise<void>} work
 * @param {() => void} [after] called after each round
 * @returns {() => Promise<void>}
 */
export function inRounds(work, after = () => {}) {
  /** @type {Promise<void> | undefined} */
  let running;
  let again = false;
  return function round() {
    again = Boolean(running);
    running ??= work().finally(() => {
      running = undefined;
      after();
      if (again) return round();
    });
    return running;
  };
}
