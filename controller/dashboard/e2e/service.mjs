// Drives the page on the real service and the simulated line: enrolment, sign-in, roles, a plan
// activated and rolled back, a trace, a second controller's line, fifty screens, reconnection after
// the service was restarted. Leaves the pictures of the user guide in --pictures (out/pictures).
// With --dist it shows the pages of dist/ and not those in the binary.
//   node e2e/service.mjs --binary ../../target/debug/sortline [--dist] [--only restart] [--pictures ../../docs/images]
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, SIZES } from "./browser.mjs";
import { crowd } from "./crowd.mjs";
import { axe, count, hold, text, until } from "./checks.mjs";
import { pagesOf } from "./pages-of.mjs";
import { disable, replayFrom, visit } from "./pages.mjs";

const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : null);
const binary = option("--binary");
if (!binary) throw new Error("say which binary: --binary PATH");
const fresh = process.argv.includes("--dist");
const only = option("--only");
/** A reason that somebody types for the fun of it. */
const HOSTILE = "<b>bent</b> \u202eframe";
const pictures = option("--pictures") ?? "out/pictures";
mkdirSync(pictures, { recursive: true });
const DEMO = fileURLToPath(new URL("../../../config/demo", import.meta.url));
const START_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "sortline-e2e-"));
const site = join(folder, "site");
const data = join(folder, "data");
cpSync(DEMO, site, { recursive: true });
const toml = join(site, "site.toml");
writeFileSync(
  toml,
  readFileSync(toml, "utf8")
    .replace('login = "open"', 'login = "required"')
    .replace("127.0.0.1:1883", "127.0.0.1:0"),
);

/** Starts the demonstration; resolves when it says where its page is. */
function start(http, more = ["--config", site, "--data", data]) {
  const child = spawn(binary, ["--log", "error", "demo", "--http", http, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`it did not start: ${said}`)), START_MS);
    child.on("exit", (code) => reject(new Error(`it ended with ${code}: ${said}`)));
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const base = /dashboard at (http:\S+)/.exec(said)?.[1];
      if (!base || !said.includes("Ctrl-C")) return;
      clearTimeout(timer);
      resolve({ child, base, code: /with the code (\S+)/.exec(said)?.[1], machine: /(http:\S+)\/belt\/stop/.exec(said)?.[1] });
    });
  });
}

function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.removeAllListeners("exit");
    child.on("exit", resolve);
    child.kill("SIGTERM");
  });
}

const say = (line) => process.stdout.write(`${line}\n`);
/** A picture for the user guide, of a page as it mostly is: alarms whose cause is gone are answered for. */
const picture = async (page, name) => {
  if (name !== "alarms") await answerFor("returned");
  await page.evaluate(() => (document.documentElement.dataset.theme = "light"));
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(pictures, `${name}.png`) });
};

const browser = await launch();
const edit = (path, change) => writeFileSync(path, change(readFileSync(path, "utf8")));

/** Another controller, whose line is idle after three parcels; the first shows it from its next start on. */
async function neighbor() {
  const otherSite = join(folder, "other");
  cpSync(DEMO, otherSite, { recursive: true });
  edit(join(otherSite, "site.toml"), (text) => text.replace("127.0.0.1:1883", "127.0.0.1:0"));
  edit(join(otherSite, "line.toml"), (text) => text.replace('id = "line-1"', 'id = "line-2"').replace('name = "Line 1"', 'name = "Line 2"'));
  const other = await start("127.0.0.1:0", ["--config", otherSite, "--parcels", "3"]);
  writeFileSync(join(site, "other.key"), "any key: that controller asks for none\n");
  edit(toml, (text) => `${text}\n[[neighbor]]\nid = "other"\naddress = "${other.base.replace("http://", "")}"\nkey_file = "other.key"\n`);
  return other;
}

let other = null;
let running = await start("127.0.0.1:0");
const service = running.base;
const before = fresh ? await pagesOf(service) : null;
const base = before?.base ?? service;
const page = await browser.newPage({ viewport: SIZES.panel, locale: "en-GB" });
const complaints = new Set();
page.on("pageerror", (error) => complaints.add(`error: ${error.message}`));
let failures = 0;

/** One after the other; what fails is told with a picture, and the next goes on. */
async function part(title, work) {
  try {
    const more = await work();
    say(`ok  ${title}${more ? `: ${more}` : ""}`);
  } catch (error) {
    failures += 1;
    const file = join(pictures, `failed-${failures}.png`);
    await page.screenshot({ path: file }).catch(() => {});
    say(`FAILED  ${title} (${file})\n    ${error.message}`);
  }
}

const plan = () => page.locator("header .plan dd").innerText();
const state = async () => {
  const [{ id }] = await (await page.request.get(`${base}/api/v1/lines`)).json();
  return (await page.request.get(`${base}/api/v1/lines/${id}/state`)).json();
};

/** Acknowledges alarms, those in one state or all. */
async function answerFor(which) {
  const alarms = (await state()).alarms.filter((alarm) => which === undefined || alarm.state === which);
  for (const { id } of alarms) await page.request.post(`${base}/api/v1/alarms/${id}/acknowledge`);
}

const parts = {
  async "the first administrator is enrolled, and shown what to do first"() {
    await page.goto(base);
    await page.getByLabel("Code").fill(running.code);
    await page.getByLabel("Full name").fill("Ada");
    await page.getByLabel("Name", { exact: true }).fill("ada");
    await page.getByLabel("Password").fill("a long password");
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, "main ol li")) >= 7, "the first steps", 20_000);
  },

  async "a parcel's page says why it is there"() {
    await visit(page, "overview");
    await until(async () => (await count(page, "button.parcel")) > 2, "parcels", 30_000);
    await visit(page, "parcels");
    await until(async () => {
      await page.getByRole("button", { name: "Search", exact: true }).click();
      await page.waitForTimeout(1000);
      return (await page.locator("main td", { hasText: "Sorted" }).count()) > 0;
    }, "a sorted parcel", 60_000);
    await page.locator("main tr", { hasText: "Sorted" }).first().getByRole("link").click();
    await until(async () => (await count(page, ".why li")) >= 4, "why it is there");
    await axe({ page });
    await picture(page, "parcel");
  },

  async "a sort plan is kept, tried and activated"() {
    await visit(page, "plan");
    const version = page.getByLabel("Version", { exact: true });
    await until(async () => (await version.count()) > 0, "the plan");
    await version.fill("night");
    await page.getByLabel("Chutes", { exact: true }).first().fill("2");
    await page.getByLabel("Chutes", { exact: true }).first().blur();
    await until(async () => (await text(page, ".checks")).includes("Every rule"), "it holds");
    await page.getByRole("button", { name: "Try", exact: true }).click();
    await until(async () => /parcels go elsewhere/.test(await page.locator("main").innerText()), "the dry run");
    await picture(page, "plan");
    await page.getByRole("button", { name: "Keep as a new version" }).click();
    await page.getByRole("button", { name: "Activate", exact: true }).click();
    await until(async () => (await plan()) === "night", "the line sorts by it");
  },

  async "a chute is disabled with a reason, enabled, and all of it is on record, unbroken"() {
    await visit(page, "chutes");
    await disable(page, null, HOSTILE);
    await until(async () => (await count(page, "li.disabled")) === 1, "a chute is disabled");
    await until(async () => (await page.locator("li.disabled").innerText()).includes("<b>bent"), "the reason stands there, as text");
    await page.getByRole("button", { name: /^Enable chute/ }).first().click();
    await until(async () => (await count(page, "li.disabled")) === 0, "and enabled");
    await visit(page, "system/audit");
    const trail = await page.locator("main").innerText();
    hold(["plan.activate", "chute.enable", "<b>bent", "Unbroken"].every((word) => trail.includes(word)), trail);
    hold((await count(page, "main td b")) === 0, "nothing of it is markup");
  },

  async "a bag is closed, its tag can be read by machine, and the next one hangs"() {
    const full = await until(async () => (await state()).chutes.find((c) => c.kind === "sort" && c.count > 0 && c.state === "ready"), "a bag with parcels", 60_000);
    await visit(page, "chutes");
    await page.getByRole("button", { name: `Close bag: ${full.name}`, exact: true }).click();
    const { sscc } = await until(async () => {
      const { bag } = (await state()).chutes.find((c) => c.id === full.id);
      return bag.state === "closed" && bag;
    }, "the last parcel on its way has come", 40_000);
    await page.getByRole("button", { name: `Bag tag: ${full.name}`, exact: true }).click();
    const tag = join(folder, "tag.png");
    await page.locator("dialog .tag").screenshot({ path: tag });
    const [line] = spawnSync(binary, ["read", "--json", tag], { encoding: "utf8" }).stdout.split("\n");
    const found = JSON.parse(line);
    hold(found.symbols.some((symbol) => symbol.text.includes(`00${sscc}`)), `${sscc} is read: ${line}`);
    hold(found.identifiers.some((one) => one.kind === "sscc" && one.value === sscc && one.valid), `and is an SSCC: ${line}`);
    await page.keyboard.press("Escape");
    await picture(page, "chutes");
    await visit(page, "alarms");
    await page.waitForTimeout(900);
    await picture(page, "alarms");
    await visit(page, "chutes");
    await page.getByRole("button", { name: `Emptied: ${full.name}`, exact: true }).click();
    await until(async () => (await state()).chutes.find((c) => c.id === full.id).taken?.sscc === sscc, "the bag before is told");
    return sscc;
  },

  async "a backup holds the site and what people did"() {
    await visit(page, "system/backup");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Take a backup" }).click()]);
    const file = join(folder, "backup.tar");
    await download.saveAs(file);
    const listed = spawnSync("tar", ["-tf", file], { encoding: "utf8" });
    hold(listed.status === 0, listed.stderr);
    const names = listed.stdout.trim().split("\n");
    hold(["data/office.db", "site/site.toml", "site/line.toml", "site/network/places.csv"].every((name) => names.includes(name)), listed.stdout);
    return `${names.length} files`;
  },

  async "a simulation and a search for routes answer"() {
    await visit(page, "simulator");
    await page.getByRole("spinbutton", { name: "Parcels" }).fill("200");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await until(async () => (await count(page, "main table")) === 1, "a simulated run", 90_000);
    await picture(page, "simulator");
    // With every bag changed and answered for: the pictures show a line as it mostly is.
    await answerFor();
    await visit(page, "routes");
    await page.getByLabel(/^To:/).fill("FR 69001");
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, ".option")) > 0, "routes", 20_000);
    await picture(page, "routes");
    for (const place of ["overview", "parcels", "reports", "maintenance", "system"]) {
      await visit(page, place);
      await page.waitForTimeout(900);
      await picture(page, place);
    }
  },

  async "a diverter is moved by hand, while the belt stands"() {
    await visit(page, "maintenance");
    const buttons = page.getByRole("button", { name: /^Hold to move/ });
    const jog = page.locator("section", { has: buttons.first() });
    const said = () => jog.getByRole("status").innerText();
    /** Holds a button until something is said beside it. */
    const press = async (n) => {
      await buttons.nth(n).hover();
      await page.mouse.down();
      await until(async () => (await said()) !== "", "an answer to the press", 5_000);
      return said();
    };
    hold((await press(0)).includes("The belt moves"), "not while the belt moves");
    await page.mouse.up();
    await page.request.post(`${running.machine}/belt/stop`);
    await until(async () => (await state()).line.speed_mm_per_s === 0, "the belt stands", 10_000);
    await page.waitForTimeout(700);
    let moved = null;
    const answers = [];
    for (let n = (await buttons.count()) - 1; n >= 0 && moved === null; n -= 1) {
      answers.push(await press(n));
      if (answers.at(-1).endsWith("Out")) moved = n;
      else await page.mouse.up();
    }
    hold(moved !== null, `a diverter with nothing in its way moves: ${answers.join(" · ")}`);
    const on = async () => (await page.locator("main table").first().locator("tbody tr").nth(moved).locator(".level.on").count()) > 0;
    await until(on, "the output is on", 1_000);
    await page.mouse.up();
    await until(async () => !(await on()) && (await said()) === "", "and off, soon after the hand lets go", 2_000);
    const trail = await page.request.get(`${base}/api/v1/audit?query=diverter.jog`);
    hold(JSON.stringify(await trail.json()).includes("diverter.jog"), "it is in the audit trail");
    await page.request.post(`${running.machine}/belt/start`);
    await until(async () => (await state()).line.speed_mm_per_s > 0, "the belt runs again", 10_000);
    return `${answers.length} tried`;
  },

  async "a configuration that cannot be used is mended here"() {
    const broken = join(folder, "broken");
    cpSync(DEMO, broken, { recursive: true });
    edit(join(broken, "site.toml"), (text) => text.replace("127.0.0.1:1883", "127.0.0.1:0"));
    edit(join(broken, "plan.toml"), (text) => `wrong = 1\n${text}`);
    // The line is served where safe mode was: at a port of its own.
    const port = await new Promise((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => resolve(port));
      });
    });
    const args = ["--log", "error", "serve", "--config", broken, "--data", join(folder, "broken-data"), "--http", `127.0.0.1:${port}`, "--safe-mode"];
    const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const address = await new Promise((resolve) => child.stdout.on("data", (chunk) => {
        const at = /mend the configuration at (http:\S+)/.exec(String(chunk))?.[1];
        if (at) resolve(at);
      }));
      const own = fresh ? await pagesOf(address) : null;
      const desk = await (await browser.newContext({ viewport: SIZES.panel, locale: "en-GB" })).newPage();
      await desk.goto(own?.base ?? address);
      await until(async () => (await text(desk, "main")).includes("plan.toml:1"), "the file and the line", 20_000);
      hold(await desk.getByRole("button", { name: "Start the line" }).isDisabled(), "not yet");
      await axe({ page: desk });
      await picture(desk, "safe-mode");
      await desk.getByRole("button", { name: "plan.toml" }).click();
      const area = desk.locator("textarea");
      await until(async () => (await area.inputValue()).startsWith("wrong"), "its text");
      await area.fill((await area.inputValue()).replace("wrong = 1\n", ""));
      const save = desk.getByRole("button", { name: "Write the file" });
      await until(async () => !(await save.isDisabled()), "it holds", 20_000);
      await save.click();
      const begin = desk.getByRole("button", { name: "Start the line" });
      await until(async () => !(await begin.isDisabled()), "nothing is wrong any more", 20_000);
      await begin.click();
      await until(async () => (await count(desk, "nav[aria-label='Pages'] a")) > 5, "the line's pages", 60_000);
      own?.close();
      await desk.close();
    } finally {
      await end(child);
    }
  },

  async "recorded minutes are replayed"() {
    await until(async () => (await state()).rates.inducted > 25, "the line has run for a while", 120_000);
    await visit(page, "simulator/replay");
    // And a minute on: what was on the belt some seconds ago.
    await replayFrom(page, 1.2);
    await until(async () => (await count(page, ".player .parcel")) > 3, "parcels on the belt");
    await picture(page, "replay");
    const spots = () => page.$$eval(".player .parcel", (all) => all.map((e) => e.style.transform).join());
    const before = await spots();
    await page.keyboard.press("k");
    await until(async () => (await spots()) !== before, "they move");
  },

  async "a coder keys in, and may nothing else"() {
    const made = await page.evaluate(async () => {
      const body = JSON.stringify({ id: "cora", name: "Cora", roles: ["coder"], password: "a long password" });
      return (await fetch("/api/v1/people", { method: "POST", headers: { "content-type": "application/json" }, body })).status;
    });
    hold(made === 204, `an account is added: ${made}`);
    const desk = await (await browser.newContext({ viewport: SIZES.panel, locale: "en-GB" })).newPage();
    await desk.goto(base);
    await desk.getByLabel("Name").fill("cora");
    await desk.getByLabel("Password").fill("a long password");
    await desk.keyboard.press("Enter");
    await until(async () => (await count(desk, "nav[aria-label='Pages'] a")) === 9, "a coder's pages", 20_000);
    const refused = await desk.evaluate(async () => {
      const ask = async (path, method, body) => (await fetch(path, { method, body, headers: { "content-type": "application/json" } })).status;
      const line = (await (await fetch("/api/v1/lines")).json())[0].id;
      return [await ask(`/api/v1/lines/${line}/commands`, "POST", '{"command":"reset"}'), await ask("/api/v1/people", "GET"), await ask("/api/v1/points", "GET"), await ask("/api/v1/system/backup", "GET"), await ask("/api/v1/plans/1/activate", "POST", "{}")];
    });
    hold(refused.every((status) => status === 403), `what a coder may not is refused by the service: ${refused}`);
    await visit(desk, "coding");
    let shown = false;
    const keyed = await until(async () => {
      if ((await desk.locator("form input").count()) === 0) return false;
      // One that has left the line before it is typed is given up with Enter.
      if ((await desk.locator(".clock", { hasText: "Left the line" }).count()) > 0) await desk.keyboard.press("Enter");
      await desk.waitForTimeout(800);
      // For the guide: one that has a picture and can still be diverted.
      const good = (await desk.locator(".clock:not(.over) strong").count()) > 0 && (await desk.$$eval(".picture img", (all) => all.some((e) => e.naturalWidth > 0)));
      if (!shown && good) await picture(desk, "coding");
      shown ||= good;
      await desk.keyboard.type("fr", { delay: 150 });
      await desk.keyboard.press("Tab");
      await desk.keyboard.type("69001", { delay: 150 });
      await desk.keyboard.press("Enter");
      await desk.waitForTimeout(300);
      const { keyed, samples, took_ms_p50 } = await (await desk.request.get(`${base}/api/v1/coding/figures`)).json();
      return shown && keyed + samples > 0 ? { keyed, samples, took_ms_p50 } : false;
    }, "a parcel is keyed in", 120_000);
    hold(keyed.took_ms_p50 === null || keyed.took_ms_p50 < 10_000, JSON.stringify(keyed));
    await desk.close();
    return JSON.stringify(keyed);
  },

  async "fifty screens do not disturb the line"() {
    return crowd(service, await page.context().cookies());
  },

  async "the page goes on by itself after a restart, and so does the plan"() {
    await visit(page, "chutes");
    await disable(page, null, "no bag");
    await until(async () => (await count(page, "li.disabled")) === 1, "a chute is disabled");
    await visit(page, "overview");
    await end(running.child);
    await until(async () => (await text(page, ".live")).startsWith("Stale since"), "stale");
    running = await start(service.replace("http://", ""));
    await until(async () => (await count(page, ".live:not(.stale)")) === 1, "live again", 40_000);
    hold((await plan()) === "night", "the plan activated last is still active");
    hold(running.code === undefined, "nobody is asked to enrol again");
    await visit(page, "chutes");
    await until(async () => (await page.locator("li.disabled").innerText()).includes("no bag"), "why a chute is off is still known");
  },

  async "the line of another controller is operated from here, in the person's name"() {
    other = await neighbor();
    await end(running.child);
    running = await start(service.replace("http://", ""));
    await page.reload();
    await visit(page, "overview");
    await until(async () => (await count(page, "nav.lines button")) === 2, "two lines", 20_000);
    await page.locator("nav.lines button", { hasText: "Line 2" }).click();
    await until(async () => (await text(page, "header .line-name")) === "Line 2", "the other line", 20_000);
    await until(async () => (await count(page, ".live:not(.stale)")) === 1, "live through this controller", 20_000);
    await visit(page, "chutes");
    await disable(page, null, "no bag");
    await until(async () => (await count(page, "li.disabled")) === 1, "a chute of the other line is disabled");
    const [told] = (await (await fetch(`${other.base}/api/v1/audit`)).json()).rows;
    hold(told.who.endsWith("/ada") && told.action === "chute.enable" && told.after.includes("no bag"), JSON.stringify(told));
    await page.locator("nav.lines button", { hasText: "Line 1" }).click();
    await visit(page, "overview");
    await until(async () => (await text(page, "header .line-name")) === "Line 1", "back");
  },
};

try {
  for (const [title, work] of Object.entries(parts)) {
    if (!only || title.includes(only) || title.includes("enrolled")) await part(title, work);
  }
  for (const complaint of complaints) {
    failures += 1;
    say(`FAILED  the browser complains: ${complaint}`);
  }
} finally {
  if (other) await end(other.child);
  await end(running.child);
  await browser.close();
  before?.close();
  rmSync(folder, { recursive: true, force: true });
}
say(failures === 0 ? "all well" : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
