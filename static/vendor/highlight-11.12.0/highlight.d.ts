// What our scripts use of highlight.js, for `tsc`; no page loads this file.
declare const highlight: {
  getLanguage(name: string): object | undefined;
  highlight(text: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
};
export default highlight;
