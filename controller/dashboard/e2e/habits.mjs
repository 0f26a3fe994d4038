// What people do without thinking: leave a page half-way, print, type in capitals, come back, look again.
import { axe, count, hold, text, until } from "./checks.mjs";
import { replayFrom, visit } from "./pages.mjs";

export const habits = {
  async "what was changed of a plan is still there after a look at something else"({ page }) {
    await visit(page, "plan");
    const first = page.getByLabel("Chutes", { exact: true }).first();
    const before = await first.inputValue();
    await first.fill("77");
    await first.blur();
    await visit(page, "alarms");
    await visit(page, "plan");
    await until(async () => (await first.inputValue()) === "77", "the change");
    await until(async () => (await text(page, ".checks")).includes("77"), "and what is wrong with it");
    await page.getByRole("button", { name: "Undo changes" }).click();
    await visit(page, "alarms");
    await visit(page, "plan");
    await until(async () => (await first.inputValue()) === before, "what was undone is gone");
  },

  async "a page is printed, and a bag's tag alone"({ page }) {
    const seen = (selector) =>
      page.$eval(selector, (e) => getComputedStyle(e).visibility === "visible" && e.getBoundingClientRect().height > 0);
    await visit(page, "reports");
    await page.emulateMedia({ media: "print" });
    hold(await seen("main .tile .value"), "the report is on the paper");
    await page.emulateMedia({ media: null });
    await visit(page, "chutes");
    await page.getByRole("button", { name: /^Bag tag/ }).first().click();
    await page.emulateMedia({ media: "print" });
    hold(await seen("dialog .tag"), "the tag is on the paper");
    hold(!(await seen("main h1")), "and nothing else");
    await page.emulateMedia({ media: null });
    await page.keyboard.press("Escape");
  },

  async "parcels are found by what happened to them and by what was decided"({ page, mock }) {
    mock.plant.ended.unshift({
      id: 9,
      outcome: { parcel: 9, at: new Date().toISOString(), outcome: "rejected", cause: "failed_divert" },
      disposition: { outcome: "rejected", physical: "stroke_missed", decision: "straight_on", laps: 1 },
      inducted: new Date().toISOString(),
      destination: { country: "FR", postcode: "69001", source: "manifest", confidence: 1000 },
      steps: [{ at: new Date().toISOString(), step: "inducted", eye: 0, lap: 0, ticks: 1 }],
    });
    await visit(page, "parcels");
    const by = page.getByRole("combobox", { name: "Outcome", exact: true });
    await by.selectOption("physical/stroke_missed");
    await until(async () => (await page.locator("main tbody tr").allInnerTexts()).length === 1, "the one");
    hold((await text(page, "main tbody tr")).includes("FR 69001"), "and where it was to go");
    await page.getByRole("link", { name: "9", exact: true }).click();
    await until(async () => (await count(page, ".disposition")) === 1, "its disposition");
    const said = await text(page, ".disposition");
    hold(said.includes("diverted, but went straight on") && said.includes("what happened on the belt"), said);
    await page.goBack();
    await until(async () => (await by.inputValue()) === "physical/stroke_missed", "the list as it was");
    await visit(page, "parcels/99999999");
    hold((await text(page, "main")).includes("There is no parcel 99999999"), "one that is not there is told so");
  },

  async "a recorded time is replayed by keyboard"(world) {
    const { page } = world;
    await visit(page, "simulator/replay");
    await replayFrom(page, 3);
    await axe(world);
    const clock = () => text(page, ".player .clock");
    const parcels = () => count(page, ".player .parcel");
    await until(async () => (await parcels()) > 2, "parcels on the belt");
    const spots = () => page.$$eval(".player .parcel", (all) => all.map((e) => e.style.transform).join());
    const [before, then] = [await spots(), await clock()];
    await page.keyboard.press("k");
    await until(async () => (await clock()) !== then && (await spots()) !== before, "it plays");
    await page.keyboard.press(" ");
    const stopped = await clock();
    await page.waitForTimeout(400);
    hold((await clock()) === stopped, "it stands");
    await page.keyboard.press("n");
    await page.getByLabel("Speed").selectOption("60");
  },

  async "a double click does one thing, not what stands there next"({ page, mock }) {
    await visit(page, "chutes");
    const chute = mock.plant.chutes.find((c) => c.kind === "sort" && c.count > 0 && c.state === "ready");
    const box = await page.getByRole("button", { name: `Close bag: ${chute.name}`, exact: true }).boundingBox();
    const [x, y] = [box.x + 20, box.y + box.height / 2];
    await page.mouse.click(x, y);
    await until(() => chute.bag.state === "closed", "the bag is closed");
    await page.getByRole("button", { name: `Emptied: ${chute.name}`, exact: true }).waitFor();
    // The second press of a double click, as the browser tells it.
    await page.mouse.down({ clickCount: 2 });
    await page.mouse.up({ clickCount: 2 });
    await page.waitForTimeout(500);
    hold(chute.bag.state === "closed" && chute.count > 0, "it was not taken away");
    await page.mouse.click(x, y);
    await until(() => chute.bag.state === "open", "a press on its own does it");
  },

  async "a name in capitals and a code in small letters are understood"({ page, mock }) {
    mock.office.open = false;
    mock.office.enrolment = true;
    mock.office.signedIn = null;
    await page.evaluate(() => (location.hash = "#/overview"));
    await page.reload();
    await until(async () => (await page.getByLabel("Code").count()) === 1, "the form");
    hold(await page.evaluate(() => document.activeElement?.autocomplete === "one-time-code"), "it can be typed at once");
    await page.keyboard.type("abcdefghjklm");
    await page.getByLabel("Full name").fill("Ada");
    await page.getByLabel("Name", { exact: true }).pressSequentially("ADA");
    await page.getByLabel("Password").fill("a long password");
    await page.keyboard.press("Enter");
    await until(async () => (await count(page, "main ol li")) >= 7, "she is in");
  },
};
