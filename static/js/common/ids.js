/** A new UUID; crypto.randomUUID is not there without TLS. */
export const newId = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (mark) => {
    const digit = Number(mark);
    return (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16);
  });
