// A watch of four simulated hours of the line's page with everything that happens on a line, in a browser: does it hold
// more and more? node e2e/soak.mjs [--minutes 240]
import { startMock } from "../mock/server.mjs";
import { launch, SIZES } from "./browser.mjs";
import { longWatch } from "./speed.mjs";

const at = process.argv.indexOf("--minutes");
const minutes = at < 0 ? 240 : Number(process.argv[at + 1]);
const told = ({ hour, bytes, nodes }) =>
  process.stdout.write(`${hour.toFixed(2)} h: ${(bytes / 1e6).toFixed(2)} MB, ${nodes} nodes\n`);
const mock = await startMock({ warm: 60, blank: true });
const browser = await launch();
try {
  const context = await browser.newContext({ viewport: SIZES.panel, locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(mock.base);
  await page.waitForSelector(".chute");
  process.stdout.write(`${await longWatch({ page, context, mock, base: mock.base }, minutes, told)}\n`);
} finally {
  await browser.close();
  mock.close();
}
