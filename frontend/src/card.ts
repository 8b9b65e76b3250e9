/** The timeline card: a camera live, and its day to look back through. */
import { html, LitElement, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import {
  mdiBroadcast,
  mdiCalendar,
  mdiChevronLeft,
  mdiChevronRight,
  mdiClose,
  mdiContentCut,
  mdiContentSaveOutline,
  mdiDownload,
  mdiFastForward10,
  mdiFilmstrip,
  mdiFullscreen,
  mdiImage,
  mdiLock,
  mdiLockOpenVariant,
  mdiMagnifyMinusOutline,
  mdiMagnifyPlusOutline,
  mdiPause,
  mdiPlay,
  mdiRewind10,
  mdiSkipNext,
  mdiSkipPrevious,
  mdiVolumeHigh,
  mdiVolumeOff,
} from "@mdi/js";
import { TimelineApi, type LiveMessage, type TimelineEvent } from "./api";
import { firstWeekdayOf } from "./calendar";
import { cardStyles } from "./card-styles";
import { Day } from "./day";
import { configForm, type CardConfig } from "./editor";
import { lookOf } from "./event-types";
import { messageOf, PLATFORM, type HomeAssistant } from "./hass";
import { icon } from "./icon";
import { containing, lastCovered, nextCovered, type Interval } from "./intervals";
import { takeMoment } from "./link";
import { Texts, textsFor } from "./localize";
import type { Player, Problem } from "./player";
import type { Strip } from "./strip";
import { DAY, HOUR, MINUTE, SECOND, dayOf, shifted, startOf } from "./zone";
import "./calendar";
import "./film";
import "./live";
import "./player";
import "./strip";

/** Shown before an event, and taken with it when it is kept or downloaded. */
const BEFORE_EVENT = 5 * SECOND;
const AFTER_EVENT = 25 * SECOND;
const LONGEST_DOWNLOAD = 15 * MINUTE;
const CLOCK = SECOND;

type Stage =
  | { kind: "live" }
  | { kind: "footage" }
  | { kind: "picture"; event: TimelineEvent; url?: string; mime?: string };

export class TimelineCard extends LitElement {
  @property({ attribute: false }) hass?: HomeAssistant;

  @state() private config?: CardConfig;
  @state() private stage: Stage = { kind: "live" };
  @state() private dayName = "";
  @state() private bounds: Interval = [0, DAY];
  @state() private version = 0;
  @state() private position = Date.now();
  @state() private now = Date.now();
  @state() private playing = true;
  @state() private buffering = false;
  @state() private muted = true;
  @state() private problem: Problem | undefined;
  @state() private trouble = "";
  @state() private picked: TimelineEvent | undefined;
  @state() private unshown = new Set<string>();
  @state() private selection: Interval | undefined;
  @state() private choosing = false;
  @state() private busy = false;
  @state() private note = "";

  @query("hikvision-nvr-player") private player?: Player;
  @query("hikvision-nvr-strip") private strip?: Strip;
  @query(".day") private dayButton?: HTMLElement;

  private api: TimelineApi | undefined;
  private day: Day | undefined;
  private texts = new Texts("en", undefined);
  private shown: readonly TimelineEvent[] = [];
  private counts = new Map<string, number>();
  private unfollow: Promise<(() => Promise<void> | void) | undefined> | undefined;
  private connection: HomeAssistant["connection"] | undefined;
  private clock = 0;
  /** Whether what is being scrubbed plays when it is let go. */
  private resume: boolean | undefined;
  private noteTimer = 0;

  static override styles = cardStyles;

  static getConfigForm = configForm;

  /** The first camera of the recorder, for the card picker's preview. */
  static getStubConfig(hass: HomeAssistant): Partial<CardConfig> {
    const camera = Object.values(hass.entities).find(
      (entity) => entity.platform === PLATFORM && entity.entity_id.startsWith("camera."),
    );
    return { entity: camera?.entity_id ?? "" };
  }

  setConfig(config: CardConfig): void {
    if (config.entity && !config.entity.startsWith("camera.")) {
      throw new Error(`${config.entity} is not a camera`);
    }
    const before = this.config;
    this.config = config;
    this.muted = config.muted ?? true;
    if (before && before.entity !== config.entity) {
      this.stopFollowing();
      this.api = undefined;
      this.goLive();
    }
  }

  getCardSize(): number {
    return this.config?.film === false ? 8 : 10;
  }

  getGridOptions(): object {
    return { columns: 12, min_columns: 6, rows: "auto" };
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = window.setInterval(() => this.tick(), CLOCK);
    document.addEventListener("click", this.clickedElsewhere);
    if (this.api) {
      this.follow();
      this.goToAsked();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.clock);
    window.clearTimeout(this.noteTimer);
    document.removeEventListener("click", this.clickedElsewhere);
    this.stopFollowing();
  }

  private get zone(): string {
    return this.hass!.config.time_zone;
  }

  private get camera(): string {
    return this.config?.entity ?? "";
  }

  private get known(): boolean {
    const entity = this.hass?.entities[this.camera];
    return entity !== undefined && entity.platform === PLATFORM;
  }

  private get name(): string {
    return (
      this.config?.name || this.hass?.states[this.camera]?.attributes.friendly_name || this.camera
    );
  }

  private get rtl(): boolean {
    return getComputedStyle(this).direction === "rtl";
  }

  // --- what the day holds ------------------------------------------------------------

  protected override willUpdate(): void {
    if (!this.hass || !this.config) {
      return;
    }
    this.texts = textsFor(this.hass, this.texts);
    if (!this.api && this.known) {
      this.api = new TimelineApi(this.hass, this.camera);
      if (!this.goToAsked()) {
        void this.open(dayOf(Date.now(), this.zone));
      }
      this.follow();
    }
  }

  /** Show the moment that the page's address asks for; false where it asks for none. */
  private goToAsked(): boolean {
    const time = takeMoment(this.camera);
    if (time === undefined) {
      return false;
    }
    const loading = this.open(dayOf(time, this.zone));
    const opened = this.day!;
    this.stage = { kind: "footage" };
    this.position = time;
    this.playing = false;
    this.buffering = true;
    this.problem = undefined;
    void loading.then(() => {
      // Meanwhile its owner may have gone elsewhere.
      if (opened !== this.day || this.position !== time) {
        return;
      }
      const event = this.day.events.find((one) => one.time === time);
      if (event) {
        this.show(event);
      } else {
        this.goTo(time);
      }
    });
    return true;
  }

  /** Show a day; the end of it is that of the loading. */
  private open(day: string): Promise<void> {
    this.day?.stop();
    this.dayName = day;
    this.bounds = [startOf(day, this.zone), startOf(shifted(day, 1), this.zone)];
    this.selection = undefined;
    const opened = new Day(this.api!, this.bounds, () => this.changed(opened));
    this.day = opened;
    this.changed(opened);
    return this.load();
  }

  private async load(): Promise<void> {
    const day = this.day!;
    try {
      await day.load();
      this.trouble = "";
    } catch (error) {
      if (day === this.day) {
        this.trouble = messageOf(error);
      }
    }
  }

  private changed(day: Day): void {
    if (day !== this.day) {
      return;
    }
    const wanted = this.config?.types;
    const chosen = wanted?.length
      ? day.events.filter((event) => wanted.includes(event.type))
      : day.events;
    this.counts = new Map();
    for (const event of chosen) {
      this.counts.set(event.type, (this.counts.get(event.type) ?? 0) + 1);
    }
    this.shown = this.unshown.size
      ? chosen.filter((event) => !this.unshown.has(event.type))
      : chosen;
    this.version++;
  }

  private follow(): void {
    this.stopFollowing();
    this.connection = this.hass!.connection;
    this.connection.addEventListener("ready", this.reconnected);
    this.unfollow = this.api!.follow((message) => this.hear(message)).catch((error: unknown) => {
      this.trouble = messageOf(error);
      return undefined;
    });
    if (this.day?.complete) {
      void this.load();
    }
  }

  private stopFollowing(): void {
    this.connection?.removeEventListener("ready", this.reconnected);
    void this.unfollow?.then((unfollow) => unfollow?.()).catch(() => undefined);
    this.unfollow = undefined;
  }

  /** What happened meanwhile was told to nobody. */
  private readonly reconnected = (): void => {
    if (this.day) {
      void this.load();
    }
  };

  private hear(message: LiveMessage): void {
    this.day?.hear(message);
  }

  private tick(): void {
    this.now = Date.now();
    if (this.stage.kind !== "live" || !this.hass) {
      return;
    }
    this.position = this.now;
    const today = dayOf(this.now, this.zone);
    // Past midnight the live view goes on with the new day.
    if (this.api && this.dayName && this.dayName !== today) {
      void this.open(today);
    }
  }

  // --- what is seen ------------------------------------------------------------------

  private goLive = (): void => {
    this.stage = { kind: "live" };
    this.problem = undefined;
    this.picked = undefined;
    this.playing = true;
    this.buffering = false;
    this.now = this.position = Date.now();
    if (this.api && this.hass) {
      const today = dayOf(this.now, this.zone);
      if (this.dayName !== today) {
        void this.open(today);
      }
    }
    void this.updateComplete.then(() => this.strip?.reveal());
  };

  /** Play from a time on. */
  private async playFrom(time: number, play = true): Promise<void> {
    this.stage = { kind: "footage" };
    this.problem = undefined;
    this.position = time;
    this.playing = play;
    await this.updateComplete;
    await this.player?.show(time, play);
  }

  private readonly seek = (event: CustomEvent<{ time: number; final: boolean }>): void => {
    const { time, final } = event.detail;
    this.picked = undefined;
    this.resume ??= this.goesOn;
    const play = this.resume;
    if (!final) {
      if (this.stage.kind === "footage" && this.playing) {
        this.player?.pause();
      }
      this.stage = { kind: "footage" };
      this.problem = undefined;
      this.position = time;
      return;
    }
    this.resume = undefined;
    if (this.now - time < 5 * SECOND) {
      this.goLive();
    } else {
      this.goTo(time, play);
    }
  };

  /** Whether a jump plays: what was paused stays so, but where nothing is, nothing is paused. */
  private get goesOn(): boolean {
    return this.playing || this.stage.kind !== "footage" || this.problem !== undefined;
  }

  /** Show what there is of a time; where nothing was recorded, say so. */
  private goTo(time: number, play = true): void {
    if (this.day?.complete && !containing(this.day.coverage, time)) {
      this.player?.pause();
      this.stage = { kind: "footage" };
      this.position = time;
      this.playing = false;
      this.buffering = false;
      this.problem = { kind: "none" };
    } else {
      void this.playFrom(time, play);
    }
    void this.updateComplete.then(() => this.strip?.reveal());
  }

  private readonly pick = (event: CustomEvent<TimelineEvent>): void => {
    this.show(event.detail);
  };

  /** Show an event: its footage if there is any, else its picture. */
  private show(event: TimelineEvent): void {
    this.picked = event;
    if (this.footageOf(event)) {
      void this.playFrom(this.beginning(event));
    } else {
      void this.showPicture(event);
    }
    void this.updateComplete.then(() => this.strip?.reveal());
  }

  private footageOf(event: TimelineEvent): Interval | undefined {
    return this.day && containing(this.day.coverage, event.time);
  }

  /** A little before an event, but not before its footage. */
  private beginning(event: TimelineEvent): number {
    return Math.max(event.time - BEFORE_EVENT, this.footageOf(event)?.[0] ?? 0);
  }

  private async showPicture(event: TimelineEvent): Promise<void> {
    this.player?.pause();
    this.position = event.time;
    this.playing = false;
    this.buffering = false;
    this.problem = undefined;
    this.stage = { kind: "picture", event };
    if (!event.media_content_id) {
      return;
    }
    try {
      const { url, mime_type: mime } = await this.api!.resolve(event.media_content_id);
      if (this.stage.kind === "picture" && this.stage.event === event) {
        this.stage = { kind: "picture", event, url: this.hass!.hassUrl(url), mime };
      }
    } catch (error) {
      if (this.stage.kind === "picture" && this.stage.event === event) {
        this.problem = { kind: "error", message: messageOf(error) };
      }
    }
  }

  private jump(direction: 1 | -1): void {
    const from = this.picked?.time ?? this.position;
    const event = this.day?.neighbour(from, direction, (one) => this.shown.includes(one));
    if (event) {
      this.show(event);
    }
  }

  private readonly toggle = (): void => {
    if (this.stage.kind === "live") {
      // From the live view, pause shows what was recorded last.
      const last = this.day && lastCovered(this.day.coverage, this.now);
      if (last !== undefined) {
        void this.playFrom(Math.max(last - SECOND, this.bounds[0]), false);
      }
    } else if (this.stage.kind === "picture") {
      this.goTo(this.beginning(this.stage.event));
    } else if (this.playing) {
      this.player?.pause();
    } else if (this.problem) {
      this.goTo(this.position);
    } else {
      this.player?.play();
    }
  };

  private step(by: number): void {
    this.picked = undefined;
    const to = this.position + by;
    if (to >= this.now - 5 * SECOND) {
      this.goLive();
      return;
    }
    // Across a gap to where it goes on, as a film would be cut.
    const coverage = this.day?.coverage ?? [];
    const next = by > 0 ? nextCovered(coverage, to) : lastCovered(coverage, to);
    this.goTo(Math.max(next ?? to, this.bounds[0]), this.goesOn);
  }

  private readonly moved = (event: CustomEvent<{ time: number }>): void => {
    if (this.stage.kind !== "footage") {
      return;
    }
    this.position = event.detail.time;
    if (this.position >= this.bounds[1] || this.position < this.bounds[0]) {
      void this.open(dayOf(this.position, this.zone));
    }
    this.strip?.reveal();
  };

  private readonly stateChanged = (
    event: CustomEvent<{ playing: boolean; buffering?: boolean }>,
  ): void => {
    if (this.stage.kind === "footage" && !this.problem) {
      this.playing = event.detail.playing;
      this.buffering = event.detail.buffering ?? this.buffering;
    }
  };

  private readonly failed = (event: CustomEvent<Problem>): void => {
    this.problem = event.detail;
    this.buffering = false;
    this.playing = false;
  };

  private readonly finished = (): void => {
    // While it played, more was recorded.
    const next = nextCovered(this.day?.coverage ?? [], this.position + SECOND);
    if (this.now - this.position < MINUTE) {
      this.goLive();
    } else if (next !== undefined) {
      void this.playFrom(next);
    } else {
      this.playing = false;
      this.problem = { kind: "none" };
    }
  };

  private openDay(day: string): void {
    this.choosing = false;
    this.dayButton?.focus();
    if (day === dayOf(Date.now(), this.zone)) {
      this.goLive();
      return;
    }
    this.player?.pause();
    this.picked = undefined;
    const loading = this.open(day);
    const opened = this.day!;
    // Until it is known what there is.
    this.position = this.bounds[0] + 12 * HOUR;
    this.stage = { kind: "footage" };
    this.playing = false;
    this.problem = undefined;
    void loading.then(() => {
      if (opened === this.day && opened.complete && !this.playing) {
        this.beginDay(opened);
      }
    });
  }

  /** Begin a past day with its first event, else with its first footage. */
  private beginDay(day: Day): void {
    const [event] = this.shown;
    const footage = day.coverage[0];
    if (footage) {
      void this.playFrom(event && containing(day.coverage, event.time) ? event.time : footage[0], false);
    } else if (event) {
      this.show(event);
    } else {
      this.problem = { kind: "none" };
    }
  }

  private readonly clickedElsewhere = (event: Event): void => {
    if (this.choosing && !event.composedPath().includes(this)) {
      this.choosing = false;
    }
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) {
      return;
    }
    if (event.key === "Escape" && (this.choosing || this.selection)) {
      event.stopPropagation();
      if (this.choosing) {
        this.dayButton?.focus();
      }
      this.choosing = false;
      this.selection = undefined;
      return;
    }
    const onButton = event.composedPath().some((part) => part instanceof HTMLButtonElement);
    const actions: Record<string, () => void> = {
      " ": this.toggle,
      k: this.toggle,
      j: () => this.step(-10 * SECOND),
      l: () => this.step(10 * SECOND),
      n: () => this.jump(1),
      p: () => this.jump(-1),
    };
    const action = actions[event.key];
    if (action && !(onButton && event.key === " ")) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  };

  // --- what is done with it ----------------------------------------------------------

  private toggleType(type: string): void {
    const unshown = new Set(this.unshown);
    if (!unshown.delete(type)) {
      unshown.add(type);
    }
    this.unshown = unshown;
    this.changed(this.day!);
  }

  private readonly toggleSelection = (): void => {
    if (this.selection) {
      this.selection = undefined;
      return;
    }
    const latest = Math.min(this.bounds[1], this.now);
    const [start, end] = this.picked
      ? this.around(this.picked)
      : [this.position - 30 * SECOND, this.position + 30 * SECOND];
    this.selection =
      end > latest
        ? [Math.max(this.bounds[0], latest - MINUTE), latest]
        : [Math.max(this.bounds[0], start), end];
    this.strip?.fit(this.selection);
  };

  private around(event: TimelineEvent): Interval {
    return [event.time - BEFORE_EVENT, event.time + AFTER_EVENT];
  }

  private holdOf(event: TimelineEvent): Interval | undefined {
    return this.day && containing(this.day.holds, event.time);
  }

  private readonly isHeld = (event: TimelineEvent): boolean => this.holdOf(event) !== undefined;

  private async hold([start, end]: Interval): Promise<void> {
    await this.work(this.texts.get("loading"), async () => {
      await this.api!.protect(start, end);
      await this.day?.loadHolds();
      return this.texts.get("held");
    });
  }

  private async release([start, end]: Interval): Promise<void> {
    await this.work(this.texts.get("loading"), async () => {
      // The recorder releases what lies wholly within a time.
      await this.api!.unprotect(start - SECOND, end + SECOND);
      await this.day?.loadHolds();
      return this.texts.get("released");
    });
  }

  private async download([start, end]: Interval): Promise<void> {
    if (end - start > LONGEST_DOWNLOAD) {
      this.say(this.texts.get("too_long"));
      return;
    }
    await this.work(this.texts.get("downloading"), async () => {
      const { url, name } = await this.api!.download(start, end);
      this.fetch(url, name);
      return this.texts.get("downloaded");
    });
  }

  private async downloadEvent(event: TimelineEvent): Promise<void> {
    if (this.footageOf(event) && this.stage.kind !== "picture") {
      await this.download(this.around(event));
      return;
    }
    await this.work(this.texts.get("downloading"), async () => {
      const { url, mime_type: mime } = await this.api!.resolve(event.media_content_id!);
      const time = new Date(event.time).toISOString().slice(0, 19).replace(/:/g, "-");
      const ending = mime.startsWith("video/") ? "mp4" : "jpg";
      this.fetch(url, `${this.name} ${time}.${ending}`);
      return this.texts.get("downloaded");
    });
  }

  private async save([start, end]: Interval): Promise<void> {
    await this.work(this.texts.get("saving"), async () => {
      await this.api!.save(start, end);
      return this.texts.get("saved");
    });
  }

  private fetch(url: string, name: string): void {
    const link = document.createElement("a");
    link.href = this.hass!.hassUrl(url);
    link.download = name;
    link.click();
  }

  private async work(meanwhile: string, task: () => Promise<string>): Promise<void> {
    this.busy = true;
    this.say(meanwhile, true);
    try {
      this.say(await task());
    } catch (error) {
      this.say(messageOf(error));
    } finally {
      this.busy = false;
    }
  }

  private say(text: string, stay = false): void {
    window.clearTimeout(this.noteTimer);
    this.note = text;
    if (!stay) {
      this.noteTimer = window.setTimeout(() => (this.note = ""), 6 * SECOND);
    }
  }

  // --- how it looks ------------------------------------------------------------------

  protected override render(): unknown {
    if (!this.hass || !this.config) {
      return nothing;
    }
    if (!this.known) {
      const text = this.camera
        ? this.texts.get("camera_gone", { entity: this.camera })
        : this.texts.get("choose_camera");
      return html`<ha-card><p class="unknown">${text}</p></ha-card>`;
    }
    return html`<ha-card @keydown=${this.key}>
      <div class="body">
        ${this.renderStage()} ${this.renderBar()}
        ${this.trouble
          ? html`<div class="trouble" role="alert">
              <span>${this.texts.get("not_loaded", { reason: this.trouble })}</span>
              <button class="text" @click=${() => this.load()}>${this.texts.get("again")}</button>
            </div>`
          : nothing}
        <hikvision-nvr-strip
          .bounds=${this.bounds}
          .coverage=${this.day?.coverage ?? []}
          .holds=${this.day?.holds ?? []}
          .events=${this.shown}
          .thumbnails=${this.thumbnails}
          .position=${this.position}
          .now=${this.now}
          .initial=${(this.config.hours ?? 24) * HOUR}
          .selection=${this.selection}
          .texts=${this.texts}
          .zone=${this.zone}
          .rtl=${this.rtl}
          .theme=${`${this.hass.themes.darkMode}`}
          @seek=${this.seek}
          @pick=${this.pick}
          @jump=${(event: CustomEvent<1 | -1>) => this.jump(event.detail)}
          @selection=${(event: CustomEvent<Interval>) => (this.selection = event.detail)}
        ></hikvision-nvr-strip>
        ${this.selection ? this.renderSelection(this.selection) : nothing}
        ${this.picked && !this.selection ? this.renderPicked(this.picked) : nothing}
        ${this.renderLegend()}
        ${this.config.film === false || this.shown.length === 0
          ? nothing
          : html`<hikvision-nvr-film
              .events=${this.shown}
              .thumbnails=${this.thumbnails}
              .position=${Math.floor(this.position / SECOND) * SECOND}
              .picked=${this.picked}
              .texts=${this.texts}
              .zone=${this.zone}
              .rtl=${this.rtl}
              .held=${this.isHeld}
              .version=${this.version}
              @pick=${this.pick}
            ></hikvision-nvr-film>`}
        <div class="note" role="status" dir="auto" ?hidden=${!this.note}>${this.note}</div>
      </div>
    </ha-card>`;
  }

  private get thumbnails(): string {
    return this.day?.thumbnails ? this.hass!.hassUrl(this.day.thumbnails) : "";
  }

  private button(
    name: string,
    path: string,
    label: string,
    action: () => void,
    more: { disabled?: boolean; pressed?: boolean; text?: string } = {},
  ): unknown {
    return html`<button
      class=${`${name} ${more.text ? "text" : "round"}`}
      aria-label=${more.text ? nothing : label}
      title=${label}
      aria-pressed=${more.pressed === undefined ? nothing : more.pressed ? "true" : "false"}
      ?disabled=${more.disabled ?? false}
      @click=${action}
    >
      ${icon(path)}${more.text ? html`<span>${more.text}</span>` : nothing}
    </button>`;
  }

  private renderStage(): unknown {
    const { texts, stage, name } = this;
    const live = stage.kind === "live";
    return html`<div class="stage">
      ${live
        ? html`<hikvision-nvr-live
            .hass=${this.hass}
            .camera=${this.camera}
            .label=${name}
          ></hikvision-nvr-live>`
        : html`<hikvision-nvr-player
            .hass=${this.hass}
            .api=${this.api}
            .muted=${this.muted}
            .label=${name}
            @position=${this.moved}
            @state=${this.stateChanged}
            @problem=${this.failed}
            @finished=${this.finished}
          ></hikvision-nvr-player>`}
      ${stage.kind === "picture" ? this.renderPicture(stage) : nothing}
      ${this.problem ? this.renderProblem(this.problem) : nothing}
      ${this.buffering && !this.problem && stage.kind === "footage"
        ? html`<div class="spinner" role="img" aria-label=${texts.get("loading")}></div>`
        : nothing}
      <div class="shade">
        ${live
          ? html`<span class="pill live"><i></i>${texts.get("live")}</span>`
          : html`<span class="pill"
              >${texts.day(this.position, this.zone)} · ${texts.time(this.position, this.zone)}</span
            >`}
        <span class="name">${name}</span>
      </div>
      <div class="corner">
        ${stage.kind === "footage"
          ? this.button(
              "mute",
              this.muted ? mdiVolumeOff : mdiVolumeHigh,
              texts.get(this.muted ? "unmute" : "mute"),
              () => (this.muted = !this.muted),
            )
          : nothing}
        ${document.fullscreenEnabled
          ? this.button("fullscreen", mdiFullscreen, texts.get("fullscreen"), this.fullscreen)
          : nothing}
      </div>
    </div>`;
  }

  private readonly fullscreen = (): void => {
    if (document.fullscreenElement) {
      void document.exitFullscreen();
    } else {
      void this.renderRoot.querySelector(".stage")?.requestFullscreen();
    }
  };

  private renderPicture({ event, url, mime }: Extract<Stage, { kind: "picture" }>): unknown {
    const label = `${this.texts.type(event.type)}, ${this.texts.moment(event.time, this.zone)}`;
    if (!event.media_content_id) {
      return html`<div class="picture"><p>${this.texts.get("picture_gone")}</p></div>`;
    }
    if (!url) {
      return html`<div class="picture"></div>`;
    }
    return html`<div class="picture">
      ${mime?.startsWith("video/")
        ? html`<video src=${url} controls autoplay muted playsinline aria-label=${label}></video>`
        : html`<img
            src=${url}
            alt=${label}
            @error=${() => (this.problem = { kind: "error", message: this.texts.get("picture_gone") })}
          />`}
    </div>`;
  }

  private renderProblem(problem: Problem): unknown {
    const { texts } = this;
    const coverage = this.day?.coverage ?? [];
    const next = nextCovered(coverage, this.position);
    const before = lastCovered(coverage, this.position);
    const text = {
      none: () => texts.get("no_footage"),
      codec: () => texts.get("codec", { codec: (problem as { codec: string }).codec }),
      error: () => texts.get("failed", { reason: (problem as { message: string }).message }),
    }[problem.kind]();
    return html`<div class="problem" role="alert">
      <p dir="auto">${text}</p>
      <div>
        ${problem.kind === "none" && before !== undefined
          ? html`<button class="text" @click=${() => this.goTo(Math.max(this.bounds[0], before - 10 * SECOND))}>
              ${texts.get("previous_footage")}
            </button>`
          : nothing}
        ${problem.kind === "none" && next !== undefined
          ? html`<button class="text" @click=${() => this.goTo(next)}>${texts.get("next_footage")}</button>`
          : nothing}
        ${problem.kind === "error" && this.stage.kind === "footage"
          ? html`<button class="text" @click=${() => this.playFrom(this.position)}>
              ${texts.get("again")}
            </button>`
          : nothing}
      </div>
    </div>`;
  }

  private renderBar(): unknown {
    const { texts, rtl } = this;
    const today = dayOf(this.now, this.zone);
    const running = this.playing && this.stage.kind !== "picture";
    const earlier = rtl ? mdiChevronRight : mdiChevronLeft;
    const later = rtl ? mdiChevronLeft : mdiChevronRight;
    return html`<div class="bar">
      <div class="date">
        ${this.button("earlier", earlier, texts.get("previous_day"), () =>
          this.openDay(shifted(this.dayName, -1)),
        )}
        <button
          class="day text"
          aria-haspopup="dialog"
          aria-expanded=${this.choosing ? "true" : "false"}
          title=${texts.get("choose_day")}
          @click=${() => (this.choosing = !this.choosing)}
        >
          ${icon(mdiCalendar)}<span
            >${this.dayName === today
              ? texts.get("today")
              : texts.day(this.bounds[0], this.zone)}</span
          >
        </button>
        ${this.button(
          "later",
          later,
          texts.get("next_day"),
          () => this.openDay(shifted(this.dayName, 1)),
          { disabled: this.dayName >= today },
        )}
        ${this.choosing
          ? html`<div class="popup" role="dialog" aria-label=${texts.get("choose_day")}>
              <hikvision-nvr-calendar
                .api=${this.api}
                .texts=${texts}
                .zone=${this.zone}
                .chosen=${this.dayName}
                .today=${today}
                .firstWeekday=${firstWeekdayOf(
                  this.hass!.locale.first_weekday,
                  this.hass!.language,
                )}
                .rtl=${rtl}
                @choose=${(event: CustomEvent<string>) => this.openDay(event.detail)}
              ></hikvision-nvr-calendar>
            </div>`
          : nothing}
      </div>
      <div class="transport">
        ${this.button("previous", mdiSkipPrevious, texts.get("previous_event"), () => this.jump(-1))}
        ${this.button("back", mdiRewind10, texts.get("back"), () => this.step(-10 * SECOND))}
        ${this.button(
          "play",
          running ? mdiPause : mdiPlay,
          texts.get(running ? "pause" : "play"),
          this.toggle,
        )}
        ${this.button(
          "forward",
          mdiFastForward10,
          texts.get("forward"),
          () => this.step(10 * SECOND),
          { disabled: this.stage.kind === "live" },
        )}
        ${this.button("next", mdiSkipNext, texts.get("next_event"), () => this.jump(1), {
          disabled: this.stage.kind === "live",
        })}
      </div>
      <div class="tools">
        ${this.button("golive", mdiBroadcast, texts.get("go_live"), this.goLive, {
          text: texts.get("live"),
          pressed: this.stage.kind === "live",
        })}
        ${this.button("cut", mdiContentCut, texts.get("select"), this.toggleSelection, {
          pressed: this.selection !== undefined,
        })}
        ${this.button("wider", mdiMagnifyMinusOutline, texts.get("zoom_out"), () =>
          this.strip?.zoomOut(),
        )}
        ${this.button("closer", mdiMagnifyPlusOutline, texts.get("zoom_in"), () =>
          this.strip?.zoomIn(),
        )}
      </div>
    </div>`;
  }

  private get admin(): boolean {
    return this.hass?.user?.is_admin ?? false;
  }

  private renderSelection(selection: Interval): unknown {
    const { texts, busy } = this;
    const [start, end] = selection;
    return html`<div class="panel selected">
      <div class="what">
        <b>${texts.get("selection", { length: texts.length(end - start) })}</b>
        <span>${texts.time(start, this.zone)} – ${texts.time(end, this.zone)}</span>
      </div>
      <div class="actions">
        ${this.button("download", mdiDownload, texts.get("download"), () => this.download(selection), {
          disabled: busy,
          text: texts.get("download"),
        })}
        ${this.admin
          ? [
              this.button("save", mdiContentSaveOutline, texts.get("save"), () => this.save(selection), {
                disabled: busy,
                text: texts.get("save"),
              }),
              this.button("hold", mdiLock, texts.get("hold"), () => this.hold(selection), {
                disabled: busy,
                text: texts.get("hold"),
              }),
            ]
          : nothing}
        ${this.button("close", mdiClose, texts.get("close"), this.toggleSelection)}
      </div>
    </div>`;
  }

  private renderPicked(event: TimelineEvent): unknown {
    const { texts, busy } = this;
    const { colour, icon: path } = lookOf(event.type);
    const held = this.holdOf(event);
    const footage = this.footageOf(event);
    const facts = [event.plate, event.region].filter(Boolean);
    if (event.place !== "local") {
      facts.push(texts.get(`place_${event.place}`));
    }
    const picture = this.stage.kind === "picture";
    return html`<div class="panel picked">
      <span class="badge" style="background: ${colour}">${icon(path)}</span>
      <div class="what">
        <b>${texts.type(event.type)}</b>
        <span
          >${texts.time(event.time, this.zone)}${facts.map((fact) => html` · ${fact}`)}</span
        >
      </div>
      <div class="actions">
        ${footage && event.media_content_id
          ? picture
            ? this.button("recording", mdiFilmstrip, texts.get("recording"), () =>
                this.playFrom(this.beginning(event)),
              )
            : this.button("image", mdiImage, texts.get("picture"), () => this.showPicture(event))
          : nothing}
        ${this.admin && footage
          ? held
            ? this.button("release", mdiLockOpenVariant, texts.get("release"), () => this.release(held), {
                disabled: busy,
                text: texts.get("release"),
              })
            : this.button("hold", mdiLock, texts.get("hold"), () => this.hold(this.around(event)), {
                disabled: busy,
                text: texts.get("hold"),
              })
          : nothing}
        ${footage || event.media_content_id
          ? this.button("download", mdiDownload, texts.get("download"), () => this.downloadEvent(event), {
              disabled: busy,
            })
          : nothing}
        ${this.button("close", mdiClose, texts.get("close"), () => (this.picked = undefined))}
      </div>
    </div>`;
  }

  private renderLegend(): unknown {
    if (this.counts.size === 0) {
      const text = this.day?.complete ? "no_events" : "loading";
      return this.trouble ? nothing : html`<p class="empty">${this.texts.get(text)}</p>`;
    }
    const types = [...this.counts].sort((one, other) => other[1] - one[1]);
    return html`<div class="legend" role="group" aria-label=${this.texts.get("event_types")}>
      ${types.map(
        ([type, count]) => html`<button
          class="chip"
          style="--type: ${lookOf(type).colour}"
          aria-pressed=${this.unshown.has(type) ? "false" : "true"}
          @click=${() => this.toggleType(type)}
        >
          <i></i>${this.texts.type(type)}<small>${count}</small>
        </button>`,
      )}
    </div>`;
  }
}

customElements.define("hikvision-nvr-timeline-card", TimelineCard);
