import { html, type TemplateResult } from "lit";

/** A picture that means nothing by itself: what it stands on has a label. */
export function icon(path: string, name = ""): TemplateResult {
  return html`<svg class=${name} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${path} fill="currentColor"></path>
  </svg>`;
}
