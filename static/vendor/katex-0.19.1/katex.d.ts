// It exports nothing: it sets a global name, which static/js/types.d.ts declares. For `tsc`; no page loads this file.
export {};
