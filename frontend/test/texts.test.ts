import { describe, expect, it } from "vitest";
import { EVENT_TYPES } from "../src/event-types";
import { TABLES, Texts, tableOf } from "../src/localize";
import en, { type Key } from "../src/translations/en";

const LANGUAGES = ["de", "en", "es", "fr", "uk", "zh-Hans"];

describe("the texts", () => {
  it("are there in every language, with the same keys and the same values", () => {
    expect(Object.keys(TABLES).sort()).toEqual(LANGUAGES);
    const values = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [language, table] of Object.entries(TABLES)) {
      expect(Object.keys(table), language).toEqual(Object.keys(en));
      for (const [key, text] of Object.entries(table)) {
        expect(values(text), `${language} ${key}`).toEqual(values(en[key as Key]));
        expect(text.trim(), `${language} ${key}`).not.toBe("");
      }
    }
  });

  it("name each type of event", () => {
    const texts = new Texts("en", undefined);
    for (const type of EVENT_TYPES) {
      expect(en).toHaveProperty(`type_${type}`);
    }
    expect(texts.type("something new")).toBe(en.type_other);
  });

  it("are found for the languages that people choose", () => {
    expect(tableOf("de-CH")).toBe(TABLES["de"]);
    expect(tableOf("zh-Hant")).toBe(TABLES["zh-Hans"]);
    expect(tableOf("pl")).toBe(en);
  });

  it("write times by the owner's clock", () => {
    const time = Date.parse("2026-11-22T17:04:05Z");
    expect(new Texts("en", true).time(time, "UTC")).toMatch(/5:04:05\sPM/);
    expect(new Texts("en", false).time(time, "Europe/Berlin")).toBe("18:04:05");
    expect(new Texts("en", undefined).length(3_725_000)).toBe("1:02:05");
    expect(new Texts("en", undefined).length(59_999)).toBe("1:00");
  });
});
