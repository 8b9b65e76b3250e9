/** The live view: Home Assistant's own picture card, which knows WebRTC, HLS and stills. */
import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { property, state } from "lit/decorators.js";
import type { Card, HomeAssistant } from "./hass";

const STREAM = 2;
const STILL_EVERY = 10_000;

export class Live extends LitElement {
  @property({ attribute: false }) hass?: HomeAssistant;
  @property() camera = "";
  @property() label = "";

  @state() private card?: Card;
  @state() private still = 0;

  private timer = 0;

  static override styles = css`
    :host,
    .card {
      display: block;
      height: 100%;
    }
    .card {
      --ha-card-border-width: 0;
      --ha-card-border-radius: 0;
      --ha-card-box-shadow: none;
      --ha-card-background: #000;
      pointer-events: none;
    }
    img {
      width: 100%;
      height: 100%;
      object-fit: contain;
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => (this.still = Date.now()), STILL_EVERY);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("camera")) {
      void this.make();
    }
    if (this.card && this.hass) {
      this.card.hass = this.hass;
    }
  }

  private async make(): Promise<void> {
    const camera = this.camera;
    const helpers = await window.loadCardHelpers?.();
    if (!helpers || camera !== this.camera) {
      return;
    }
    const features = Number(this.hass?.states[camera]?.attributes["supported_features"] ?? 0);
    const card = helpers.createCardElement({
      type: "picture-entity",
      entity: camera,
      camera_view: features & STREAM ? "live" : "auto",
      show_name: false,
      show_state: false,
      aspect_ratio: "16:9",
      fit_mode: "contain",
      tap_action: { action: "none" },
      hold_action: { action: "none" },
    });
    if (this.hass) {
      card.hass = this.hass;
    }
    this.card = card;
  }

  protected override render(): unknown {
    if (this.card) {
      return html`<div class="card" inert>${this.card}</div>`;
    }
    const picture = this.hass?.states[this.camera]?.attributes.entity_picture;
    return picture
      ? html`<img src=${this.hass!.hassUrl(`${picture}&still=${this.still}`)} alt=${this.label} />`
      : nothing;
  }
}

customElements.define("hikvision-nvr-live", Live);
