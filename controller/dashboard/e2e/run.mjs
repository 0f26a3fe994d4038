// Drives the page in Chromium. Without --base against the mock, with every fault; with --base
// against a running service: node e2e/run.mjs --base http://127.0.0.1:8080
import { startMock } from "../mock/server.mjs";
import { launch, SIZES } from "./browser.mjs";
import { general, onHostile, onMock } from "./checks.mjs";

const at = process.argv.indexOf("--base");
const given = at < 0 ? null : process.argv[at + 1];
const LIMIT_MS = 60_000;
let failures = 0;

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** Opens the page in one size and runs checks on it; anything the browser complains of fails. */
async function round(browser, name, viewport, world, checks) {
  say(name);
  const context = await browser.newContext({ viewport, locale: "en-GB", hasTouch: viewport.width < 1000 });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const lost = /ERR_(CONNECTION|EMPTY|INCOMPLETE)|net::ERR_FAILED|status of 4(04|22)/.test(message.text());
    if (message.type() === "error" && !lost) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const own = [world.base, "data:", "blob:"].some((start) => request.url().startsWith(start));
    if (!own) complaints.push(`leaves the machine: ${request.url()}`);
  });
  await page.goto(world.base);
  await page.waitForSelector(".chute");
  for (const [title, check] of Object.entries(checks)) {
    const limit = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`took longer than ${LIMIT_MS} ms`)), LIMIT_MS).unref();
    });
    try {
      const skipped = await Promise.race([check({ ...world, page }), limit]);
      say(`  ${skipped ? `skipped (${skipped})` : "ok"}  ${title}`);
    } catch (error) {
      failures += 1;
      say(`  FAILED  ${title}\n    ${error.message}`);
    }
  }
  for (const complaint of new Set(complaints)) {
    failures += 1;
    say(`  FAILED  the browser complains: ${complaint}`);
  }
  await context.close();
}

const browser = await launch();
try {
  const mock = given ? null : await startMock({ warm: 120 });
  const world = { base: given ?? mock.base, mock };
  for (const [name, viewport] of Object.entries(SIZES)) {
    await round(browser, name, viewport, world, general);
  }
  if (mock) {
    await round(browser, "faults, panel", SIZES.panel, world, onMock);
    await round(browser, "faults, phone", SIZES.phone, world, {
      "an alarm is shown, listed and acknowledged without a jump":
        onMock["an alarm is shown, listed and acknowledged without a jump"],
      "a full chute is emptied with one press": onMock["a full chute is emptied with one press"],
      "a chute is disabled and enabled": onMock["a chute is disabled and enabled"],
    });
    mock.close();
    const hostile = await startMock({ warm: 60, hostile: true });
    const hostileWorld = { base: hostile.base, mock: hostile };
    await round(browser, "hostile labels, panel", SIZES.panel, hostileWorld, onHostile);
    await round(browser, "hostile labels, phone", SIZES.phone, hostileWorld, onHostile);
    hostile.close();
  }
} finally {
  await browser.close();
}
say(failures === 0 ? "all well" : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
