/** Builds the card into one module, which the integration serves. */
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const LIBRARY = new URL("./node_modules/hls.js/", import.meta.url).pathname;
const OUTPUT = new URL("../custom_components/hikvision_nvr/frontend/", import.meta.url).pathname;

/** What the player library does not need to play our playlists. */
const WITHOUT = [
  "ALT_AUDIO",
  "CMCD",
  "CONTENT_STEERING",
  "EME_DRM",
  "IFRAMES",
  "INTERSTITIALS",
  "M2TS_ADVANCED_CODECS",
  "MEDIA_CAPABILITIES",
  "SUBTITLES",
  "VARIABLE_SUBSTITUTION",
];

/** Everything is fragmented MP4: no other demuxer is ever asked, and nothing remuxed. */
const EMPTY: [RegExp, string][] = [
  [
    /\/(tsdemuxer|aacdemuxer|ac3-demuxer|mp3demuxer)$/,
    `export class AC3Demuxer {}
     export default class { static probe() { return false; } }`,
  ],
  [
    /\/mp4-remuxer$/,
    `export const flushTextTrackMetadataCueSamples = () => undefined;
     export const flushTextTrackUserdataCueSamples = () => undefined;
     export const normalizePts = (value) => value;
     export default class {}`,
  ],
  [
    // Where Home Assistant is on plain HTTP, browsers have no randomUUID. Tags of radio
    // streams are in none of our files.
    /^@svta\/cml-(utils|id3)$/,
    `export const uuid = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
     export const getId3Frames = () => [];
     export const isId3TimestampFrame = () => false;
     export const utf8ArrayToStr = (bytes) => new TextDecoder().decode(bytes);`,
  ],
];

function onlyFragmentedMp4(): Plugin {
  return {
    name: "only-fragmented-mp4",
    enforce: "pre",
    resolveId(id, importer) {
      if (id === "hls.js") {
        return `${LIBRARY}src/hls.ts`;
      }
      if (!importer?.startsWith(LIBRARY)) {
        return null;
      }
      if (id === "@svta/cml-cmcd") {
        // Only the reports to content networks need it, which are left out.
        return { id, external: true, moduleSideEffects: false };
      }
      const found = EMPTY.findIndex(([pattern]) => pattern.test(id));
      return found < 0 ? null : `\0empty-${found}.js`;
    },
    load(id) {
      const found = /^\0empty-(\d+)\.js$/.exec(id);
      return found ? EMPTY[Number(found[1])]![1] : null;
    },
  };
}

export default defineConfig({
  plugins: [onlyFragmentedMp4()],
  define: {
    ...Object.fromEntries(WITHOUT.map((name) => [`__USE_${name}__`, "false"])),
    __HLS_WORKER_BUNDLE__: "undefined",
    __IN_WORKER__: "false",
    __VERSION__: JSON.stringify("1.7.4"),
  },
  build: {
    target: "es2022",
    outDir: OUTPUT,
    // The folder also has the stamp, which scripts/card writes.
    emptyOutDir: false,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: {
      input: new URL("./src/main.ts", import.meta.url).pathname,
      output: { entryFileNames: "hikvision-nvr-card.js", codeSplitting: false },
    },
  },
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
  },
});
