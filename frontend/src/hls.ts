/** The player library, as the build cuts it to fragmented MP4 (see vite.config.ts). */
export { default as Hls } from "hls.js";
