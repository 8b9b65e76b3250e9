/** The card's texts, and times as their reader writes them. */
import type { HomeAssistant } from "./hass";
import de from "./translations/de";
import en, { type Key, type Table } from "./translations/en";
import es from "./translations/es";
import fr from "./translations/fr";
import uk from "./translations/uk";
import zhHans from "./translations/zh-Hans";
import { EVENT_TYPES } from "./event-types";
import { SECOND, format } from "./zone";

export const TABLES: Record<string, Table> = { en, de, es, fr, uk, "zh-Hans": zhHans };

/** Home Assistant's setting of the clock: undefined is as the language has it. */
export function hour12(timeFormat: string): boolean | undefined {
  return { "12": true, "24": false }[timeFormat];
}

export function tableOf(language: string): Table {
  return TABLES[language] ?? TABLES[language.split("-")[0]!] ?? (language.startsWith("zh") ? zhHans : en);
}

export class Texts {
  private readonly table: Table;

  constructor(
    readonly language: string,
    readonly hour12: boolean | undefined,
  ) {
    this.table = tableOf(language);
  }

  get(key: Key, values: Record<string, string | number> = {}): string {
    return this.table[key].replace(/\{(\w+)\}/g, (_all, name: string) => String(values[name] ?? ""));
  }

  type(type: string): string {
    return this.get(`type_${EVENT_TYPES.includes(type) ? type : "other"}` as Key);
  }

  time(time: number, zone: string): string {
    return this.format(time, zone, { hour: "numeric", minute: "2-digit", second: "2-digit" });
  }

  /** A time of day where there is little room. */
  clock(time: number, zone: string): string {
    return this.format(time, zone, { hour: "numeric", minute: "2-digit" });
  }

  /** A moment in words, for those who hear it. */
  moment(time: number, zone: string): string {
    return this.format(time, zone, {
      weekday: "long",
      day: "numeric",
      month: "long",
      hour: "numeric",
      minute: "2-digit",
      second: "2-digit",
    });
  }

  /** A day, as short as it can be. */
  day(time: number, zone: string): string {
    return format(this.language, zone, { weekday: "short", day: "numeric", month: "short" }).format(
      time,
    );
  }

  length(milliseconds: number): string {
    const seconds = Math.round(milliseconds / SECOND);
    const two = (number: number): string => String(number % 60).padStart(2, "0");
    const minutes = Math.floor(seconds / 60);
    return minutes < 60
      ? `${minutes}:${two(seconds)}`
      : `${Math.floor(minutes / 60)}:${two(minutes)}:${two(seconds)}`;
  }

  private format(time: number, zone: string, options: Intl.DateTimeFormatOptions): string {
    const clock = this.hour12 === undefined ? {} : { hour12: this.hour12 };
    return format(this.language, zone, { ...options, ...clock }).format(time);
  }
}

/** The texts for Home Assistant as it is now: the same ones while language and clock stay. */
export function textsFor(hass: HomeAssistant, known: Texts): Texts {
  const clock = hour12(hass.locale.time_format);
  const stay = known.language === hass.language && known.hour12 === clock;
  return stay ? known : new Texts(hass.language, clock);
}
