/** The day as a strip: dragged, zoomed and scrubbed by mouse, finger and keyboard. */
import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import type { TimelineEvent } from "./api";
import { lookOf } from "./event-types";
import type { Interval } from "./intervals";
import type { Texts } from "./localize";
import { HEIGHT, MARKS, TRACK, paint, type Palette } from "./painter";
import { Scale, panned, showing, zoomed } from "./scale";
import { firstFrom } from "./skyline";
import { HOUR, MINUTE, SECOND } from "./zone";

/** What tells a press from a drag, and a press on something from one beside it. */
const SLOP = 5;
const GRIP = 14;
const NEAR = 7;
const STEP_ZOOM = 1.6;
const SHORTEST_SELECTION = SECOND;

export type Edge = "start" | "end";

export class Strip extends LitElement {
  @property({ attribute: false }) bounds: Interval = [0, 24 * HOUR];
  @property({ attribute: false }) coverage: readonly Interval[] = [];
  @property({ attribute: false }) holds: readonly Interval[] = [];
  /** Sorted by time; only those to be shown. */
  @property({ attribute: false }) events: readonly TimelineEvent[] = [];
  @property() thumbnails = "";
  @property({ type: Number }) position = 0;
  @property({ type: Number }) now = 0;
  @property({ type: Number }) initial = 24 * HOUR;
  @property({ attribute: false }) selection: Interval | undefined;
  @property({ attribute: false }) texts!: Texts;
  @property() zone = "UTC";
  @property({ type: Boolean }) rtl = false;
  @property() theme = "";

  @state() private view: Interval = [0, 24 * HOUR];
  @state() private width = 0;
  @state() private hover: { x: number; event: TimelineEvent | undefined } | undefined;
  @state() private scrubbing = false;
  @state() private broken = new Set<string>();

  @query("canvas") private canvas?: HTMLCanvasElement;
  @query(".probe") private probe?: HTMLElement;

  private readonly pointers = new Map<number, number>();
  private pressed = 0;
  private moved = false;
  private frame = 0;
  private palette: Palette | undefined;
  private observer: ResizeObserver | undefined;

  static override styles = css`
    :host {
      display: block;
      position: relative;
      user-select: none;
      -webkit-user-select: none;
      direction: ltr;
    }
    .track {
      touch-action: pan-y;
      cursor: crosshair;
      height: ${HEIGHT}px;
      border-radius: 8px;
      outline: none;
    }
    .track:focus-visible {
      box-shadow: 0 0 0 2px var(--primary-color, #03a9f4);
    }
    .clip {
      position: absolute;
      inset: 0;
      overflow: clip;
      /* The playhead's knob is wider than its line. */
      overflow-clip-margin: 8px;
      pointer-events: none;
    }
    canvas {
      width: 100%;
      height: ${HEIGHT}px;
      display: block;
    }
    .playhead {
      position: absolute;
      top: 0;
      height: ${TRACK.top + TRACK.height + 2}px;
      width: 2px;
      margin-left: -1px;
      border-radius: 1px;
      background: var(--primary-text-color, #212121);
    }
    .playhead::before {
      content: "";
      position: absolute;
      top: 0;
      left: -5px;
      width: 12px;
      height: 12px;
      border-radius: 50%;
      background: var(--primary-color, #03a9f4);
      border: 2px solid var(--card-background-color, #fff);
      box-sizing: border-box;
      box-shadow: 0 1px 3px rgba(0, 0, 0, 0.4);
    }
    .selection {
      position: absolute;
      top: ${MARKS.top - 4}px;
      height: ${TRACK.top + TRACK.height - MARKS.top + 8}px;
      background: color-mix(in srgb, var(--primary-color, #03a9f4) 22%, transparent);
      border-block: 2px solid var(--primary-color, #03a9f4);
      box-sizing: border-box;
    }
    .edge {
      position: absolute;
      top: ${MARKS.top - 4}px;
      height: ${TRACK.top + TRACK.height - MARKS.top + 8}px;
      width: 28px;
      margin-left: -14px;
      cursor: ew-resize;
      touch-action: none;
      outline: none;
    }
    .edge::before {
      content: "";
      position: absolute;
      inset: 0 10px;
      border-radius: 4px;
      background: var(--primary-color, #03a9f4);
    }
    .edge::after {
      content: "";
      position: absolute;
      inset: 35% 13px;
      background: var(--text-primary-color, #fff);
    }
    .edge:focus-visible::before {
      box-shadow: 0 0 0 2px var(--primary-text-color, #212121);
    }
    .bubble {
      position: absolute;
      bottom: calc(100% + 6px);
      transform: translateX(-50%);
      display: flex;
      flex-direction: column;
      align-items: center;
      gap: 4px;
      padding: 4px 8px;
      border-radius: 8px;
      background: var(--card-background-color, #fff);
      color: var(--primary-text-color, #212121);
      box-shadow: 0 2px 10px rgba(0, 0, 0, 0.35);
      font-size: 12px;
      line-height: 16px;
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
      pointer-events: none;
      z-index: 3;
    }
    .bubble img {
      width: 144px;
      height: 81px;
      margin: 0 -4px;
      object-fit: cover;
      border-radius: 5px;
      background: #000;
    }
    .bubble b {
      font-weight: 500;
    }
    .dot {
      display: inline-block;
      width: 8px;
      height: 8px;
      border-radius: 50%;
      margin-inline-end: 4px;
    }
    .probe {
      display: none;
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer = new ResizeObserver(([entry]) => {
      this.width = Math.round(entry!.contentRect.width);
    });
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer?.disconnect();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** Show more of the day, or less. */
  zoom(factor: number): void {
    const around =
      this.position >= this.view[0] && this.position <= this.view[1]
        ? this.position
        : (this.view[0] + this.view[1]) / 2;
    this.view = zoomed(this.view, factor, around, this.bounds);
  }

  zoomIn = (): void => this.zoom(1 / STEP_ZOOM);
  zoomOut = (): void => this.zoom(STEP_ZOOM);

  /** Move along the day, by milliseconds. */
  pan(by: number): void {
    this.view = panned(this.view, by, this.bounds);
  }

  /** Show the playhead, unless a finger holds the strip. */
  reveal(): void {
    if (this.pointers.size === 0) {
      this.view = showing(this.view, this.position, this.bounds);
    }
  }

  /** Show a stretch so large that both of its ends can be taken hold of. */
  fit([start, end]: Interval): void {
    const middle = (start + end) / 2;
    const shown = this.view[1] - this.view[0];
    const wanted = Math.min(shown, (end - start) * 4);
    this.view = panned([middle - wanted / 2, middle + wanted / 2], 0, this.bounds);
  }

  private get scale(): Scale {
    return new Scale(this.view[0], this.view[1], this.width, this.rtl);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("bounds")) {
      const length = Math.min(this.initial, this.bounds[1] - this.bounds[0]);
      const end = Math.min(this.bounds[1], Math.max(this.position, this.bounds[0]) + length / 8);
      this.view = panned([end - length, end], 0, this.bounds);
    }
    if (changed.has("theme")) {
      this.palette = undefined;
    }
  }

  protected override updated(): void {
    this.frame ||= requestAnimationFrame(this.draw);
  }

  private readonly draw = (): void => {
    this.frame = 0;
    const canvas = this.canvas;
    const context = canvas?.getContext("2d");
    if (!canvas || !context || this.width === 0) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.width * ratio);
    const height = Math.round(HEIGHT * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.palette ??= this.colours();
    paint(
      context,
      {
        scale: this.scale,
        coverage: this.coverage,
        holds: this.holds,
        events: this.events,
        dayStart: this.bounds[0],
        now: this.now,
        zone: this.zone,
        language: this.texts.language,
        hour12: this.texts.hour12,
      },
      this.palette,
    );
  };

  private colours(): Palette {
    const probe = this.probe!;
    const resolve = (colour: string): string => {
      probe.style.color = colour;
      return getComputedStyle(probe).color;
    };
    const text = "var(--primary-text-color, #212121)";
    return {
      text: resolve(text),
      faint: resolve("var(--secondary-text-color, #727272)"),
      line: resolve("var(--divider-color, rgba(0, 0, 0, 0.12))"),
      track: resolve(`color-mix(in srgb, ${text} 12%, transparent)`),
      footage: resolve("color-mix(in srgb, var(--primary-color, #03a9f4) 75%, transparent)"),
      hold: resolve("var(--warning-color, #ffa600)"),
      now: resolve("var(--error-color, #db4437)"),
      font: `11px ${getComputedStyle(this).fontFamily || "sans-serif"}`,
    };
  }

  private offset(event: MouseEvent): number {
    return event.clientX - this.getBoundingClientRect().left;
  }

  /** The event that is meant by a place. */
  private eventAt(x: number): TimelineEvent | undefined {
    const scale = this.scale;
    const time = scale.time(x);
    const place = firstFrom(this.events, time);
    const near = [this.events[place - 1], this.events[place]].filter(
      (event): event is TimelineEvent =>
        event !== undefined && Math.abs(scale.x(event.time) - x) <= NEAR,
    );
    near.sort((one, other) => Math.abs(one.time - time) - Math.abs(other.time - time));
    return near[0];
  }

  private readonly down = (event: PointerEvent): void => {
    if (event.button !== 0) {
      return;
    }
    const x = this.offset(event);
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, x);
    this.moved = this.pointers.size > 1;
    this.pressed = x;
    this.scrubbing =
      this.pointers.size === 1 && Math.abs(this.scale.x(this.position) - x) <= GRIP;
    this.hover = undefined;
  };

  private readonly move = (event: PointerEvent): void => {
    const x = this.offset(event);
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "mouse") {
        this.hover = { x, event: this.eventAt(x) };
      }
      return;
    }
    if (!this.moved && Math.abs(x - this.pressed) <= SLOP) {
      return;
    }
    this.moved = true;
    if (this.pointers.size === 2) {
      this.pinch(event.pointerId, x);
    } else if (this.scrubbing) {
      this.seek(this.scale.time(x), false);
    } else {
      const scale = this.scale;
      this.pan(scale.time(before) - scale.time(x));
    }
    this.pointers.set(event.pointerId, x);
  };

  private pinch(moving: number, to: number): void {
    const [other] = [...this.pointers].find(([id]) => id !== moving) ?? [];
    const still = this.pointers.get(other!)!;
    const from = this.pointers.get(moving)!;
    const factor = Math.max(20, Math.abs(from - still)) / Math.max(20, Math.abs(to - still));
    this.view = zoomed(this.view, factor, this.scale.time(still), this.bounds);
  }

  private readonly up = (event: PointerEvent): void => {
    if (!this.pointers.delete(event.pointerId)) {
      return;
    }
    const x = this.offset(event);
    if (event.type === "pointercancel") {
      this.scrubbing = false;
    } else if (!this.moved) {
      this.scrubbing = false;
      const found = this.eventAt(x);
      if (found) {
        this.dispatchEvent(new CustomEvent("pick", { detail: found }));
      } else {
        this.seek(this.scale.time(x), true);
      }
    } else if (this.scrubbing) {
      this.scrubbing = false;
      this.seek(this.scale.time(x), true);
    }
  };

  private readonly leave = (): void => {
    this.hover = undefined;
  };

  private readonly wheel = (event: WheelEvent): void => {
    const before = this.view;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways || event.shiftKey) {
      const by = (sideways ? event.deltaX : event.deltaY) * this.scale.perPixel;
      this.pan(this.rtl ? -by : by);
    } else {
      const factor = Math.exp(event.deltaY / (event.ctrlKey ? 100 : 400));
      this.view = zoomed(this.view, factor, this.scale.time(this.offset(event)), this.bounds);
    }
    this.hover = undefined;
    // Where there is nothing more to see, the page scrolls on.
    if (before[0] !== this.view[0] || before[1] !== this.view[1]) {
      event.preventDefault();
    }
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    // A key moves by about a hundredth of what is to be seen, at least by a second.
    const step = Math.max(SECOND, Math.round((this.view[1] - this.view[0]) / 100 / SECOND) * SECOND);
    const forward = this.rtl ? -1 : 1;
    const by = event.shiftKey ? 10 * step : step;
    const keys: Record<string, () => void> = {
      ArrowRight: () => this.seek(this.position + by * forward, true),
      ArrowLeft: () => this.seek(this.position - by * forward, true),
      ArrowUp: () => this.seek(this.position + by, true),
      ArrowDown: () => this.seek(this.position - by, true),
      Home: () => this.seek(this.bounds[0], true),
      End: () => this.seek(Math.min(this.now, this.bounds[1] - SECOND), true),
      PageUp: () => this.jump(1),
      PageDown: () => this.jump(-1),
      "+": this.zoomIn,
      "=": this.zoomIn,
      "-": this.zoomOut,
    };
    const action = keys[event.key];
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  };

  private jump(direction: 1 | -1): void {
    this.dispatchEvent(new CustomEvent("jump", { detail: direction }));
  }

  private seek(time: number, final: boolean): void {
    const latest = Math.min(this.now, this.bounds[1] - 1);
    const wanted = Math.min(Math.max(time, this.bounds[0]), latest);
    this.dispatchEvent(new CustomEvent("seek", { detail: { time: wanted, final } }));
  }

  private moveEdge(edge: Edge, to: number): void {
    const [start, end] = this.selection!;
    const latest = Math.min(this.bounds[1], this.now);
    const selection: Interval =
      edge === "start"
        ? [Math.min(Math.max(to, this.bounds[0]), end - SHORTEST_SELECTION), end]
        : [start, Math.max(Math.min(to, latest), start + SHORTEST_SELECTION)];
    this.dispatchEvent(new CustomEvent("selection", { detail: selection }));
  }

  private dragEdge(edge: Edge, event: PointerEvent): void {
    if (event.type === "pointerdown") {
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    } else if ((event.currentTarget as HTMLElement).hasPointerCapture(event.pointerId)) {
      this.moveEdge(edge, this.scale.time(this.offset(event)));
    }
  }

  private edgeKey(edge: Edge, event: KeyboardEvent): void {
    const time = this.selection![edge === "start" ? 0 : 1];
    const forward = this.rtl ? -1 : 1;
    const by = { ArrowRight: forward, ArrowLeft: -forward, ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      this.moveEdge(edge, time + by * (event.shiftKey ? 10 : 1) * SECOND);
    }
  }

  protected override firstUpdated(): void {
    // Lit's own listeners would be passive ones to browsers that know better.
    this.renderRoot
      .querySelector(".track")!
      .addEventListener("wheel", (event) => this.wheel(event as WheelEvent), { passive: false });
  }

  protected override render(): unknown {
    const scale = this.scale;
    const playhead = scale.x(this.position);
    const spoken = this.texts.moment(this.position, this.zone);
    const latest = Math.min(this.now, this.bounds[1]);
    return html`
      <div
        class="track"
        role="slider"
        tabindex="0"
        aria-label=${this.texts.get("timeline")}
        aria-valuemin=${Math.round(this.bounds[0] / SECOND)}
        aria-valuemax=${Math.round(latest / SECOND)}
        aria-valuenow=${Math.round(this.position / SECOND)}
        aria-valuetext=${spoken}
        @pointerdown=${this.down}
        @pointermove=${this.move}
        @pointerup=${this.up}
        @pointercancel=${this.up}
        @pointerleave=${this.leave}
        @keydown=${this.key}
      >
        <canvas aria-hidden="true"></canvas>
      </div>
      <div class="clip">
        ${this.selection ? this.renderSelection(scale, this.selection) : nothing}
        <div class="playhead" style="left: ${playhead}px"></div>
      </div>
      ${this.selection ? this.renderEdges(scale, this.selection) : nothing}
      ${this.renderBubble(scale, playhead)}
      <span class="probe"></span>
    `;
  }

  private renderSelection(scale: Scale, [start, end]: Interval): unknown {
    const from = scale.x(start);
    const to = scale.x(end);
    return html`<div
      class="selection"
      style="left: ${Math.min(from, to)}px; width: ${Math.abs(to - from)}px"
    ></div>`;
  }

  private renderEdges(scale: Scale, selection: Interval): unknown {
    return (["start", "end"] as const).map((edge, place) => {
      const time = selection[place]!;
      const x = scale.x(time);
      if (x < -1 || x > this.width + 1) {
        return nothing;
      }
      const drag = (event: PointerEvent): void => this.dragEdge(edge, event);
      return html`<div
        class="edge"
        style="left: ${x}px"
        role="slider"
        tabindex="0"
        aria-label=${this.texts.get(edge === "start" ? "selection_start" : "selection_end")}
        aria-valuemin=${Math.round(this.bounds[0] / SECOND)}
        aria-valuemax=${Math.round(this.bounds[1] / SECOND)}
        aria-valuenow=${Math.round(time / SECOND)}
        aria-valuetext=${this.texts.moment(time, this.zone)}
        @pointerdown=${drag}
        @pointermove=${drag}
        @keydown=${(event: KeyboardEvent) => this.edgeKey(edge, event)}
      ></div>`;
    });
  }

  private renderBubble(scale: Scale, playhead: number): unknown {
    const x = this.scrubbing && this.moved ? playhead : this.hover?.x;
    if (x === undefined) {
      return nothing;
    }
    const event = this.scrubbing
      ? this.events[firstFrom(this.events, this.position + 1) - 1]
      : this.hover?.event;
    const close = event && (!this.scrubbing || this.position - event.time < 2 * MINUTE);
    const time = this.scrubbing ? this.position : (event?.time ?? scale.time(x));
    const room = close && event.capture_id ? 84 : 40;
    const left = Math.min(Math.max(x, room), Math.max(room, this.width - room));
    return html`<div class="bubble" style="left: ${left}px" aria-hidden="true">
      ${close && event.capture_id && this.thumbnails && !this.broken.has(event.capture_id)
        ? html`<img
            src=${this.thumbnails + event.capture_id}
            alt=""
            @error=${() => (this.broken = new Set(this.broken).add(event.capture_id!))}
          />`
        : nothing}
      <span>
        ${close
          ? html`<span class="dot" style="background: ${lookOf(event.type).colour}"></span
              ><b>${this.texts.type(event.type)}</b>&nbsp;`
          : nothing}${this.texts.time(time, this.zone)}
      </span>
    </div>`;
  }
}

customElements.define("hikvision-nvr-strip", Strip);
