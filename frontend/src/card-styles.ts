/** The card's looks, all from the theme's own colours. */
import { css } from "lit";

export const cardStyles = css`
  :host {
    display: block;
  }
  ha-card {
    display: block;
    height: 100%;
    color: var(--primary-text-color, #212121);
    container-type: inline-size;
  }
  .unknown {
    margin: 0;
    padding: 24px;
  }
  .body {
    display: flex;
    flex-direction: column;
    gap: 8px;
    padding-bottom: 10px;
    position: relative;
  }
  .stage {
    position: relative;
    aspect-ratio: 16 / 9;
    /* On a wide and low screen the day below is still to be seen. */
    max-height: max(220px, calc(100vh - 380px));
    overflow: hidden;
    background: #000;
    color: #fff;
    border-start-start-radius: var(--ha-card-border-radius, 12px);
    border-start-end-radius: var(--ha-card-border-radius, 12px);
  }
  .stage:fullscreen {
    border-radius: 0;
    width: 100%;
    height: 100%;
    max-height: none;
  }
  .stage > hikvision-nvr-live,
  .stage > hikvision-nvr-player,
  .picture {
    position: absolute;
    inset: 0;
  }
  .picture {
    display: grid;
    place-items: center;
    background: #000;
  }
  .picture img,
  .picture video {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }
  /* Cameras write their own time and name at the top. */
  .shade {
    position: absolute;
    inset-inline: 0;
    bottom: 0;
    display: flex;
    align-items: center;
    gap: 10px;
    padding: 32px 14px 14px;
    padding-inline-end: 108px;
    background: linear-gradient(transparent, rgba(0, 0, 0, 0.62));
    pointer-events: none;
    font-size: 15px;
  }
  .name {
    font-weight: 500;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    text-shadow: 0 1px 3px rgba(0, 0, 0, 0.6);
  }
  .pill {
    flex: none;
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding: 3px 10px;
    border-radius: 999px;
    background: rgba(0, 0, 0, 0.6);
    font-size: 13px;
    line-height: 18px;
    font-variant-numeric: tabular-nums;
  }
  .pill.live {
    background: #c62828;
    font-weight: 500;
    letter-spacing: 0.02em;
  }
  .pill i {
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: #fff;
    animation: pulse 2s ease-in-out infinite;
  }
  @keyframes pulse {
    50% {
      opacity: 0.35;
    }
  }
  .corner {
    position: absolute;
    inset-inline-end: 8px;
    bottom: 8px;
    display: flex;
    gap: 6px;
  }
  .corner button.round {
    background: rgba(0, 0, 0, 0.55);
    color: #fff;
  }
  .problem {
    position: absolute;
    inset: 0;
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    gap: 12px;
    padding: 40px 24px 24px;
    text-align: center;
    background: rgba(14, 18, 24, 0.86);
  }
  .problem p {
    margin: 0;
    max-width: 34em;
    line-height: 1.4;
  }
  .problem div {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    justify-content: center;
  }
  .problem button.text {
    background: rgba(255, 255, 255, 0.18);
    color: #fff;
  }
  .spinner {
    position: absolute;
    inset: 0;
    margin: auto;
    width: 44px;
    height: 44px;
    border-radius: 50%;
    border: 3px solid rgba(255, 255, 255, 0.25);
    border-top-color: #fff;
    animation: turn 0.9s linear infinite;
    pointer-events: none;
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }
  button {
    font: inherit;
    color: inherit;
    border: 0;
    margin: 0;
    padding: 0;
    background: none;
    cursor: pointer;
    -webkit-tap-highlight-color: transparent;
  }
  button:focus-visible {
    outline: 2px solid var(--primary-color, #03a9f4);
    outline-offset: 2px;
  }
  button[disabled] {
    cursor: default;
    opacity: 0.38;
  }
  svg {
    width: 24px;
    height: 24px;
    display: block;
    flex: none;
  }
  .round {
    display: grid;
    place-items: center;
    width: 40px;
    height: 40px;
    border-radius: 50%;
    flex: none;
  }
  .round:not([disabled]):hover,
  .text:not([disabled]):hover {
    background: color-mix(in srgb, currentColor 10%, transparent);
  }
  .corner button.round:hover {
    background: rgba(0, 0, 0, 0.8);
  }
  .text {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    min-height: 36px;
    padding: 0 12px;
    border-radius: 999px;
    font-size: 14px;
    font-weight: 500;
    white-space: nowrap;
    background: color-mix(in srgb, currentColor 7%, transparent);
  }
  .text svg {
    width: 19px;
    height: 19px;
  }
  .round[aria-pressed="true"] {
    background: color-mix(in srgb, var(--primary-color, #03a9f4) 24%, transparent);
  }
  .golive[aria-pressed="true"] {
    background: #c62828;
    color: #fff;
  }
  .golive[aria-pressed="true"]:hover {
    background: #b71c1c;
  }
  .bar {
    display: grid;
    grid-template-columns: 1fr auto 1fr;
    align-items: center;
    gap: 4px 8px;
    padding-inline: 12px;
  }
  .date,
  .transport,
  .tools {
    display: flex;
    align-items: center;
    position: relative;
  }
  .transport {
    gap: 2px;
    direction: ltr;
  }
  .tools {
    justify-content: flex-end;
    gap: 2px;
  }
  .play.round {
    width: 48px;
    height: 48px;
    background: var(--primary-color, #03a9f4);
    color: var(--text-primary-color, #fff);
  }
  .play.round:not([disabled]):hover {
    background: color-mix(in srgb, var(--primary-color, #03a9f4) 85%, #000);
  }
  .play svg {
    width: 28px;
    height: 28px;
  }
  .popup {
    position: absolute;
    top: calc(100% + 6px);
    inset-inline-start: 0;
    z-index: 5;
  }
  hikvision-nvr-strip {
    margin-inline: 14px;
  }
  .trouble {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    margin-inline: 14px;
    padding: 8px 12px;
    border-radius: 10px;
    background: color-mix(in srgb, var(--error-color, #db4437) 14%, transparent);
    font-size: 14px;
  }
  .panel {
    display: flex;
    align-items: center;
    gap: 10px;
    margin-inline: 14px;
    padding: 8px 8px 8px 12px;
    border-radius: 12px;
    background: color-mix(in srgb, var(--primary-text-color, #212121) 5%, transparent);
    font-size: 14px;
    flex-wrap: wrap;
  }
  .selected {
    background: color-mix(in srgb, var(--primary-color, #03a9f4) 14%, transparent);
  }
  .panel .what {
    display: flex;
    flex-direction: column;
    flex: 1 1 130px;
    min-width: 0;
    line-height: 19px;
  }
  .panel b {
    font-weight: 500;
  }
  .panel .what span {
    color: var(--secondary-text-color, #727272);
    font-variant-numeric: tabular-nums;
    font-size: 13px;
  }
  .selected .what span {
    color: inherit;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px;
  }
  .badge {
    display: grid;
    place-items: center;
    width: 34px;
    height: 34px;
    border-radius: 50%;
    color: #fff;
  }
  .badge svg {
    width: 20px;
    height: 20px;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
    padding-inline: 14px;
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding: 3px 10px;
    min-height: 26px;
    border-radius: 999px;
    font-size: 12.5px;
    background: color-mix(in srgb, var(--type) 16%, transparent);
  }
  .chip i {
    width: 9px;
    height: 9px;
    border-radius: 50%;
    background: var(--type);
  }
  .chip small {
    font-size: 11.5px;
    font-variant-numeric: tabular-nums;
  }
  .chip[aria-pressed="false"] {
    background: color-mix(in srgb, var(--primary-text-color, #212121) 5%, transparent);
    text-decoration: line-through;
  }
  .chip[aria-pressed="false"] i {
    background: transparent;
    box-shadow: inset 0 0 0 1.5px var(--type);
  }
  .empty {
    margin: 0;
    padding-inline: 14px;
    font-size: 13px;
    color: var(--secondary-text-color, #727272);
  }
  hikvision-nvr-film {
    padding-inline: 14px;
  }
  .note {
    position: sticky;
    bottom: 8px;
    align-self: center;
    max-width: calc(100% - 48px);
    padding: 8px 14px;
    border-radius: 10px;
    background: var(--primary-text-color, #212121);
    color: var(--card-background-color, #fff);
    font-size: 14px;
    box-shadow: 0 3px 14px rgba(0, 0, 0, 0.35);
  }
  .note[hidden] {
    display: none;
  }
  @container (max-width: 640px) {
    .bar {
      grid-template-columns: auto 1fr;
      padding-inline: 8px;
    }
    .transport {
      grid-column: 1 / -1;
      grid-row: 1;
      justify-content: center;
      gap: 8px;
    }
    .round {
      width: 36px;
      height: 36px;
    }
    .date .text,
    .tools .text {
      padding-inline: 10px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .pill i,
    .spinner {
      animation-duration: 6s;
    }
  }
`;
