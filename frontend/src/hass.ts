/** What of Home Assistant's frontend the card uses; nothing else of it is relied on. */

export interface EntityState {
  entity_id: string;
  state: string;
  attributes: Record<string, unknown> & { friendly_name?: string; entity_picture?: string };
}

export interface RegisteredEntity {
  entity_id: string;
  platform: string;
  device_id?: string;
  translation_key?: string;
  hidden?: boolean;
}

export interface RegisteredDevice {
  id: string;
  name: string | null;
  name_by_user: string | null;
  via_device_id: string | null;
}

export interface Connection {
  subscribeMessage<Message>(
    callback: (message: Message) => void,
    command: object,
  ): Promise<() => Promise<void> | void>;
  addEventListener(event: "ready", callback: () => void): void;
  removeEventListener(event: "ready", callback: () => void): void;
}

export interface ServiceAnswer {
  response?: unknown;
}

export interface HomeAssistant {
  states: Record<string, EntityState>;
  entities: Record<string, RegisteredEntity>;
  devices: Record<string, RegisteredDevice>;
  config: { time_zone: string };
  language: string;
  locale: { language: string; time_format: string; first_weekday: string };
  themes: { darkMode: boolean };
  user?: { is_admin: boolean };
  connection: Connection;
  callWS<Answer>(command: object): Promise<Answer>;
  callService(
    domain: string,
    service: string,
    data: object,
    target?: object,
    notifyOnError?: boolean,
    returnResponse?: boolean,
  ): Promise<ServiceAnswer>;
  hassUrl(path: string): string;
}

/** A card of Home Assistant's own. */
export interface Card extends HTMLElement {
  hass?: HomeAssistant;
}

export interface CardHelpers {
  createCardElement(config: object): Card;
}

declare global {
  interface Window {
    loadCardHelpers?: () => Promise<CardHelpers>;
    customCards?: object[];
    customStrategies?: object[];
  }
}

export const PLATFORM = "hikvision_nvr";

/** The text of an error as websocket commands and services give it. */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === "string" && message ? message : String(error);
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}
