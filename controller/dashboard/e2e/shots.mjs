// Pictures of every page in every size, light and dark, to be looked at by a person.
//   node e2e/shots.mjs --out DIR [--base URL] [--only panel-dark] [--fault full/3] [--hostile] [--lang zh] [--page alarms]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startMock } from "../mock/server.mjs";
import { launch, SIZES } from "./browser.mjs";
import { visit } from "./pages.mjs";

const args = process.argv.slice(2);
const option = (name) => args.flatMap((a, i) => (a === name ? [args[i + 1]] : []));
const out = option("--out")[0] ?? "shots";
mkdirSync(out, { recursive: true });
const mock = option("--base")[0]
  ? null
  : await startMock({ warm: 300, hostile: args.includes("--hostile"), calm: args.includes("--calm"), second: args.includes("--second") });
const base = option("--base")[0] ?? mock.base;
const browser = await launch();
try {
  for (const fault of option("--fault")) await fetch(`${base}/mock/${fault}`, { method: "POST" });
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"]) {
      const name = `${size}-${colorScheme}`;
      if (option("--only").length > 0 && !option("--only").includes(name)) continue;
      const page = await browser.newPage({
        viewport,
        colorScheme,
        locale: option("--lang")[0] ?? "en-GB",
      });
      await page.goto(base);
      await page.waitForSelector("button.parcel");
      await page.waitForTimeout(2500);
      if (args.includes("--stale")) {
        await fetch(`${base}/mock/mute`, { method: "POST" });
        await page.waitForTimeout(1500);
      }
      if (args.includes("--hover")) await page.locator("button.parcel:enabled").nth(3).focus();
      if (args.includes("--card")) await page.locator(".chute .open").nth(2).click({ position: { x: 20, y: 12 } });
      if (args.includes("--list")) await page.locator(".more-button").click();
      await page.waitForTimeout(400);
      for (const place of option("--page").length > 0 ? option("--page") : ["overview"]) {
        if (place !== "overview") await visit(page, place);
        await page.waitForTimeout(700);
        const file = `${place.replaceAll("/", "-")}-${name}.png`;
        await page.screenshot({ path: join(out, file), fullPage: args.includes("--full") });
      }
      await fetch(`${base}/mock/unmute`, { method: "POST" }).catch(() => {});
      await page.close();
    }
  }
} finally {
  await browser.close();
  mock?.close();
}
