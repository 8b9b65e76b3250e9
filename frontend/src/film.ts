/** The day's events as a film of thumbnails; only those in sight are made. */
import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { TimelineEvent } from "./api";
import { lookOf } from "./event-types";
import { icon } from "./icon";
import type { Texts } from "./localize";
import { firstFrom } from "./skyline";
import { mdiCloudOutline, mdiArchiveOutline, mdiLock } from "@mdi/js";

const ITEM = 132;
const GAP = 8;
const PITCH = ITEM + GAP;
const SPARE = 3;

export class Film extends LitElement {
  @property({ attribute: false }) events: readonly TimelineEvent[] = [];
  @property() thumbnails = "";
  @property({ type: Number }) position = 0;
  @property({ attribute: false }) picked: TimelineEvent | undefined;
  @property({ attribute: false }) texts!: Texts;
  @property() zone = "UTC";
  @property({ type: Boolean }) rtl = false;
  /** Changes with what `held` answers. */
  @property({ type: Number }) version = 0;
  @property({ attribute: false }) held: (event: TimelineEvent) => boolean = () => false;

  @state() private first = 0;
  @state() private fits = 8;
  @state() private broken = new Set<string>();

  @query(".scroll") private scroller?: HTMLElement;
  private observer: ResizeObserver | undefined;
  private touched = 0;

  static override styles = css`
    :host {
      display: block;
    }
    .scroll {
      overflow-x: auto;
      overflow-y: hidden;
      scrollbar-width: thin;
      scrollbar-color: var(--divider-color, #ccc) transparent;
      /* Room for the ring around what is chosen. */
      padding: 4px 4px 6px;
      margin-inline: -4px;
    }
    ul {
      position: relative;
      height: 98px;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li {
      position: absolute;
      top: 0;
      width: ${ITEM}px;
    }
    button {
      all: unset;
      box-sizing: border-box;
      display: block;
      width: 100%;
      cursor: pointer;
      border-radius: 10px;
    }
    .picture {
      position: relative;
      display: grid;
      place-items: center;
      height: 74px;
      border-radius: 10px;
      overflow: hidden;
      color: #fff;
      background: color-mix(in srgb, var(--type) 38%, #14181f);
    }
    .picture svg.large {
      width: 30px;
      height: 30px;
      opacity: 0.9;
    }
    img {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: cover;
    }
    .badges {
      position: absolute;
      inset-block-start: 5px;
      inset-inline-end: 5px;
      display: flex;
      gap: 3px;
    }
    .badges span {
      display: grid;
      place-items: center;
      width: 20px;
      height: 20px;
      border-radius: 50%;
      background: rgba(0, 0, 0, 0.6);
      color: #fff;
    }
    .badges svg {
      width: 13px;
      height: 13px;
    }
    .stripe {
      position: absolute;
      inset-inline: 0;
      bottom: 0;
      height: 4px;
      background: var(--type);
    }
    .caption {
      display: flex;
      gap: 6px;
      justify-content: space-between;
      padding: 3px 3px 0;
      font-size: 12px;
      line-height: 18px;
      color: var(--primary-text-color, #212121);
    }
    .caption span {
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .caption time {
      flex: none;
      color: var(--secondary-text-color, #727272);
      font-variant-numeric: tabular-nums;
    }
    button:focus-visible .picture,
    button[aria-current="true"] .picture {
      box-shadow:
        0 0 0 2px var(--card-background-color, #fff),
        0 0 0 4px var(--primary-color, #03a9f4);
    }
    button:hover img {
      filter: brightness(1.08);
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer = new ResizeObserver(([entry]) => {
      this.fits = Math.ceil(entry!.contentRect.width / PITCH);
      this.settle();
    });
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer?.disconnect();
  }

  protected override updated(changed: PropertyValues<this>): void {
    const moved = changed.has("position") || changed.has("events") || changed.has("picked");
    if (moved && Date.now() - this.touched > 4000) {
      this.settle();
    }
  }

  /** Show the event that the playhead is at. */
  private settle(): void {
    if (!this.scroller) {
      return;
    }
    const place = this.picked
      ? this.events.indexOf(this.picked)
      : firstFrom(this.events, this.position + 1) - 1;
    const room = this.scroller.clientWidth;
    const wanted = Math.max(0, place * PITCH - (room - ITEM) / 2);
    const now = Math.abs(this.scroller.scrollLeft);
    if (Math.abs(now - wanted) > ITEM / 2) {
      this.scroller.scrollTo({ left: this.rtl ? -wanted : wanted });
    }
  }

  private readonly scrolled = (): void => {
    this.first = Math.floor(Math.abs(this.scroller!.scrollLeft) / PITCH);
  };

  private readonly touch = (): void => {
    this.touched = Date.now();
  };

  /** A mouse's wheel goes up and down, the film sideways. */
  private readonly wheel = (event: WheelEvent): void => {
    this.touch();
    const scroller = this.scroller!;
    if (event.deltaX === 0 && scroller.scrollWidth > scroller.clientWidth && event.shiftKey) {
      scroller.scrollBy({ left: event.deltaY });
    }
  };

  protected override render(): unknown {
    const from = Math.max(0, this.first - SPARE);
    const shown = this.events.slice(from, this.first + this.fits + SPARE);
    return html`<div
      class="scroll"
      @scroll=${this.scrolled}
      @wheel=${{ handleEvent: this.wheel, passive: true }}
      @pointerdown=${this.touch}
    >
      <ul
        aria-label=${this.texts.get("events")}
        style="width: ${Math.max(0, this.events.length * PITCH - GAP)}px"
      >
        ${repeat(
          shown,
          (event) => event.id,
          (event, place) => this.renderEvent(event, from + place),
        )}
      </ul>
    </div>`;
  }

  private renderEvent(event: TimelineEvent, place: number): unknown {
    const { colour, icon: path } = lookOf(event.type);
    const type = this.texts.type(event.type);
    const clock = this.texts.clock(event.time, this.zone);
    // It begins as what is to be read does, for those who speak to their computer.
    const spoken = event.plate ? `${event.plate}, ${clock}, ${type}` : `${type}, ${clock}`;
    const pictured =
      event.capture_id !== null &&
      event.place !== "gone" &&
      this.thumbnails !== "" &&
      !this.broken.has(event.capture_id);
    return html`<li style="inset-inline-start: ${place * PITCH}px; --type: ${colour}">
      <button
        aria-current=${event.id === this.picked?.id ? "true" : "false"}
        aria-label=${spoken}
        @click=${() => this.dispatchEvent(new CustomEvent("pick", { detail: event }))}
        @focus=${this.touch}
      >
        <div class="picture">
          ${icon(path, "large")}
          ${pictured
            ? html`<img
                src=${this.thumbnails + event.capture_id}
                alt=""
                loading="lazy"
                decoding="async"
                @error=${() => (this.broken = new Set(this.broken).add(event.capture_id!))}
              />`
            : nothing}
          <div class="stripe"></div>
          <div class="badges">
            ${this.held(event) ? html`<span>${icon(mdiLock)}</span>` : nothing}
            ${event.place === "offsite" ? html`<span>${icon(mdiCloudOutline)}</span>` : nothing}
            ${event.place === "archived" ? html`<span>${icon(mdiArchiveOutline)}</span>` : nothing}
          </div>
        </div>
        <div class="caption">
          <span>${event.plate ?? type}</span>
          <time datetime=${new Date(event.time).toISOString()}
            >${clock}</time
          >
        </div>
      </button>
    </li>`;
  }
}

customElements.define("hikvision-nvr-film", Film);
