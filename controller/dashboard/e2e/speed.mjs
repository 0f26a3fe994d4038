// Time and memory: the first load and each press on a processor four times slower, and a long watch.
// Each is measured twice: on the clock in a browser whose processor is slowed down four times, and as
// time of the page's own thread, four times. The second does not count other programs on this machine,
// the mock and the browser's start; both are held.
import { hold, until } from "./checks.mjs";
import { visit } from "./pages.mjs";

const SLOWER = 4;
const FIRST_MS = 1_000;
const PRESS_MS = 100;
/** A watch may hold this much more at its end than after its first part, bytes. */
const GROWTH_MAX = 2 * 1024 * 1024;
/** And so many more nodes of the document: a drawing with more parcels on it has some. */
const NODES_MAX = 1_000;
/** Simulated time of one message of a watch: parcels, readings and alarms of three seconds in one delta. */
const MESSAGE_MS = 3_000;
/** Messages after which the page's thread is waited for, and how many of these rounds are drawn. */
const MESSAGES = 4;
const DRAWN_EVERY = 25;
/** Simulated time after which somebody changes full bags, and after which a fault comes or goes. */
const BAGS_MS = 60_000;
const FAULT_MS = 300_000;

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Milliseconds that the page's thread has worked. */
async function worked(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "ThreadTime").value * 1_000;
}

/** Slows the page's processor down, or lets it go. */
const slow = (session, rate) => session.send("Emulation.setCPUThrottlingRate", { rate });

/** Milliseconds to the line's drawing and figures, in a browser that has nothing yet: of the thread, and on the clock. */
async function firstLoad(browser, base, rate) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  const page = await context.newPage();
  // The browser's own start of a page is not the page's: it is begun with one that is empty.
  await page.goto(`${base}/favicon.svg`);
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  await slow(session, rate);
  // Told by the page itself, at once: what it does afterwards is not part of the first load.
  await session.send("Runtime.enable");
  await session.send("Runtime.addBinding", { name: "lineIsDrawn" });
  const drawn = new Promise((resolve) => {
    session.once("Runtime.bindingCalled", async ({ payload }) => resolve({ clock: Number(payload), at: await worked(session) }));
  });
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".chute") || !document.querySelector(".tile .value")) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => window.lineIsDrawn(String(performance.now()))));
    }).observe(document, { childList: true, subtree: true });
  });
  const before = await worked(session);
  await page.goto(base, { waitUntil: "commit" });
  const { clock, at } = await drawn;
  await context.close();
  return { clock, thread: at - before };
}

const PLACES = ["chutes", "alarms", "coding", "parcels", "plan", "reports", "overview"];
/** What is pressed, as code of the page. */
const PRESSES = [
  ...PLACES.map((name) => [name, `location.hash = "#/${name}"`]),
  ["a chute's card", 'document.querySelectorAll(".chute .open")[2].click()'],
  ["brightness", 'document.querySelector("header .theme").click()'],
  ["brightness back", 'document.querySelector("header .theme").click()'],
];
const WINDOW_MS = 300;

/** What each press takes, as `during` measures it from its code. */
async function presses(page, during) {
  const times = [];
  for (const [name, code] of PRESSES) {
    times.push([name, await during(code)]);
    await page.waitForTimeout(WINDOW_MS);
    if (name === "a chute's card") await page.keyboard.press("Escape");
  }
  return times;
}

const worstOf = (times) => times.reduce((most, one) => (one[1] > most[1] ? one : most));
const listed = (times) => times.map(([name, ms]) => `${name} ${Math.round(ms)}`).join(", ");

export const speed = {
  async "the line is drawn within a second on a slow processor"({ page, base }) {
    const browser = page.context().browser();
    const [free, slowed] = [[], []];
    for (let i = 0; i < 3; i += 1) {
      free.push(await firstLoad(browser, base, 1));
      slowed.push(await firstLoad(browser, base, SLOWER));
    }
    const thread = middle(free.map((time) => time.thread)) * SLOWER;
    const clock = middle(slowed.map((time) => time.clock));
    const text = `${Math.round(clock)} ms slowed down ${SLOWER} times; ${Math.round(thread)} ms of a ${SLOWER}× slower thread; ${Math.round(middle(free.map((time) => time.clock)))} ms here`;
    hold(thread < FIRST_MS && clock < FIRST_MS, text);
    return text;
  },

  async "every press is answered within a tenth of a second on a slow processor"({ page, context }) {
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    // From the press to the next paint, all within the page: the way of a question to the browser
    // and back is not the page's.
    const answered = (code) =>
      page.evaluate(`new Promise((done) => {
        const begun = performance.now();
        ${code};
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
      })`);
    // The code of a page is fetched the first time; the answer to a press is what comes after.
    await presses(page, answered);
    const thread = await presses(page, async (code) => {
      const before = await worked(session);
      await answered(code);
      return ((await worked(session)) - before) * SLOWER;
    });
    await slow(session, SLOWER);
    const clock = await presses(page, answered);
    await slow(session, 1);
    await visit(page, "overview");
    const [work, wait] = [worstOf(thread), worstOf(clock)];
    const text = `worst ${Math.round(wait[1])} ms slowed down ${SLOWER} times: ${wait[0]}; worst ${Math.round(work[1])} ms of a ${SLOWER}× slower thread: ${work[0]}`;
    hold(work[1] < PRESS_MS && wait[1] < PRESS_MS, `${text}\n      slowed down: ${listed(clock)}\n      thread: ${listed(thread)}`);
    return text;
  },
};

/** What people and faults do on a line while it is watched: otherwise it stands full after an hour. */
function shift({ plant }, passed) {
  if (passed % BAGS_MS === 0) {
    for (const chute of plant.chutes.filter((c) => c.state === "full")) plant.command({ command: "empty_chute", chute: chute.id });
    plant.waiting.clear();
  }
  if (passed % FAULT_MS === 0) {
    const faults = [() => plant.fault("camera", 1), () => plant.fault("jammed", 4), () => plant.fault("node"), () => plant.fault("clear")];
    faults[(passed / FAULT_MS) % faults.length]();
  }
}

/**
 * Runs the plant ahead, as fast as the page takes what it is told: its thread is waited for after every
 * few messages, or they would pile up before a page that is slower than the loop. It is drawn now and
 * then; a frame for every message would be what takes the time.
 */
async function run({ page, mock }, minutes) {
  const all = minutes * 60_000;
  for (let passed = 0, round = 0; passed < all; round += 1) {
    for (let i = 0; i < MESSAGES; i += 1) {
      mock.leap(MESSAGE_MS);
      passed += MESSAGE_MS;
      shift(mock, passed);
    }
    const drawn = round % DRAWN_EVERY === 0;
    await page.evaluate((frame) => frame && new Promise((resolve) => requestAnimationFrame(resolve)), drawn);
  }
}

async function held(session) {
  // Twice: what a finalizer frees is free only then.
  for (let i = 0; i < 2; i += 1) await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes } = await session.send("Memory.getDOMCounters");
  return { bytes: usedSize, nodes };
}

/** Looks at the heap during a watch. The first quarter of them fills what is bounded. */
const LOOKS = 12;

/** Bytes an hour by which the heap grows, as the straight line nearest to all looks has it. */
function slope(looks) {
  const mean = (of) => looks.reduce((sum, look) => sum + of(look), 0) / looks.length;
  const [hour, bytes] = [mean((look) => look.hour), mean((look) => look.bytes)];
  const spread = mean((look) => (look.hour - hour) ** 2);
  return spread === 0 ? 0 : mean((look) => (look.hour - hour) * (look.bytes - bytes)) / spread;
}

/** A watch of so many simulated minutes; `told` hears of every look at the heap. */
export async function longWatch(world, minutes, told = () => {}) {
  const { page, context } = world;
  const session = await context.newCDPSession(page);
  await visit(page, "overview");
  const begun = Date.now();
  const looks = [];
  for (let i = 1; i <= LOOKS; i += 1) {
    await run(world, minutes / LOOKS);
    const look = { hour: (i * minutes) / LOOKS / 60, ...(await held(session)) };
    looks.push(look);
    told(look);
  }
  const settled = looks.slice(LOOKS / 4 - 1);
  const before = settled[0];
  await until(async () => (await page.locator(".live:not(.stale)").count()) === 1, "still live");
  let after;
  const flat = () => after.bytes - before.bytes < GROWTH_MAX && after.nodes - before.nodes < NODES_MAX;
  // On a busy machine the page still draws what it was told last; what it has kept does not go by waiting.
  await until(async () => ((after = await held(session)), flat()), "", 15_000).catch(() => {});
  // Of a short watch the slope is chance: what it holds at a moment differs by more than it could gain.
  const grown = minutes < 60 ? "" : `${(slope(settled) / 1e3).toFixed(0)} kB an hour; `;
  const text = `${grown}${(before.bytes / 1e6).toFixed(1)} to ${(after.bytes / 1e6).toFixed(1)} MB, ${before.nodes} to ${after.nodes} nodes in ${minutes} simulated minutes (${Math.round((Date.now() - begun) / 1_000)} s)`;
  hold(flat(), text);
  return text;
}

export const watch = {
  "memory stays flat over a watch": (world) => longWatch(world, 20),
};
