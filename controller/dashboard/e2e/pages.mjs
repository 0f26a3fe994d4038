// Every page as each role, by keyboard and by mouse, against the mock.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { axe, count, fault, hold, text, until } from "./checks.mjs";

const PAGES = ["overview", "chutes", "alarms", "alarms/aside", "alarms/history", "alarms/figures", "coding", "parcels", "plan", "routes", "reports", "maintenance", "simulator", "simulator/replay", "system", "system/people", "system/keys", "system/audit", "system/files", "system/backup", "system/steps", "system/api"];

const MAY = {
  viewer: ["overview", "chutes", "alarms", "plan", "routes", "reports", "system"],
  operator: ["overview", "chutes", "alarms", "parcels", "plan", "routes", "reports", "system"],
  coder: ["overview", "chutes", "alarms", "coding", "parcels", "plan", "routes", "reports", "system"],
  planner: ["overview", "chutes", "alarms", "plan", "routes", "reports", "system"],
  maintainer: ["overview", "chutes", "alarms", "parcels", "plan", "routes", "reports", "maintenance", "simulator", "system"],
  supervisor: ["overview", "chutes", "alarms", "coding", "parcels", "plan", "routes", "reports", "system"],
  admin: ["overview", "chutes", "alarms", "plan", "routes", "reports", "system"],
};

export async function visit(page, place) {
  // Until the page was told: before that, what is looked for may be found on the page that is left.
  await page.evaluate((to) => {
    if (location.hash === to) return undefined;
    return new Promise((told) => {
      addEventListener("hashchange", told, { once: true });
      location.hash = to;
    }).then(() => {});
  }, `#/${place}`);
  await until(async () => (await count(page, "main h1")) > 0 || (await count(page, "main .notice")) > 0, `the page ${place}`);
  await until(async () => (await count(page, "main .skeleton")) === 0, `${place} is loaded`);
}

/** Opens five recorded minutes that began so many minutes ago, and goes one of them on. */
export async function replayFrom(page, minutes) {
  await page.getByLabel("Length").selectOption({ label: "5 mins" });
  // The field begins with the hour before.
  const field = page.locator("input[type=datetime-local]");
  const hour = Date.parse(`${await field.inputValue()}Z`);
  // A whole minute is written without its seconds.
  await field.fill(new Date(hour + (60 - minutes) * 60_000).toISOString().slice(0, 19).replace(/:00$/, ""));
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await until(async () => (await count(page, "input[type=range]")) === 1, "the recording");
  await until(() => page.evaluate(() => document.activeElement?.type === "range"), "the slider has the focus");
  for (let i = 0; i < 6; i += 1) await page.keyboard.press("l");
}

/** The page of one parcel that was sorted. */
const parcelPage = (plant) => `parcels/${plant.ended.find((life) => life.outcome.outcome === "sorted").id}`;

const wide = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const THEMES = { panel: ["light", "dark"], wall: ["dark"], tablet: ["light"], phone: ["dark"] };

/** Checks of every page in one size. Colors do not depend on the size, so contrast is measured in one. */
export const everywhere = {
  async "every page shows itself, fits the screen and is accessible, light and dark"(world) {
    const { page, name, out, mock } = world;
    mkdirSync(out, { recursive: true });
    const size = name.split(", ").at(-1);
    const wrong = [];
    for (const place of [...PAGES, parcelPage(mock.plant)]) {
      await visit(page, place);
      if ((await wide(page)) > 0) wrong.push(`${place}: wider than the screen by ${await wide(page)}`);
      const cut = await page.$eval("main", (e) => (getComputedStyle(e).overflowY === "hidden" ? e.scrollHeight - e.clientHeight : 0));
      if (cut > 1) wrong.push(`${place}: ${cut} pixels are cut off below`);
      for (const theme of THEMES[size]) {
        await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
        if (size === "panel") await axe(world).catch((error) => wrong.push(`${place}, ${theme}: ${error.message}`));
        const file = `${place.replace(/\d+/, "one").replaceAll("/", "-")}-${size}-${theme}.jpg`;
        await page.screenshot({ path: join(out, file), type: "jpeg", quality: 70 });
      }
      if (size === "phone") await axe(world).catch((error) => wrong.push(`${place}, ${size}: ${error.message}`));
      const small = await page.$$eval("main button, main a.button, main select, main input:not([type=checkbox])", (all) =>
        all
          .map((e) => ({ box: e.getBoundingClientRect(), name: e.ariaLabel ?? e.innerText ?? e.tagName, hidden: e.classList.contains("hidden") }))
          .filter(({ box, hidden }) => !hidden && box.width > 0 && box.height < 43.5)
          .map(({ box, name }) => `${name} ${box.width.toFixed(0)}x${box.height.toFixed(0)}`),
      );
      if (small.length > 0) wrong.push(`${place}: too small: ${small.slice(0, 5).join("; ")}`);
    }
    await visit(page, "overview");
    hold(wrong.length === 0, wrong.join("\n    "));
  },
};

/** So slow that no parcel leaves before a busy machine has typed what belongs to it, mm/s. */
const CRAWL = 50;

/** A parcel that waits for a coder: its number, when the page offers it. No other waits. */
async function offered(page, { plant }, kind = "unread") {
  plant.waiting.clear();
  // The newest is chosen: never one that was offered before, and with the whole belt before it.
  plant.speed = plant.topology.belt.speed_mm_per_s;
  const newest = plant.nextParcel;
  await until(async () => (await count(page, "main .empty-note")) === 1, "what was offered before is gone");
  await until(() => plant.nextParcel > newest, "a parcel comes");
  plant.speed = CRAWL;
  plant.fault(kind);
  const [id] = plant.waiting.keys();
  await until(async () => (await page.locator("main h2", { hasText: String(id) }).count()) === 1, `parcel ${id} is offered`);
  await until(async () => (await page.evaluate(() => document.activeElement?.getAttribute("maxlength"))) === "2", "the cursor is where keying begins");
  return id;
}

/** Disables a chute on the board; without a reason nothing happens. */
export async function disable(page, chute, reason) {
  const button = chute ? page.getByRole("button", { name: `Disable chute: ${chute}` }) : page.getByRole("button", { name: /^Disable chute: / }).first();
  await button.click();
  const sheet = page.locator("dialog[open]").last();
  await sheet.getByRole("button", { name: "Disable chute", exact: true }).click();
  hold((await sheet.count()) === 1, "it asks why");
  const why = page.getByRole("textbox", { name: "Reason", exact: true });
  await why.fill(reason);
  await page.keyboard.press("Enter");
  await until(async () => (await why.count()) === 0, "the question is gone");
}

/** Flows on a controller that is open. */
export const flows = {
  async "a chute is disabled and enabled on the board"(world) {
    const { page, mock } = world;
    await visit(page, "chutes");
    await disable(page, "Chute 4", "frame is bent");
    await until(() => mock.plant.chute(4).state === "disabled", "the controller was told");
    hold(mock.office.audit[0].after.includes("frame is bent"), "the reason is on record");
    await until(async () => (await page.locator("li.disabled").innerText()).includes("frame is bent"), "and at the chute");
    await page.getByRole("button", { name: /Need someone/ }).click();
    await page.getByRole("button", { name: "Enable chute: Chute 4" }).click();
    await until(() => mock.plant.chute(4).state === "ready", "enabled again");
  },

  async "a bag is closed, gets its number and its tag, and is changed"(world) {
    const { page, mock } = world;
    await fault(world, "clear");
    await visit(page, "chutes");
    await page.getByRole("button", { name: /^All/ }).click();
    mock.plant.chute(6).count = 12;
    const card = page.locator("li.panel", { has: page.getByRole("heading", { name: "Chute 6", exact: true }) });
    await card.getByRole("button", { name: "Close bag: Chute 6" }).click();
    await until(async () => (await card.innerText()).includes("Closed: print tag"), "closed");
    const { sscc } = mock.plant.chute(6).bag;
    hold((await card.innerText()).replaceAll(" ", "").includes(`SSCC${sscc}`), "its number is shown");
    await axe(world);
    await card.getByRole("button", { name: "Bag tag: Chute 6" }).click();
    await until(async () => (await count(page, "dialog[open] svg.bars path")) === 1, "bars on the tag");
    await page.keyboard.press("Escape");
    await card.getByRole("button", { name: "Emptied: Chute 6" }).click();
    await until(async () => /Bag before: 1\d parcels/.test(await card.innerText()), "the bag before is still told");
    hold((await card.innerText()).replaceAll(" ", "").includes(`SSCC${sscc}`), "with its number");
  },

  async "an alarm is silenced, shelved with a reason, taken back and acknowledged"(world) {
    const { page, mock } = world;
    await fault(world, "clear");
    await fault(world, "full/3");
    await visit(page, "alarms");
    const alarm = () => mock.plant.alarms.get("chute_full-3");
    const list = page.locator("main");
    await until(async () => (await list.getByRole("button", { name: /^Silence/ }).count()) === 1, "the one alarm");
    await list.getByRole("button", { name: /^Silence/ }).click();
    await until(() => alarm().silenced && !alarm().acknowledged, "silenced, not acknowledged");
    await until(async () => (await list.getByRole("button", { name: /^Shelve/ }).isEnabled()), "the next act");
    await list.getByRole("button", { name: /^Shelve/ }).click();
    await page.locator("dialog").getByRole("button", { name: "Shelve", exact: true }).click();
    hold(alarm().state === "active", "without a reason nothing happens");
    await page.getByLabel("Reason").fill("bag is on its way");
    await page.keyboard.press("Enter");
    await until(() => alarm().state === "shelved", "shelved");
    await until(async () => (await count(page, "dialog[open]")) === 0, "the question is gone");
    await page.getByRole("link", { name: /Put aside/ }).click();
    await page.getByRole("button", { name: "Take back" }).click();
    await until(() => alarm().state === "active", "taken back");
    await page.getByRole("link", { name: /^Active/ }).click();
    await list.getByRole("button", { name: /^Acknowledge/ }).click();
    await until(() => alarm().acknowledged, "acknowledged");
    await page.getByRole("link", { name: "History" }).click();
    await until(async () => (await text(page, "main table")).includes("bag is on its way"), "the reason is in the history");
    await fault(world, "clear");
  },

  async "a parcel is keyed in without the mouse"(world) {
    const { page, mock } = world;
    await visit(page, "coding");
    const parcel = await offered(page, mock);
    await page.keyboard.press("F3");
    await page.keyboard.type("fr");
    await page.keyboard.press("Tab");
    await page.keyboard.type("69001");
    await page.keyboard.press("Enter");
    const keyed = await until(() => mock.office.codings.find((c) => c.parcel === parcel), "the controller was told");
    hold(keyed.country === "FR" && keyed.postcode === "69001", JSON.stringify(keyed));
    hold(keyed.took_ms < 10_000, `it took ${keyed.took_ms} ms`);
  },

  async "a person at a person's pace keys a parcel in less than ten seconds"({ page, mock }) {
    const LOOK_MS = 1_500;
    const KEY_MS = 180;
    await visit(page, "coding");
    const times = [];
    for (let i = 0; i < 3; i += 1) {
      const parcel = await offered(page, mock);
      await page.waitForTimeout(LOOK_MS);
      await page.keyboard.type("fr", { delay: KEY_MS });
      await page.keyboard.press("Tab");
      await page.keyboard.type("69001", { delay: KEY_MS });
      await page.keyboard.press("Enter");
      const keyed = await until(() => mock.office.codings.find((c) => c.parcel === parcel), "it is keyed");
      times.push(keyed.took_ms);
    }
    hold(Math.max(...times) < 10_000, `${times} ms`);
    return `${times} ms`;
  },

  async "what is typed for a parcel that went away is not taken for the next"({ page, mock }) {
    await visit(page, "coding");
    const id = await offered(page, mock, "sample");
    await page.keyboard.type("fr");
    await page.keyboard.press("Tab");
    const before = mock.office.codings.length;
    // News of other parcels, and of this one, wipe nothing.
    mock.plant.waiting.get(id).images.pop();
    mock.plant.fault("unread");
    await page.waitForTimeout(400);
    hold((await page.getByLabel("Country").inputValue()) === "FR", "what is typed stays");
    mock.plant.waiting.delete(id);
    await until(async () => (await page.locator("main").innerText()).includes("Left the line"), "it is told");
    await page.keyboard.type("69001");
    await page.waitForTimeout(2_500);
    hold((await page.locator("main h2", { hasText: String(id) }).count()) === 1, "it stays while something is typed");
    hold((await page.getByLabel("Country").inputValue()) === "FR", "as it was");
    hold((await page.getByLabel("Postcode").inputValue()) === "", "and takes no more");
    await page.keyboard.press("Enter");
    await until(async () => (await page.locator("main h2", { hasText: String(id) }).count()) === 0, "Enter turns to the next");
    hold(mock.office.codings.length === before, "nothing was keyed");
    const next = await offered(page, mock);
    hold(next !== id && (await page.getByLabel("Country").inputValue()) === "", "which begins empty");
    mock.plant.waiting.clear();
  },

  async "what the print may say is taken over with two keys, upright"({ page, mock }) {
    await visit(page, "coding");
    const id = await offered(page, mock);
    await until(async () => (await page.locator(".candidates .button").count()) === 2, "candidates");
    const turned = await page.locator(".frame img").evaluate((img) => img.style.transform);
    hold(/rotate\(-\d+deg\)/.test(turned), `the label stands upright: ${turned}`);
    await page.keyboard.press("Alt+1");
    hold((await page.getByLabel("Postcode").inputValue()) === "69001", "filled in");
    await page.keyboard.press("Enter");
    await until(() => mock.office.codings.some((c) => c.parcel === id && c.postcode === "69001"), "keyed");
  },

  async "a sample keyed once waits for somebody else"({ page, mock }) {
    await visit(page, "coding");
    const id = await offered(page, mock, "sample");
    await page.keyboard.type("fr");
    await page.keyboard.press("Enter");
    await until(() => mock.plant.waiting.get(id)?.keyed_by.length === 1, "it is keyed, and waits");
    await until(async () => (await page.locator("h2", { hasText: String(id) }).count()) === 0, "it is not offered here again");
    mock.plant.waiting.clear();
  },

  async "a town and a number on the label give the destination"(world) {
    const { page, mock } = world;
    await visit(page, "coding");
    const id = await offered(page, mock);
    await page.getByLabel("Search by town").fill("Lü");
    await page.getByRole("button", { name: /Lübeck/ }).click();
    hold((await page.getByLabel("Postcode").inputValue()) === "23552", "the postcode is filled in");
    await page.getByLabel("Country").fill("");
    await page.getByLabel("Number on the label").fill("RB123456785GB");
    await until(async () => (await text(page, ".answer")).includes("GB EC1A 1BB"), "the manifest's answer");
    await page.keyboard.press("Enter");
    await until(() => mock.office.codings.some((c) => c.parcel === id && c.country === "GB"), "keyed");
  },

  async "a parcel is found, and its page says why it is there"({ page, mock }) {
    const life = mock.plant.ended.find((l) => l.outcome.outcome === "sorted");
    await visit(page, "parcels");
    await page.getByRole("searchbox").fill(String(life.id));
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: String(life.id), exact: true }).click();
    await until(async () => (await count(page, ".why li")) >= 4, "the reasons");
    const said = await text(page, ".why");
    hold(said.includes("via Leipzig") && said.includes("cheapest"), said);
    const [full, later] = mock.plant.topology.chute.filter((c) => c.kind === "sort" && c.id !== life.outcome.chute);
    hold((await page.locator(".others li").allInnerTexts()).join() === `${full.name} full,${later.name} later in the plan`, `and which chutes were not taken: ${said}`);
    await page.goBack();
    await until(async () => (await count(page, "main table")) === 1, "back at the list");
    hold((await page.getByRole("searchbox").inputValue()) === String(life.id), "as it was");
  },

  async "parcels of an outcome are listed, and those behind a cause of the report"({ page, mock }) {
    await visit(page, "parcels");
    await page.getByRole("combobox", { name: "Outcome", exact: true }).selectOption({ label: "Sorted" });
    const listed = () => page.locator("main tbody td:nth-child(4)").allInnerTexts();
    await until(async () => (await listed()).length > 0 && (await listed()).every((word) => word === "Sorted"), "only sorted ones");
    mock.plant.ended.unshift({ id: 7, outcome: { parcel: 7, at: new Date().toISOString(), outcome: "rejected", cause: "gap" }, disposition: { outcome: "rejected", physical: "gap", decision: "straight_on", laps: 0 }, inducted: null, destination: null, steps: [] });
    await visit(page, "reports");
    await page.getByRole("link", { name: "gap too small" }).click();
    await page.getByRole("link", { name: "7", exact: true }).waitFor();
    await until(async () => (await listed()).join() === "Rejected", "the one that was rejected for it");
  },

  async "a sort plan is changed, checked, tried, kept, activated and rolled back"(world) {
    const { page, mock } = world;
    await visit(page, "plan");
    await until(async () => (await page.getByLabel("Version", { exact: true }).count()) > 0, "the active plan");
    const first = page.getByLabel("Chutes", { exact: true }).first();
    await first.fill("77");
    await first.blur();
    await until(async () => (await text(page, ".checks")).includes("77"), "a chute that is not there is refused");
    await first.fill("3 4");
    await first.blur();
    await page.getByLabel("Version", { exact: true }).fill("night");
    await until(async () => (await text(page, ".checks")).includes("Every rule"), "it holds");
    await page.getByRole("button", { name: "Try", exact: true }).click();
    await until(async () => (await page.locator("main").innerText()).includes("100 of 1,000 parcels"), "the dry run");
    await page.getByRole("button", { name: "Keep as a new version" }).click();
    await page.getByRole("button", { name: "Activate", exact: true }).click();
    await until(() => mock.plant.plan === "night", "active");
    await page.locator(".versions button").filter({ hasText: "2026-11-A" }).click();
    await page.getByRole("button", { name: "Activate again" }).click();
    await until(() => mock.plant.plan === "2026-11-A", "rolled back");
    hold(mock.office.audit.some((row) => row.action === "plan.activate"), "it is on record");
  },

  async "a proposal for the plan is read, taken over, and undone"({ page }) {
    await visit(page, "plan");
    await until(async () => (await page.getByLabel("Chutes", { exact: true }).count()) > 0, "the active plan");
    const first = page.getByLabel("Chutes", { exact: true }).first();
    const before = await first.inputValue();
    await page.getByRole("button", { name: "Propose", exact: true }).click();
    const proposal = page.getByRole("region", { name: "Proposal" });
    await until(async () => (await proposal.count()) === 1, "the moves");
    hold((await proposal.innerText()).includes("Most in one chute 590 → 412"), "what each gains");
    await page.getByRole("button", { name: "Take over", exact: true }).click();
    await until(async () => (await first.inputValue()) === "9", "the rule has its new chute");
    hold(await page.getByRole("button", { name: "Take over", exact: true }).isDisabled(), "once is enough");
    hold((await text(page, ".changes")).includes("→ 9"), "and the change is shown");
    await axe({ page });
    await page.getByRole("button", { name: "Undo changes" }).click();
    await until(async () => (await first.inputValue()) === before, "as it was");
  },

  async "routes, closed bags, devices, reports and a simulation answer"({ page, mock }) {
    mock.plant.speed = mock.plant.topology.belt.speed_mm_per_s;
    await visit(page, "maintenance");
    await until(async () => (await page.locator("main").innerText()).includes("no answer from unit 2"), "a device that does not answer");
    hold((await page.locator("main").innerText()).includes("Value is old"), "an old value is told apart");
    const [telegrams] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /^Record/ }).first().click()]);
    hold((await telegrams.failure()) === null, "telegrams are received");
    await until(async () => (await page.locator("main").innerText()).includes("D2L: parcels reach their chute +62 ms later"), "a part that wears");
    await page.getByLabel("Length along the belt, mm").fill("300");
    await page.getByRole("button", { name: "Begin", exact: true }).click();
    await until(async () => (await page.locator("main").innerText()).includes("Not enough to tell"), "a scale from different parcels is none", 30_000);
    const jog = page.getByRole("button", { name: /^Hold to move/ }).first();
    await jog.focus();
    await page.keyboard.down("Space");
    await until(async () => (await page.locator("main").innerText()).includes("The belt moves: stop it"), "why a diverter is not moved");
    await page.keyboard.up("Space");
    await visit(page, "routes");
    await until(async () => (await count(page, "tr.rebook")) === 1, "the bag that is to be booked again");
    hold((await text(page, "tr.rebook")).includes("R12 is cancelled"), "and why");
    await page.getByLabel(/^To:/).fill("FR 69001");
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, ".option")) === 2, "two alternatives");
    hold((await count(page, ".risky")) === 1, "the unsure one is marked");
    await visit(page, "reports");
    await page.getByRole("button", { name: "Day", exact: true }).click();
    await until(async () => (await text(page, "main")).includes("Effectiveness"), "the report");
    await visit(page, "simulator");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await until(async () => (await count(page, "main table")) === 1, "a result");
  },

  async "a file of the site is checked while one types, written and taken back"({ page, mock }) {
    await visit(page, "system/files");
    await page.getByRole("button", { name: "site.toml" }).click();
    const editor = page.getByRole("textbox", { name: "site.toml" });
    const old = await editor.inputValue();
    await editor.fill(`${old}target_per_hour = -1 # !\n`);
    await until(async () => (await text(page, "main .state")).includes("allowed is 0 to 50,000"), "what is wrong, and what is allowed");
    hold(await page.getByRole("button", { name: "Write the file" }).isDisabled(), "a broken file is not written");
    await editor.fill(`${old}# a remark\n`);
    await until(async () => (await text(page, "main .state")).includes("can be used"), "it holds");
    hold((await page.locator("pre .added").innerText()).includes("# a remark"), "the difference is shown");
    await page.getByRole("button", { name: "Write the file" }).click();
    await until(() => mock.office.files["site.toml"].text.includes("# a remark"), "written");
    await page.getByRole("button", { name: /take back/ }).first().click();
    await until(async () => (await editor.inputValue()) === old, "the old text is back in the editor");
    await page.getByRole("button", { name: "Write the file" }).click();
    await until(() => mock.office.files["site.toml"].text === old, "taken back");
  },

  async "a backup is taken and put on record"({ page, mock }) {
    await visit(page, "system/backup");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Take a backup" }).click()]);
    hold((await download.failure()) === null, "it is received");
    await until(() => mock.office.audit.some((row) => row.action === "backup.take"), "the controller was asked");
    await until(async () => (await page.locator("main").innerText()).includes("sortline-demo-2026"), "and it is told");
  },

  async "the first steps and the API explain themselves"({ page }) {
    await visit(page, "system/steps");
    await until(async () => (await page.locator("ol li.done").count()) >= 6, "what is done is ticked");
    await visit(page, "system/api");
    await page.getByRole("searchbox").fill("keys a dest");
    await until(async () => (await page.locator("details").count()) === 1, "one route is found");
    await page.locator("summary").click();
    hold((await page.locator("details").innerText()).includes("coder, supervisor"), "the right is named");
  },

  async "every page has its help"({ page }) {
    const missing = [];
    for (const place of PAGES.filter((p) => !p.includes("/") && p !== "overview")) {
      await visit(page, place);
      await page.getByRole("button", { name: "Help", exact: true }).click();
      if ((await page.locator("section.help p").count()) < 2) missing.push(place);
    }
    hold(missing.length === 0, `without help: ${missing}`);
  },

  async "the menu is used by keyboard alone"({ page }) {
    await visit(page, "overview");
    await page.getByRole("link", { name: /^Chutes/ }).focus();
    await page.keyboard.press("Enter");
    await until(async () => (await text(page, "main h1")) === "Chutes", "the page");
    hold((await page.getByRole("link", { name: /^Chutes/ }).getAttribute("aria-current")) === "page", "the menu says where we are");
    await visit(page, "overview");
  },
};

/** Signs in as `role`; the page is begun anew. */
async function enter(page, role, password = "a long password") {
  await page.getByLabel("Name").fill(role);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

/** On a controller that asks people to sign in. */
export const people = {
  async "a wrong password is told, and nothing is shown"(world) {
    const { page } = world;
    await enter(page, "operator", "wrong password");
    await until(async () => (await count(page, ".wrong")) === 1, "a sentence");
    hold((await count(page, "nav")) === 0, "no page");
    await axe(world);
  },

  async "each role sees its pages and is refused the others"(world) {
    const { page, mock } = world;
    for (const [role, may] of Object.entries(MAY)) {
      await enter(page, role);
      await until(async () => (await count(page, "nav#none, nav a")) > 0, `${role} is in`);
      const links = await page.$$eval("nav[aria-label='Pages'] a", (all) => all.map((a) => a.getAttribute("href").slice(2)));
      hold(links.join() === may.join(), `${role} has ${links.join()}, not ${may.join()}`);
      for (const place of ["coding", "parcels", "maintenance"]) {
        await visit(page, place);
        const refused = (await page.locator("main").innerText()).includes("not among your tasks");
        hold(refused !== may.includes(place), `${role} and ${place}`);
      }
      await visit(page, "chutes");
      const acts = await page.getByRole("button", { name: /^(Emptied|Close bag)/ }).count();
      const operates = ["operator", "maintainer", "supervisor"].includes(role);
      hold((acts > 0) === operates, `${role} ${operates ? "operates" : "does not operate"}`);
      mock.office.signedIn = null;
      await page.evaluate(() => (location.hash = "#/overview"));
      await page.reload();
      await until(async () => (await page.getByLabel("Password").count()) === 1, "the door");
    }
  },

  async "the first administrator is enrolled with the code"({ page, mock }) {
    mock.office.enrolment = true;
    await page.reload();
    await until(async () => (await page.getByLabel("Code").count()) === 1, "the form");
    await page.getByLabel("Code").fill("ABCD-EFGH-JKLM");
    await page.getByLabel("Full name").fill("Ada");
    await page.getByLabel("Name", { exact: true }).fill("ada");
    await page.getByLabel("Password").fill("a long password");
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, "nav[aria-label='Pages'] a")) === 11, "all pages");
    await until(async () => (await count(page, "main ol li")) >= 7, "what to do first is shown first");
  },

  async "a person is added and a key is made, shown once"({ page, mock }) {
    await visit(page, "system/people");
    await page.getByRole("button", { name: "Add a person" }).click();
    await page.locator("dialog").getByLabel("Name", { exact: true }).fill("bob");
    await page.getByLabel("Full name").fill("Bob");
    await page.locator("dialog").getByLabel("Password").fill("another long one");
    await page.keyboard.press("Enter");
    await until(() => mock.office.people.some((p) => p.id === "bob"), "the controller was told");
    await visit(page, "system/keys");
    await page.getByLabel("Name of the program").fill("scada");
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, ".secret")) === 1, "the secret");
    await page.getByRole("button", { name: "I have it" }).click();
    hold((await count(page, ".secret")) === 0, "it is gone");
  },

  async "signing out ends at the door"({ page }) {
    await page.getByRole("button", { name: /Account of/ }).click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await until(async () => (await page.getByLabel("Password").count()) === 1, "the door");
  },
};

/** Pages on which hostile texts are shown. */
export const hostilePages = {
  async "hostile texts are only text on every page"({ page, mock }) {
    const wrong = [];
    await visit(page, "chutes");
    for (const chute of [1, 2, 4]) {
      mock.plant.command({ command: "enable_chute", chute, enabled: false, reason: "-" });
    }
    await until(async () => (await count(page, "li.disabled")) === 3, "reasons to be shown");
    for (const place of [...PAGES, parcelPage(mock.plant)]) {
      await visit(page, place);
      const body = await page.locator("body").innerText();
      if (/[\u202a-\u202e\u2066-\u2069]/.test(body)) wrong.push(`${place}: the direction of text is turned`);
      if ((await page.title()).includes("owned")) wrong.push(`${place}: a script ran`);
      if ((await count(page, "main script, main img[onerror]")) > 0) wrong.push(`${place}: text became markup`);
      if ((await wide(page)) > 0) wrong.push(`${place}: wider than the screen`);
    }
    await visit(page, "overview");
    hold(wrong.length === 0, wrong.join("\n    "));
  },
};
