/** Text that may hold anything, for use in HTML and SVG, in attributes too. */
export function escaped(text: string): string {
  const named: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => named[character] ?? character);
}

/** A number for SVG: no more digits than a pixel needs. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);
