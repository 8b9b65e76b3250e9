/** What the integration gives to the frontend: a card and a dashboard. */
import { Texts } from "./localize";
import "./card";
import "./events-card";
import "./strategy";

const texts = new Texts(document.documentElement.lang || "en", undefined);

window.customCards ??= [];
window.customCards.push(
  {
    type: "hikvision-nvr-timeline-card",
    name: texts.get("card_name"),
    description: texts.get("card_description"),
    preview: false,
  },
  {
    type: "hikvision-nvr-events-card",
    name: texts.get("events_card_name"),
    description: texts.get("events_card_description"),
    preview: false,
  },
);

window.customStrategies ??= [];
window.customStrategies.push({
  type: "hikvision-nvr",
  strategyType: "dashboard",
  name: texts.get("dashboard_name"),
  description: texts.get("dashboard_description"),
});
