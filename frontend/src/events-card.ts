/** The latest events of all cameras, newest first, each with its picture. */
import { css, html, LitElement, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { mdiChevronRight } from "@mdi/js";
import { TimelineApi, type LiveMessage, type TimelineEvent } from "./api";
import { eventsConfigForm, type EventsCardConfig } from "./editor";
import { lookOf } from "./event-types";
import { camerasOf, messageOf, nameOf, type HomeAssistant } from "./hass";
import { icon } from "./icon";
import { linkTo } from "./link";
import { Texts, textsFor } from "./localize";
import { HOUR, MINUTE, dayOf } from "./zone";

/** Enough for a long look; what was before is on each camera's timeline. */
const MOST = 50;

interface Seen {
  camera: string;
  event: TimelineEvent;
}

/** One camera's part of the list. */
interface Source {
  api: TimelineApi;
  thumbnails: string;
  events: Map<TimelineEvent["id"], TimelineEvent>;
  unfollow: Promise<(() => Promise<void> | void) | undefined>;
}

export class EventsCard extends LitElement {
  @property({ attribute: false }) hass?: HomeAssistant;

  @state() private config?: EventsCardConfig;
  @state() private version = 0;
  @state() private loaded = false;
  @state() private trouble = "";
  @state() private broken = new Set<string>();

  private sources = new Map<string, Source>();
  private texts = new Texts("en", undefined);
  private connection: HomeAssistant["connection"] | undefined;
  private timer = 0;
  private loadedAt = 0;

  static override styles = css`
    :host {
      display: block;
      height: 100%;
    }
    ha-card {
      display: block;
      height: 100%;
      box-sizing: border-box;
      overflow-y: auto;
      color: var(--primary-text-color, #212121);
    }
    p {
      margin: 0;
      padding: 24px 16px;
      color: var(--secondary-text-color, #727272);
    }
    ul {
      margin: 0;
      padding: 6px;
      list-style: none;
    }
    button {
      all: unset;
      box-sizing: border-box;
      display: flex;
      align-items: center;
      gap: 12px;
      width: 100%;
      padding: 6px;
      border-radius: 10px;
      cursor: pointer;
    }
    button:hover {
      background: color-mix(in srgb, var(--primary-text-color, #212121) 6%, transparent);
    }
    button:focus-visible {
      box-shadow: inset 0 0 0 2px var(--primary-color, #03a9f4);
    }
    .picture {
      position: relative;
      flex: none;
      display: grid;
      place-items: center;
      width: 88px;
      height: 50px;
      border-radius: 8px;
      overflow: hidden;
      color: #fff;
      background: color-mix(in srgb, var(--type) 38%, #14181f);
    }
    .picture img {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: cover;
    }
    .picture i {
      position: absolute;
      inset-inline: 0;
      bottom: 0;
      height: 3px;
      background: var(--type);
    }
    svg {
      width: 24px;
      height: 24px;
      flex: none;
    }
    .what {
      flex: 1;
      min-width: 0;
      display: flex;
      flex-direction: column;
      line-height: 20px;
      font-size: 14px;
    }
    .what span,
    .what b {
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .what b {
      font-weight: 500;
    }
    .what span,
    time {
      color: var(--secondary-text-color, #727272);
      font-size: 12px;
    }
    time {
      flex: none;
      font-variant-numeric: tabular-nums;
      text-align: end;
      line-height: 18px;
    }
    .next {
      color: var(--secondary-text-color, #727272);
    }
    :host(:dir(rtl)) .next {
      transform: scaleX(-1);
    }
  `;

  static getConfigForm = eventsConfigForm;

  static getStubConfig(): Partial<EventsCardConfig> {
    return {};
  }

  setConfig(config: EventsCardConfig): void {
    this.config = config;
    this.stop();
  }

  getCardSize(): number {
    return 6;
  }

  getGridOptions(): object {
    return { columns: 12, min_columns: 6, rows: 8, min_rows: 3 };
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // The addresses of pictures end after some hours.
    this.timer = window.setInterval(() => void this.load(), HOUR);
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
    this.stop();
  }

  private get hours(): number {
    return this.config?.hours ?? 24;
  }

  private get wanted(): string[] {
    const known = camerasOf(this.hass!);
    const chosen = this.config?.cameras;
    return chosen?.length ? known.filter((camera) => chosen.includes(camera)) : known;
  }

  protected override willUpdate(): void {
    if (!this.hass || !this.config) {
      return;
    }
    this.texts = textsFor(this.hass, this.texts);
    if (this.isConnected && !this.connection) {
      this.start();
    }
  }

  private start(): void {
    const hass = this.hass!;
    this.connection = hass.connection;
    this.connection.addEventListener("ready", this.reconnected);
    for (const camera of this.wanted) {
      const api = new TimelineApi(hass, camera);
      const source: Source = {
        api,
        thumbnails: "",
        events: new Map(),
        unfollow: api
          .follow((message) => this.hear(source, message))
          .catch(() => undefined),
      };
      this.sources.set(camera, source);
    }
    void this.load();
  }

  private stop(): void {
    this.connection?.removeEventListener("ready", this.reconnected);
    this.connection = undefined;
    for (const { unfollow } of this.sources.values()) {
      void unfollow.then((end) => end?.()).catch(() => undefined);
    }
    this.sources = new Map();
    this.loaded = false;
  }

  /** What happened meanwhile was told to nobody. */
  private readonly reconnected = (): void => {
    void this.load();
  };

  private async load(): Promise<void> {
    this.loadedAt = Date.now();
    const { sources } = this;
    const start = Date.now() - this.hours * HOUR;
    let trouble = "";
    await Promise.all(
      [...sources.values()].map(async (source) => {
        try {
          const page = await source.api.page(start, Date.now() + MINUTE, null, MOST);
          source.thumbnails = page.thumbnails;
          for (const event of page.events) {
            source.events.set(event.id, event);
          }
          for (const [id, event] of source.events) {
            if (event.time < start) {
              source.events.delete(id);
            }
          }
        } catch (error) {
          trouble = messageOf(error);
        }
      }),
    );
    if (sources === this.sources) {
      this.trouble = trouble;
      this.loaded = true;
      this.broken = new Set();
      this.version++;
    }
  }

  private hear(source: Source, message: LiveMessage): void {
    if (message.type === "detection") {
      source.events.set(message.event.id, message.event);
      this.version++;
    }
  }

  /** The newest of all; what is too old or too much is forgotten. */
  private get shown(): Seen[] {
    const since = Date.now() - this.hours * HOUR;
    const found = [...this.sources].flatMap(([camera, source]) =>
      [...source.events.values()]
        .filter((event) => event.time >= since)
        .map((event): Seen => ({ camera, event })),
    );
    found.sort((one, other) => other.event.time - one.event.time);
    return found.slice(0, MOST);
  }

  private open({ camera, event }: Seen): void {
    if (this.config!.pages) {
      const dashboard = location.pathname.split("/")[1] ?? "";
      history.pushState(null, "", `/${dashboard}/${linkTo(camera, event.time)}`);
      window.dispatchEvent(new CustomEvent("location-changed", { detail: { replace: false } }));
      return;
    }
    const detail = { entityId: camera };
    this.dispatchEvent(
      new CustomEvent("hass-more-info", { detail, bubbles: true, composed: true }),
    );
  }

  /** A picture that does not come may have an address that is over. */
  private lost(capture: string): void {
    this.broken = new Set(this.broken).add(capture);
    if (Date.now() - this.loadedAt > MINUTE) {
      void this.load();
    }
  }

  protected override render(): unknown {
    if (!this.hass || !this.config) {
      return nothing;
    }
    const { shown, texts } = this;
    if (shown.length > 0) {
      return html`<ha-card>
        <ul aria-label=${texts.get("latest_events")}>
          ${repeat(
            shown,
            ({ camera, event }) => `${camera} ${event.id}`,
            (seen) => this.renderEvent(seen),
          )}
        </ul>
      </ha-card>`;
    }
    let text = texts.get("loading");
    if (this.trouble) {
      text = texts.get("not_loaded", { reason: this.trouble });
    } else if (this.loaded) {
      text = texts.get("no_recent_events", { hours: this.hours });
    }
    return html`<ha-card><p>${text}</p></ha-card>`;
  }

  private renderEvent(seen: Seen): unknown {
    const { camera, event } = seen;
    const { texts } = this;
    const zone = this.hass!.config.time_zone;
    const { colour, icon: path } = lookOf(event.type);
    const thumbnails = this.sources.get(camera)!.thumbnails;
    const capture = event.place === "gone" ? null : event.capture_id;
    const today = dayOf(event.time, zone) === dayOf(Date.now(), zone);
    return html`<li style="--type: ${colour}">
      <button @click=${() => this.open(seen)}>
        <div class="picture">
          ${icon(path)}
          ${capture !== null && thumbnails && !this.broken.has(capture)
            ? html`<img
                src=${thumbnails + capture}
                alt=""
                loading="lazy"
                decoding="async"
                @error=${() => this.lost(capture)}
              />`
            : nothing}
          <i></i>
        </div>
        <div class="what">
          <b>${texts.type(event.type)}${event.plate ? html` · ${event.plate}` : nothing}</b>
          <span>${nameOf(this.hass!, camera)}</span>
        </div>
        <time datetime=${new Date(event.time).toISOString()}
          >${today ? nothing : html`${texts.day(event.time, zone)}<br />`}${texts.time(
            event.time,
            zone,
          )}</time
        >
        <span class="next">${icon(mdiChevronRight)}</span>
      </button>
    </li>`;
  }
}

customElements.define("hikvision-nvr-events-card", EventsCard);
