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

/** The recorder's own entities that are there and shown. */
export function ours(hass: HomeAssistant): RegisteredEntity[] {
  return Object.values(hass.entities).filter(
    (entity) => entity.platform === PLATFORM && !entity.hidden && hass.states[entity.entity_id],
  );
}

/** A camera as its owner calls it. */
export function nameOf(hass: HomeAssistant, camera: string): string {
  const device = hass.devices[hass.entities[camera]?.device_id ?? ""];
  const friendly = hass.states[camera]?.attributes.friendly_name;
  return device?.name_by_user ?? device?.name ?? friendly ?? camera;
}

/** The cameras, in the order of their names. */
export function camerasOf(hass: HomeAssistant): string[] {
  return (
    ours(hass)
      // A camera's other streams have a name of their own.
      .filter((entity) => entity.entity_id.startsWith("camera.") && !entity.translation_key)
      .map((entity) => entity.entity_id)
      .sort((one, other) => nameOf(hass, one).localeCompare(nameOf(hass, other), hass.language))
  );
}

/** The text of an error as websocket commands and services give it. */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === "string" && message ? message : String(error);
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}
