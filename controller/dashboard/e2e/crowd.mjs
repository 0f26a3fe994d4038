// Fifty screens on one line, some of which never read: the control loop must not notice. On a service
// that asks nobody to sign in, such as `sortline demo`:
//   node e2e/crowd.mjs --base http://127.0.0.1:8080 [--rounds 4]
import { get } from "node:http";
import { fileURLToPath } from "node:url";
import { hold } from "./checks.mjs";

const SCREENS = 50;
/** Of these so many never read what they are sent. */
const DEAF = 5;
/** The service tells percentiles of its last 1,024 steps: about so long. */
const WATCH_MS = 15_000;
/** Times without and with screens, by turns: a machine is not as busy at one time as at another. */
const ROUNDS = 2;
/** A step may take so much longer at the 99.9th percentile, in share and in microseconds. */
const FACTOR = 2;
const SLACK_US = 5_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function ask(base, path, cookie) {
  return new Promise((resolve, reject) => {
    get(`${base}${path}`, { headers: { cookie } }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
}

/** A screen: counts what it is told, or does not read at all. */
function screen(base, line, cookie, deaf) {
  const told = { deltas: 0, request: null };
  told.request = get(`${base}/api/v1/lines/${line}/events`, { headers: { cookie }, agent: false }, (response) => {
    if (deaf) response.pause();
    else response.on("data", (chunk) => (told.deltas += String(chunk).split("event: delta").length - 1));
    response.on("error", () => {});
  });
  told.request.on("error", () => {});
  return told;
}

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

export async function crowd(base, cookies = [], rounds = ROUNDS) {
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const system = async () => JSON.parse(await ask(base, "/api/v1/system", cookie));
  const [{ id }] = JSON.parse(await ask(base, "/api/v1/lines", cookie));
  const [without, with_] = [[], []];
  let [most, slowest] = [0, Infinity];
  for (let i = 0; i < rounds; i += 1) {
    await sleep(WATCH_MS);
    without.push((await system()).step_us);
    const screens = Array.from({ length: SCREENS }, (_, n) => screen(base, id, cookie, n < DEAF));
    await sleep(WATCH_MS);
    const { step_us, streams } = await system();
    with_.push(step_us);
    most = Math.max(most, streams);
    for (const one of screens) one.request.destroy();
    slowest = Math.min(slowest, ...screens.slice(DEAF).map((one) => (one.deltas * 1_000) / WATCH_MS));
  }
  const of = (steps, name) => middle(steps.map((step) => step[name]));
  const [before, after] = [of(without, "p999"), of(with_, "p999")];
  const all = ["p50", "p99", "p999"].map((name) => `${name} ${of(without, name)} and ${of(with_, name)}`).join(", ");
  const text = `${most} screens, the slowest told ${slowest.toFixed(1)} times a second; us a step takes without and with them: ${all}`;
  hold(most >= SCREENS, text);
  hold(slowest > 5, text);
  hold(after <= before * FACTOR + SLACK_US, text);
  return text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : null);
  process.stdout.write(`${await crowd(option("--base") ?? "http://127.0.0.1:8080", [], Number(option("--rounds") ?? ROUNDS))}\n`);
}
