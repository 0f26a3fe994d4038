// What must be true in a browser. `world` is { page, base, mock }; `mock` is null when the page is
// served by the real service, and checks that need faults on request are then left out.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export class Failed extends Error {}

export function hold(truth, text) {
  if (!truth) throw new Failed(text);
}

/** Enough for a machine that does much else; how fast a page is is measured in `speed.mjs`, alone. */
const PATIENCE_MS = 30_000;

/** Waits until `look` gives something true; `text` says what was waited for. */
export async function until(look, text, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Failed(`not within ${ms} ms: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function axe({ page }) {
  // Through the debugger, not as a script of the page: the page's policy would refuse it.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    // eslint-disable-next-line no-undef
    axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  const found = violations.map(
    (v) => `${v.id}: ${v.help}\n      ${v.nodes.slice(0, 4).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`).join("\n      ")}`,
  );
  hold(found.length === 0, `accessibility:\n    ${found.join("\n    ")}`);
}

export const count = (page, selector) => page.locator(selector).count();
export const text = (page, selector) => page.locator(selector).first().innerText();
export const fault = ({ base }, name) => fetch(`${base}/mock/${name}`, { method: "POST" });
const state = ({ base }, line) =>
  fetch(`${base}/api/v1/lines/${line}/state`).then((r) => r.json());
const lineId = ({ base }) =>
  fetch(`${base}/api/v1/lines`)
    .then((r) => r.json())
    .then((lines) => lines[0].id);

/** Checks for any service. */
export const general = {
  async "the line is drawn from its topology"(world) {
    const line = await lineId(world);
    const topology = await (await fetch(`${world.base}/api/v1/lines/${line}/topology`)).json();
    const wanted = topology.chute.filter((c) => c.kind !== "recirculation").length;
    await until(async () => (await count(world.page, ".chute")) === wanted, `${wanted} chutes`);
    hold((await count(world.page, ".camera g")) === topology.camera.length, "every camera");
    hold((await count(world.page, ".arm")) === topology.diverter.length, "every diverter");
  },

  async "the page is live"({ page }) {
    await until(async () => (await count(page, ".live:not(.stale)")) === 1, "the sign Live");
  },

  async "parcels move along the belt"(world) {
    const { page } = world;
    const line = await lineId(world);
    const now = await state(world, line);
    if (now.line.speed_mm_per_s === 0 || now.parcels.length === 0) return "belt stands or is empty";
    const spots = () =>
      page.$$eval("button.parcel", (all) =>
        Object.fromEntries(
          all.map((e) => {
            const box = e.getBoundingClientRect();
            return [e.getAttribute("aria-label").split(",")[0], [box.x, box.y]];
          }),
        ),
      );
    const before = await spots();
    await until(async () => {
      const after = await spots();
      return Object.entries(after).some(([id, [x, y]]) => {
        const was = before[id];
        return was && Math.hypot(x - was[0], y - was[1]) > 4;
      });
    }, "a parcel moved");
  },

  async "nothing is wider than the screen"({ page }) {
    const [inner, outer] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    hold(inner <= outer, `page is ${inner} wide on a screen of ${outer}`);
  },

  async "buttons are big enough for a finger"({ page }) {
    const small = await page.$$eval("button, select, a.button", (all) =>
      all
        .map((e) => ({ box: e.getBoundingClientRect(), name: e.ariaLabel ?? e.innerText }))
        .filter(({ box }) => box.width > 0 && (box.width < 43.5 || box.height < 43.5))
        .map(({ box, name }) => `${name} ${box.width.toFixed(0)}x${box.height.toFixed(0)}`),
    );
    hold(small.length === 0, `too small: ${small.join("; ")}`);
  },

  async "no layout jumps while it runs"({ page }) {
    const shift = await page.evaluate(
      () =>
        new Promise((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
              // The strip of readings moves on by design, until someone looks at it; what has left it
              // since is no node any more.
              const strip = entry.sources.every((s) => s.node === null || s.node.parentElement?.closest(".strip"));
              if (!strip) sum += entry.value;
            }
          }).observe({ type: "layout-shift", buffered: false });
          setTimeout(() => resolve(sum), 1500);
        }),
    );
    hold(shift < 0.01, `layout shift ${shift}`);
  },

  async "accessible, light"(world) {
    if (world.mock) return "checked with all pages";
    await world.page.evaluate(() => (document.documentElement.dataset.theme = "light"));
    await axe(world);
  },

  async "accessible, dark"(world) {
    if (world.mock) return "checked with all pages";
    await world.page.evaluate(() => (document.documentElement.dataset.theme = "dark"));
    await axe(world);
  },

  async "a chute opens and closes by keyboard alone"({ page }) {
    await page.locator(".chute .open").first().focus();
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, "dialog[open]")) === 1, "the chute's card");
    await page.keyboard.press("Escape");
    await until(async () => (await count(page, "dialog[open]")) === 0, "the card closed");
    const back = await page.evaluate(() => document.activeElement?.className ?? "");
    hold(back.includes("open"), `focus returned to the chute, not to "${back}"`);
  },

  async "the language changes and stays"({ page }) {
    const choose = (language) => page.locator(".languages select").selectOption(language);
    await choose("zh");
    await until(async () => (await text(page, ".live")).includes("实时"), "Chinese words");
    hold((await page.getAttribute("html", "lang")) === "zh", "the document says its language");
    await page.reload();
    await until(async () => (await count(page, ".tile")) === 8, "the page again");
    hold((await text(page, ".tile")).includes("每小时包裹数"), "still Chinese");
    await choose("ar");
    await until(async () => (await page.getAttribute("html", "dir")) === "rtl", "right to left");
    hold((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, "and not wider");
    await choose("en");
    await until(async () => (await page.getAttribute("html", "dir")) === "ltr", "left to right again");
  },

  async "the brightness changes"({ page }) {
    const theme = () => page.getAttribute("html", "data-theme");
    const before = await theme();
    await page.locator("header .tools .theme").click();
    hold((await theme()) !== before, "theme changed");
    await page.locator("header .tools .theme").click();
  },
};

/** Checks that need faults on request. */
export const onMock = {
  async "an alarm is shown, listed and acknowledged without a jump"(world) {
    const { page } = world;
    const top = () => page.$eval("main", (e) => e.getBoundingClientRect().top);
    await fault(world, "clear");
    await until(async () => (await text(page, ".bar")).includes("No active alarms"), "calm");
    const before = await top();
    await fault(world, "camera/1");
    await until(async () => (await text(page, ".bar")).includes("Camera"), "the alarm");
    hold((await top()) === before, "the page stayed where it was");
    await fault(world, "full/3");
    await until(async () => (await count(page, ".more-button")) === 1, "the list's button");
    await page.locator(".more-button").click();
    await until(async () => (await count(page, "#alarm-list li")) === 3, "both alarms and the way to all about them");
    await page.locator(".more-button").click();
    await axe(world);
    const acknowledge = page.locator(".row").getByRole("button", { name: /Acknowledge: Camera/ });
    if (await acknowledge.isVisible()) {
      await acknowledge.click();
      await until(async () => (await text(page, ".bar")).includes("Chute 3"), "the next alarm first");
    }
  },

  async "a full chute is emptied with one press"(world) {
    const { page, mock } = world;
    await fault(world, "full/5");
    const button = page.getByRole("button", { name: "Emptied: Chute 5" });
    await button.click();
    await until(async () => (await button.count()) === 0, "the button is gone");
    hold(mock.plant.chute(5).state === "ready", "the controller was told");
  },

  async "a chute is disabled and enabled"(world) {
    const { page, mock } = world;
    await page.getByRole("button", { name: /^Chute 7,/ }).click();
    await page.getByRole("button", { name: "Disable chute" }).click();
    await axe(world);
    await page.getByRole("button", { name: "Jam", exact: true }).click();
    await page.keyboard.press("Tab");
    await page.locator("dialog[open]").last().getByRole("button", { name: "Disable chute", exact: true }).click();
    await until(async () => (await count(page, ".chute.disabled")) === 1, "a chute looks disabled");
    hold((await page.locator("dialog[open]").innerText()).includes("Jam"), "and the reason is shown");
    hold(mock.plant.chute(7).state === "disabled", "the controller was told");
    await axe(world);
    await page.getByRole("button", { name: "Enable chute" }).click();
    await until(async () => (await count(page, ".chute.disabled")) === 0, "it is enabled again");
    await page.keyboard.press("Escape");
    await until(async () => (await count(page, "dialog[open]")) === 0, "the card closed");
  },

  async "a refused command is explained and changes nothing"(world) {
    const { page, mock } = world;
    const command = mock.plant.command;
    mock.plant.command = () => false;
    try {
      await page.getByRole("button", { name: /^Chute 9,/ }).click();
      await page.getByRole("button", { name: "Disable chute" }).click();
      await page.getByRole("textbox", { name: "Reason", exact: true }).fill("a test");
      await page.keyboard.press("Enter");
      await until(async () => (await count(page, ".toast")) === 1, "a message");
      const said = await text(page, ".toast");
      hold(said.includes("Nothing was changed") && said.includes("No such chute"), `said: ${said}`);
    } finally {
      mock.plant.command = command;
    }
    await until(async () => (await count(page, "dialog[open]")) === 1, "only the chute's card is open");
    await page.keyboard.press("Escape");
    await until(async () => (await count(page, "dialog[open]")) === 0, "the card closed");
    await page.getByRole("button", { name: "Close message" }).click();
  },

  async "a parcel's card shows where it goes, by keyboard"(world) {
    const { page } = world;
    await until(async () => (await count(page, "button.parcel:enabled[aria-label*='Chute']")) > 0, "a decided parcel");
    // The hindmost has the longest way, but may leave before it is looked at: then the next one is taken.
    await until(async () => {
      await page.evaluate(() => [...document.querySelectorAll("button.parcel:enabled[aria-label*='Chute']")].at(-1)?.focus());
      await until(async () => (await count(page, ".card .card")) === 1, "its card", 1_000).catch(() => {});
      return (await count(page, ".card .card")) === 1 && (await count(page, ".chute.target, .neck.target")) > 0;
    }, "its card, and its chute marked");
    await page.keyboard.press("Escape");
    await until(async () => (await count(page, ".card .card")) === 0, "the card closed");
  },

  async "readings hold still while someone looks at them"({ page }) {
    const first = () => text(page, ".strip li .parcel strong");
    await page.locator(".strip li").first().hover();
    const held = await first();
    await page.waitForTimeout(2_500);
    hold((await first()) === held, "the first reading stayed");
    await page.mouse.move(5, 5);
    await until(async () => (await first()) !== held, "newer ones came afterwards");
  },

  async "a cut connection resumes by itself"(world) {
    const { page } = world;
    await fault(world, "drop").catch(() => {});
    await until(async () => (await count(page, ".live:not(.stale)")) === 1, "live again");
  },

  async "while the service is away the page says since when"(world) {
    const { page } = world;
    await fault(world, "mute");
    await until(async () => (await text(page, ".live")).startsWith("Stale since"), "stale");
    hold((await count(page, ".banner")) === 1, "the drawing says so too");
    await axe(world);
    await fault(world, "unmute");
    await until(async () => (await count(page, ".live:not(.stale)")) === 1, "live again");
    hold((await count(page, ".banner")) === 0, "the notice is gone");
  },

  async "a stopped line is unmistakable"(world) {
    const { page } = world;
    await fault(world, "stop");
    await until(async () => (await text(page, ".state")).includes("Aborted"), "the state");
    hold((await count(page, ".stands")) === 1, "the belt says that it stands");
    await axe(world);
    await page.locator("header").getByRole("button", { name: "Reset", exact: true }).click();
    await until(async () => (await text(page, ".state")).includes("Running"), "running again");
  },
};

/** Checks on a line whose labels are hostile. */
export const onHostile = {
  async "hostile texts are only text"({ page }) {
    await until(async () => (await count(page, ".strip li")) > 4, "readings");
    await until(async () => (await page.locator("body").innerText()).includes("<script>"), "the text itself is shown");
    const body = await page.locator("body").innerText();
    hold(!/[\u202a-\u202e\u2066-\u2069]/.test(body), "nothing turns the text's direction");
    hold(!(await page.title()).includes("owned"), "nothing of it ran");
    hold((await count(page, "main script, main img[onerror]")) === 0, "nothing of it is markup");
    const longest = await page.evaluate(() => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      let most = 0;
      while (walker.nextNode()) most = Math.max(most, walker.currentNode.data.length);
      return most;
    });
    hold(longest < 400, `longest text ${longest}`);
  },
  "nothing is wider than the screen": general["nothing is wider than the screen"],
  async "accessible"(world) {
    await axe(world);
  },
};
