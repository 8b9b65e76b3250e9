/** Plays footage of a camera by the clock on the wall, across pieces, gaps and codecs. */
import { css, html, LitElement, nothing } from "lit";
import { property, query } from "lit/decorators.js";
import type { Footage, TimelineApi } from "./api";
import { codeOf, messageOf, type HomeAssistant } from "./hass";
import { Hls } from "./hls";
import { mediaTime, wallTime } from "./pieces";
import { MINUTE, SECOND } from "./zone";

/** Asked for at once: room to jump back without asking again, and long enough to watch. */
const BEFORE = 5 * MINUTE;
const AFTER = 55 * MINUTE;

/** A tab that was hidden for longer may have been put to sleep. */
const HIDDEN_TOO_LONG = MINUTE;

const HAS_PICTURE = 2;

export type Problem =
  | { kind: "none" }
  | { kind: "codec"; codec: string }
  | { kind: "error"; message: string };

/** How people call a codec. */
export function codecName(codecs: readonly string[]): string {
  const video = codecs.find((codec) => /^(avc|hvc|hev|av01|vp)/.test(codec)) ?? codecs[0] ?? "";
  if (/^(hvc|hev)/.test(video)) {
    return "H.265";
  }
  return video.startsWith("avc") ? "H.264" : video;
}

/** Whether this browser has a decoder for footage. */
export function decodable(codecs: readonly string[]): boolean {
  const mime = `video/mp4; codecs="${codecs.join(",")}"`;
  const source = globalThis.MediaSource ?? (globalThis as ManagedSource).ManagedMediaSource;
  return source
    ? source.isTypeSupported(mime)
    : document.createElement("video").canPlayType(mime) !== "";
}

interface ManagedSource {
  ManagedMediaSource?: typeof MediaSource;
}

export class Player extends LitElement {
  @property({ attribute: false }) hass?: HomeAssistant;
  @property({ attribute: false }) api?: TimelineApi;
  @property({ type: Boolean }) muted = true;
  @property() label = "";

  @query("video") private video?: HTMLVideoElement;

  private hls: Hls | undefined;
  private footage: Footage | undefined;
  private turn = 0;
  private wanted = true;
  private at: number | undefined;
  private recovered = 0;
  private hiddenSince: number | undefined;
  private frame = 0;

  static override styles = css`
    :host {
      display: block;
    }
    video {
      width: 100%;
      height: 100%;
      object-fit: contain;
      display: block;
      background: #000;
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("visibilitychange", this.visibility);
    // Home Assistant takes a page away while its tab is hidden, and puts it back.
    if (this.at !== undefined && !this.hls) {
      void this.show(this.at, this.wanted);
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("visibilitychange", this.visibility);
    this.release();
  }

  /** Whether it plays, or will as soon as it can. */
  get playing(): boolean {
    return this.wanted;
  }

  /** Show the picture of a moment, and go on from there. */
  async show(at: number, play: boolean): Promise<void> {
    this.at = at;
    this.wanted = play;
    await this.updateComplete;
    if (this.footage && this.video && this.seek(at)) {
      return;
    }
    await this.load(at - BEFORE, at);
  }

  play(): void {
    this.wanted = true;
    void this.video?.play().catch(() => undefined);
    this.tell("state");
  }

  pause(): void {
    this.wanted = false;
    this.video?.pause();
    this.tell("state");
  }

  /** Jump within what is loaded; false where that is not possible. */
  private seek(at: number): boolean {
    const { pieces } = this.footage!;
    const first = pieces[0];
    const place = mediaTime(pieces, at);
    if (!first || at < first[0] || place === undefined) {
      return false;
    }
    this.video!.currentTime = place / SECOND;
    this.resume();
    return true;
  }

  private async load(start: number, at: number): Promise<void> {
    const turn = ++this.turn;
    this.release();
    this.tell("state", { buffering: true });
    let footage: Footage;
    try {
      footage = await this.api!.play(start, at + AFTER);
      // What comes before is of another kind than what is wanted.
      if (start < at && mediaTime(footage.pieces, at) === undefined) {
        footage = await this.api!.play(at, at + AFTER);
      }
    } catch (error) {
      if (turn === this.turn) {
        const none = codeOf(error) === "no_footage";
        this.problem(none ? { kind: "none" } : { kind: "error", message: messageOf(error) });
      }
      return;
    }
    if (turn !== this.turn || !this.isConnected) {
      return;
    }
    const place = mediaTime(footage.pieces, at);
    if (place === undefined) {
      this.problem({ kind: "none" });
      return;
    }
    if (!decodable(footage.codecs)) {
      this.problem({ kind: "codec", codec: codecName(footage.codecs) });
      return;
    }
    this.footage = footage;
    this.attach(footage, place / SECOND);
  }

  private attach(footage: Footage, seconds: number): void {
    const url = this.hass!.hassUrl(footage.url);
    const video = this.video!;
    if (!Hls.isSupported()) {
      // An old iPhone has no media source, but plays HLS by itself.
      video.src = url;
      video.currentTime = seconds;
      this.resume();
      return;
    }
    const hls = new Hls({ enableWorker: false, startPosition: seconds, backBufferLength: 60 });
    this.hls = hls;
    hls.on(Hls.Events.ERROR, (_event, data) => {
      if (data.fatal) {
        this.failed(data.details);
      }
    });
    hls.loadSource(url);
    hls.attachMedia(video);
    this.resume();
  }

  /** The address may be forgotten after a restart: ask once for another one. */
  private failed(details: string): void {
    const now = Date.now();
    if (this.at !== undefined && now - this.recovered > 10 * SECOND) {
      this.recovered = now;
      void this.load(this.at - BEFORE, this.at);
    } else {
      this.problem({ kind: "error", message: details });
    }
  }

  private resume(): void {
    if (this.wanted) {
      this.play();
    } else {
      this.tell("state");
    }
  }

  private release(): void {
    cancelAnimationFrame(this.frame);
    this.hls?.destroy();
    this.hls = undefined;
    this.footage = undefined;
    this.video?.removeAttribute("src");
  }

  private readonly visibility = (): void => {
    if (document.hidden) {
      this.hiddenSince = Date.now();
      return;
    }
    const hidden = Date.now() - (this.hiddenSince ?? Date.now());
    const media = (this.video?.currentTime ?? 0) * SECOND;
    const wall = this.footage && wallTime(this.footage.pieces, media);
    if (hidden > HIDDEN_TOO_LONG && this.at !== undefined && (wall ?? 0) < this.at - SECOND) {
      void this.show(this.at, this.wanted);
    }
  };

  private readonly moved = (): void => {
    const video = this.video;
    // Before its first picture a video is at 0, wherever it will begin.
    if (!this.footage || !video || video.seeking || video.readyState < HAS_PICTURE) {
      return;
    }
    const wall = wallTime(this.footage.pieces, video.currentTime * SECOND);
    // What sleeping tabs do to a video is not what its owner wants to see.
    if (wall !== undefined && !(document.hidden && wall < (this.at ?? 0))) {
      this.at = wall;
      this.tell("position", { time: wall });
    }
  };

  /** Follow the picture, not the four times a second in which browsers tell of it. */
  private readonly follow = (): void => {
    cancelAnimationFrame(this.frame);
    this.tell("state", { buffering: false });
    const step = (): void => {
      this.moved();
      if (this.video && !this.video.paused && this.isConnected) {
        this.frame = requestAnimationFrame(step);
      }
    };
    step();
  };

  private readonly ended = (): void => {
    const next = this.footage?.next;
    if (next) {
      this.at = next;
      void this.load(next, next);
    } else {
      this.tell("finished");
    }
  };

  private problem(problem: Problem): void {
    this.tell("state", { buffering: false });
    this.tell("problem", problem);
  }

  private tell(name: string, detail?: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail: { playing: this.wanted, ...detail } }));
  }

  protected override render(): unknown {
    return html`<video
      playsinline
      .muted=${this.muted}
      aria-label=${this.label || nothing}
      @timeupdate=${this.moved}
      @seeked=${this.moved}
      @playing=${this.follow}
      @waiting=${() => this.tell("state", { buffering: true })}
      @canplay=${() => this.tell("state", { buffering: false })}
      @ended=${this.ended}
    ></video>`;
  }
}

customElements.define("hikvision-nvr-player", Player);
