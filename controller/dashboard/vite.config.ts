import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The service embeds `dist/` and sends it with a strict content security policy, so nothing may
// be inlined as a script, and every asset keeps a name that changes with its content.
export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: {
    target: "es2020",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: true,
  },
  server: {
    host: "127.0.0.1",
    // Words for alarms are the service's.
    fs: { allow: [".", "../service/src/words"] },
    proxy: { "/api": process.env.SORTLINE_API ?? "http://127.0.0.1:8090" },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
