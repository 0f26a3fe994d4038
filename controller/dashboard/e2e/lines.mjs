// Several lines in one page: the second belongs to another controller.
import { count, fault, hold, text, until } from "./checks.mjs";
import { disable, visit } from "./pages.mjs";

const tab = (page, name) => page.locator("nav.lines button", { hasText: name });

export const lines = {
  async "both lines are told of, and the one with an alarm shows it"(world) {
    const { page, mock } = world;
    await until(async () => (await count(page, "nav.lines button")) === 2, "two lines");
    mock.neighbor.plant.fault("camera", 1);
    await until(async () => (await tab(page, "Line 2").locator(".open.high").count()) === 1, "the other's alarm");
    hold((await text(page, ".bar")).includes("No active alarms"), "it is not this line's");
  },

  async "every page follows to the other line"(world) {
    const { page, mock } = world;
    await visit(page, "chutes");
    await tab(page, "Line 2").click();
    await until(async () => (await text(page, "header .line-name")) === "Line 2", "its head");
    await until(async () => (await text(page, ".bar")).includes("Camera"), "its alarm");
    await disable(page, "Chute 4", "no bag");
    await until(() => mock.neighbor.plant.chute(4).state === "disabled", "its controller was told");
    hold(mock.plant.chute(4).state === "ready", "and this one was not");
    await visit(page, "plan");
    await until(async () => (await page.getByLabel("Version").count()) > 0, "its plan");
    const csv = await page.getByRole("link", { name: "Save as CSV" }).getAttribute("href");
    hold(csv.startsWith("/at/line-2/api/"), csv);
    await tab(page, "Line 1").click();
    await until(async () => (await text(page, "header .line-name")) === "Line 1", "back");
  },

  async "a controller that is away is told so, and the other goes on"(world) {
    const { page } = world;
    await tab(page, "Line 2").click();
    await until(async () => (await text(page, "header .line-name")) === "Line 2", "its head");
    await fetch(`${world.mock.neighbor.base}/mock/mute`, { method: "POST" });
    await until(async () => (await text(page, ".live")).startsWith("Stale since"), "stale");
    await until(async () => (await tab(page, "Line 2").innerText()).includes("no answer"), "its sign");
    await tab(page, "Line 1").click();
    await until(async () => (await count(page, ".live:not(.stale)")) === 1, "the other line is live");
    await fault({ base: world.mock.neighbor.base }, "unmute");
  },
};
