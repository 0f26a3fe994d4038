// Drives the page in Chromium. Without --base against the mock, with every fault; with --base
// against a running service: node e2e/run.mjs --base http://127.0.0.1:8080
// Pictures of every page in every size, light and dark, are left in --out (out/pages).
import { startMock } from "../mock/server.mjs";
import { launch, SIZES } from "./browser.mjs";
import { general, onHostile, onMock } from "./checks.mjs";
import { habits } from "./habits.mjs";
import { lines } from "./lines.mjs";
import { everywhere, flows, hostilePages, people } from "./pages.mjs";
import { speed, watch } from "./speed.mjs";

const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : null);
const given = value("--base");
const only = value("--only");
const out = value("--out") ?? "out/pages";
const LIMIT_MS = 300_000;
/** A click or an opening may wait so long: how fast a page is is measured elsewhere, alone. */
const PATIENCE_MS = 120_000;
let failures = 0;

/** What the page shows when a check fails: a picture, and its text for those who have the log alone. */
async function sight(page, title) {
  const file = `${out}/failed ${title.replace(/[^\w ]/g, "")}.png`;
  try {
    await page.screenshot({ path: file, timeout: 10_000 });
    const shown = await page.locator("body").innerText({ timeout: 10_000 });
    return `    ${file}\n    ${page.url()}\n    | ${shown.slice(0, 4_000).replace(/\n+/g, "\n    | ")}`;
  } catch (error) {
    return `    no picture of it: ${error.message}`;
  }
}

/** Opens the page in one size and runs checks on it; anything the browser complains of fails. */
async function round(browser, name, viewport, world, checks, first = ".chute") {
  if (only && !name.includes(only)) return;
  const begun = Date.now();
  const said = [];
  const say = (text) => said.push(text);
  const context = await browser.newContext({ viewport, locale: "en-GB", hasTouch: viewport.width < 1000 });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const lost = /ERR_(CONNECTION|EMPTY|INCOMPLETE|ABORTED)|net::ERR_FAILED|status of 4(01|04|09|10|22)/.test(message.text());
    if (message.type() === "error" && !lost) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const own = [world.base, "data:", "blob:"].some((start) => request.url().startsWith(start));
    if (!own) complaints.push(`leaves the machine: ${request.url()}`);
  });
  page.setDefaultTimeout(PATIENCE_MS);
  const opened = async () => {
    await page.goto(world.base);
    await page.waitForSelector(first);
  };
  for (const [title, check] of [["the page opens", opened], ...Object.entries(checks)]) {
    const limit = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`took longer than ${LIMIT_MS} ms`)), LIMIT_MS).unref();
    });
    try {
      const skipped = await Promise.race([check({ ...world, page, context, name, out }), limit]);
      say(`  ok  ${title}${skipped ? ` (${skipped})` : ""}`);
    } catch (error) {
      failures += 1;
      say(`  FAILED  ${title}\n    ${error.message}`);
      say(await sight(page, `${name} ${title}`));
    }
  }
  for (const complaint of new Set(complaints)) {
    failures += 1;
    say(`  FAILED  the browser complains: ${complaint}`);
  }
  await context.close();
  process.stdout.write(`${name}, ${((Date.now() - begun) / 1000).toFixed(1)} s\n${said.join("\n")}\n`);
}

/** One mock, and one after the other what is checked on it. */
async function on(options, rounds) {
  const mock = await startMock(options);
  try {
    await rounds({ base: mock.base, mock });
  } finally {
    mock.close();
  }
}

const browser = await launch();
const sized = async (title, world, checks) => {
  for (const [name, viewport] of Object.entries(SIZES)) {
    await round(browser, `${title}, ${name}`, viewport, world, checks);
  }
};
try {
  if (given) {
    await sized("line", { base: given, mock: null }, general);
  } else {
    // Alone and on request, for what is measured is time: another program on the machine is enough to
    // spoil it.
    if (only === "speed") await on({ warm: 120 }, (world) => round(browser, "speed, panel", SIZES.panel, world, speed));
    await Promise.all([
      on({ warm: 120 }, async (world) => {
        await sized("line", world, general);
        // What follows counts alarms, full chutes and waiting parcels: none comes but those asked for.
        world.mock.plant.calm = true;
        await round(browser, "faults, panel", SIZES.panel, world, onMock);
        const few = ["an alarm is shown, listed and acknowledged without a jump", "a full chute is emptied with one press", "a chute is disabled and enabled"];
        await round(browser, "faults, phone", SIZES.phone, world, Object.fromEntries(few.map((title) => [title, onMock[title]])));
        await round(browser, "flows, panel", SIZES.panel, world, flows);
        await on({ warm: 180, calm: true }, (alone) => round(browser, "habits, panel", SIZES.panel, alone, habits));
        await on({ warm: 60, second: true, calm: true }, (both) => round(browser, "two lines, panel", SIZES.panel, both, lines));
        await on({ warm: 60, blank: true }, (alone) => round(browser, "watch, panel", SIZES.panel, alone, watch));
      }),
      on({ warm: 120, second: true }, async (world) => {
        await sized("pages", world, everywhere);
        await on({ warm: 60, open: false }, (locked) => round(browser, "people, panel", SIZES.panel, locked, people, "form"));
        await on({ warm: 60, hostile: true, second: true }, async (hostile) => {
          await round(browser, "hostile labels, panel", SIZES.panel, hostile, onHostile);
          await round(browser, "hostile labels, phone", SIZES.phone, hostile, onHostile);
          await round(browser, "hostile pages, panel", SIZES.panel, hostile, hostilePages);
        });
      }),
    ]);
  }
} finally {
  await browser.close();
}
process.stdout.write(failures === 0 ? "all well\n" : `${failures} failed\n`);
process.exitCode = failures === 0 ? 0 : 1;
