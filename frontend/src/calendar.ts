/** A month to choose a day from; days with recordings or events are marked. */
import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { mdiChevronLeft, mdiChevronRight } from "@mdi/js";
import type { DayTotal, TimelineApi } from "./api";
import { icon } from "./icon";
import type { Texts } from "./localize";
import { SECOND, format, shifted, startOf } from "./zone";

const WEEK = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** The days of the weeks that a month touches. */
export function monthGrid(month: string, firstWeekday: number): string[] {
  const first = `${month}-01`;
  const weekday = new Date(`${first}T00:00:00Z`).getUTCDay();
  const start = shifted(first, -((weekday - firstWeekday + 7) % 7));
  const days: string[] = [];
  for (let day = start; day.slice(0, 7) <= month || days.length % 7 !== 0; day = shifted(day, 1)) {
    days.push(day);
  }
  return days;
}

/** 0 for Sunday. Home Assistant's setting is a name, or "language". */
export function firstWeekdayOf(setting: string, language: string): number {
  const named = WEEK.indexOf(setting);
  if (named >= 0) {
    return named;
  }
  const locale = new Intl.Locale(language) as Intl.Locale & {
    weekInfo?: { firstDay: number };
    getWeekInfo?: () => { firstDay: number };
  };
  return ((locale.getWeekInfo?.() ?? locale.weekInfo)?.firstDay ?? 1) % 7;
}

export class Calendar extends LitElement {
  @property({ attribute: false }) api!: TimelineApi;
  @property({ attribute: false }) texts!: Texts;
  @property() zone = "UTC";
  @property() chosen = "";
  @property() today = "";
  @property({ type: Number }) firstWeekday = 1;
  @property({ type: Boolean }) rtl = false;

  @state() private month = "";
  @state() private focused = "";
  @state() private totals = new Map<string, DayTotal>();
  @query('button[tabindex="0"]') private current?: HTMLElement;

  static override styles = css`
    :host {
      display: block;
      box-sizing: border-box;
      width: 292px;
      padding: 10px;
      border-radius: 14px;
      background: var(--card-background-color, #fff);
      color: var(--primary-text-color, #212121);
      box-shadow: 0 6px 28px rgba(0, 0, 0, 0.35);
      outline: 1px solid var(--divider-color, rgba(0, 0, 0, 0.12));
    }
    header {
      display: flex;
      align-items: center;
      justify-content: space-between;
      font-weight: 500;
    }
    button {
      all: unset;
      box-sizing: border-box;
      cursor: pointer;
      display: grid;
      place-items: center;
      width: 38px;
      height: 38px;
      border-radius: 50%;
      position: relative;
    }
    button:hover {
      background: color-mix(in srgb, currentColor 10%, transparent);
    }
    button:focus-visible {
      box-shadow: 0 0 0 2px var(--primary-color, #03a9f4);
    }
    button[disabled] {
      cursor: default;
      opacity: 0.38;
      background: none;
    }
    svg {
      width: 22px;
      height: 22px;
    }
    .grid {
      display: grid;
      grid-template-columns: repeat(7, 1fr);
      justify-items: center;
      row-gap: 1px;
      font-size: 14px;
    }
    .row {
      display: contents;
    }
    .weekday {
      font-size: 11px;
      line-height: 24px;
      color: var(--secondary-text-color, #727272);
    }
    .other {
      visibility: hidden;
    }
    .has::after {
      content: "";
      position: absolute;
      bottom: 5px;
      width: 5px;
      height: 5px;
      border-radius: 50%;
      background: var(--primary-color, #03a9f4);
    }
    .today {
      font-weight: 700;
      outline: 1px solid var(--divider-color, rgba(0, 0, 0, 0.2));
    }
    [aria-selected="true"] button,
    [aria-selected="true"] button:hover {
      background: var(--primary-color, #03a9f4);
      color: var(--text-primary-color, #fff);
    }
    [aria-selected="true"] .has::after {
      background: currentColor;
    }
  `;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("chosen")) {
      this.month = this.chosen.slice(0, 7);
      this.focused = this.chosen;
      void this.load();
    }
  }

  protected override firstUpdated(): void {
    this.current?.focus();
  }

  private async load(): Promise<void> {
    const month = this.month;
    const start = startOf(`${month}-01`, this.zone);
    const end = startOf(`${this.neighbour(1)}-01`, this.zone);
    try {
      const days = await this.api.days(start, end);
      if (month === this.month) {
        this.totals = new Map(days.map((day) => [day.day, day]));
      }
    } catch {
      // The days can still be chosen; they are only not marked.
      this.totals = new Map();
    }
  }

  private neighbour(direction: 1 | -1): string {
    return shifted(`${this.month}-15`, direction * 30).slice(0, 7);
  }

  private turn(direction: 1 | -1): void {
    this.month = this.neighbour(direction);
    this.focused = `${this.month}-01`;
    void this.load();
  }

  private readonly key = async (event: KeyboardEvent): Promise<void> => {
    const forward = this.rtl ? -1 : 1;
    const by = {
      ArrowRight: forward,
      ArrowLeft: -forward,
      ArrowDown: 7,
      ArrowUp: -7,
      PageDown: 30,
      PageUp: -30,
    }[event.key];
    if (by === undefined) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const next = shifted(this.focused, by);
    if (next > this.today) {
      return;
    }
    this.focused = next;
    if (next.slice(0, 7) !== this.month) {
      this.month = next.slice(0, 7);
      void this.load();
    }
    await this.updateComplete;
    this.current?.focus();
  };

  protected override render(): unknown {
    const days = monthGrid(this.month, this.firstWeekday);
    const title = format(this.texts.language, "UTC", { month: "long", year: "numeric" });
    const weekday = format(this.texts.language, "UTC", { weekday: "narrow" });
    const weeks = Array.from({ length: days.length / 7 }, (_all, week) =>
      days.slice(week * 7, week * 7 + 7),
    );
    return html`
      <header>
        <button aria-label=${this.texts.get("previous_month")} @click=${() => this.turn(-1)}>
          ${icon(this.rtl ? mdiChevronRight : mdiChevronLeft)}
        </button>
        <span aria-live="polite">${title.format(Date.parse(`${this.month}-15`))}</span>
        <button
          aria-label=${this.texts.get("next_month")}
          ?disabled=${this.neighbour(1) > this.today.slice(0, 7)}
          @click=${() => this.turn(1)}
        >
          ${icon(this.rtl ? mdiChevronLeft : mdiChevronRight)}
        </button>
      </header>
      <div class="grid" role="grid" aria-label=${this.texts.get("choose_day")} @keydown=${this.key}>
        <div class="row" role="row">
          ${days
            .slice(0, 7)
            .map(
              (day) =>
                html`<span class="weekday" role="columnheader"
                  >${weekday.format(Date.parse(day))}</span
                >`,
            )}
        </div>
        ${weeks.map(
          (week) => html`<div class="row" role="row">${week.map((day) => this.renderDay(day))}</div>`,
        )}
      </div>
    `;
  }

  private renderDay(day: string): unknown {
    const total = this.totals.get(day);
    const time = startOf(day, this.zone);
    const long = format(this.texts.language, this.zone, { day: "numeric", month: "long" });
    const label = this.texts.get("day_summary", {
      day: long.format(time),
      events: total?.events ?? 0,
      recorded: this.texts.length((total?.recorded_s ?? 0) * SECOND),
    });
    const classes = [
      day.slice(0, 7) === this.month ? "" : "other",
      total && (total.events > 0 || total.recorded_s > 0) ? "has" : "",
      day === this.today ? "today" : "",
    ].join(" ");
    return html`<div role="gridcell" aria-selected=${day === this.chosen ? "true" : "false"}>
      <button
        class=${classes}
        tabindex=${day === this.focused ? 0 : -1}
        aria-label=${total ? label : long.format(time)}
        aria-current=${day === this.today ? "date" : nothing}
        ?disabled=${day > this.today}
        @click=${() => this.dispatchEvent(new CustomEvent("choose", { detail: day }))}
      >
        ${Number(day.slice(8))}
      </button>
    </div>`;
  }
}

customElements.define("hikvision-nvr-calendar", Calendar);
