// Plays the service's HTTP API with a line that only exists on the screen.
//   node mock/server.mjs [--port 8090] [--seed 1] [--hostile] [--calm] [--second] [--warm SECONDS]
// Faults on request: POST /mock/{full,jammed,camera}/ID, /mock/{stop,node,uncertain,lost,clear},
// /mock/drop (all live connections are cut), /mock/mute and /mock/unmute (nothing is answered).
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Office } from "./office.mjs";
import { HOSTILE, Plant } from "./plant.mjs";
import { parseToml } from "./toml.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(HERE, "..", "dist");
const LINE = join(HERE, "..", "..", "..", "config", "demo", "line.toml");
const STEP_MS = 20;
const PUBLISH_MS = 100;

// The policy the service sends: the page has to live with it.
const POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

function topology() {
  const line = parseToml(readFileSync(LINE, "utf8"));
  // Some chutes count, some only have a photo-eye: both have to look right.
  for (const chute of line.chute) {
    if (chute.kind === "sort" && chute.id % 4 !== 0) chute.capacity_parcels = 60;
  }
  return line;
}

/** A short description of the API: enough to be shown. */
const openapi = {
  paths: {
    "/api/v1/lines/{line}/state": { get: { summary: "The line at this moment.", "x-right": "see", parameters: [{ name: "line", required: true, schema: { type: "string" } }], responses: { 200: { description: "Snapshot" } } } },
    "/api/v1/coding/{parcel}": { post: { summary: "Keys a destination in.", "x-right": "code", requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Keyed" } } } }, responses: { 200: { description: "Kind and agreement" } } } },
  },
  components: { schemas: { Keyed: { required: ["country"], properties: { country: { type: "string", description: "ISO 3166-1 alpha-2." }, took_ms: { type: "integer" } } } } },
};

/** A drawing in the place of a photograph: cardboard, a label, bars. */
function picture(id) {
  const turn = (id * 47) % 360;
  let bars = "";
  for (let x = 0, i = 0; x < 84; i += 1) {
    const w = 1 + ((id * 7 + i * 13) % 4);
    bars += `<rect x="${x}" width="${w}" height="24"/>`;
    x += w + 1 + ((id + i * 5) % 3);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240"><rect width="320" height="240" fill="#2b2d2f"/><g transform="rotate(${turn} 160 120)"><rect x="70" y="50" width="180" height="140" fill="#a5845c"/><rect x="70" y="114" width="180" height="10" fill="#b99a70"/><g transform="translate(105 70)"><rect width="110" height="84" fill="#f3f2ee"/><g transform="translate(12 48)" fill="#111">${bars}</g><path d="M12 14h60M12 22h74M12 30h42" stroke="#333" stroke-width="3"/></g></g></svg>`;
}

/** A picture that costs nothing to paint, for watches of hours in minutes. */
const BLANK = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"/>';

export async function startMock({ port = 0, seed = 1, hostile = false, calm = false, warm = 40, open = true, second = false, blank = false } = {}) {
  const drawing = topology();
  // Another controller, reached through this one.
  const neighbor = second ? await startMock({ seed: seed + 1, hostile, warm, open, calm }) : null;
  const plant = new Plant(drawing, { seed, hostile, calm });
  if (neighbor) Object.assign(neighbor.plant.topology, { id: "line-2", name: "Line 2" });
  const office = new Office(plant, { open, hostile: hostile ? HOSTILE : null });
  plant.onAlarm = (id, change) => office.log(id, change);
  plant.now = Date.now() - warm * 1000;
  for (let ms = 0; ms < warm * 1000; ms += STEP_MS) plant.advance(STEP_MS);
  plant.now = Date.now();
  const clients = new Set();
  const sockets = new Set();
  let muted = false;
  let last = {};
  let lastReading = 0;

  const snapshot = () => ({ seq: plant.seq, at: new Date(plant.now).toISOString(), ...plant.members() });

  function publish() {
    const members = plant.members();
    const delta = {};
    for (const [name, value] of Object.entries(members)) {
      const text = JSON.stringify(value);
      if (name === "readings") {
        const fresh = value.filter((r) => r.id > lastReading);
        if (fresh.length > 0) delta.readings = fresh;
        lastReading = value[0]?.id ?? 0;
      } else if (last[name] !== text) {
        last[name] = text;
        delta[name] = value;
      }
    }
    if (Object.keys(delta).length === 0) return;
    plant.seq += 1;
    const data = JSON.stringify({ seq: plant.seq, at: new Date(plant.now).toISOString(), ...delta });
    for (const client of clients) client.write(`id: ${plant.seq}\nevent: delta\ndata: ${data}\n\n`);
  }

  const summary = () => {
    const { line, rates, alarms } = plant.members();
    const open = alarms.filter((a) => !a.acknowledged && ["active", "returned"].includes(a.state));
    const priority = ["high", "medium", "low"].find((rank) => open.some((a) => a.priority === rank)) ?? null;
    return { id: line.id, name: line.name, at: "", up: !muted, state: line.state, parcels_per_hour: rates.parcels_per_hour, target_per_hour: rates.target_per_hour, alarms: open.length, priority };
  };

  const json = (response, status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };

  function events(request, response) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const first = snapshot();
    response.write(`retry: 1000\nid: ${first.seq}\nevent: snapshot\ndata: ${JSON.stringify(first)}\n\n`);
    clients.add(response);
    request.on("close", () => clients.delete(response));
  }

  async function file(path, response) {
    const inside = normalize(path).replace(/^(\.\.[/\\])+/, "");
    let name = join(DIST, inside === "/" ? "index.html" : inside);
    if (!name.startsWith(DIST) || !existsSync(name)) name = join(DIST, "index.html");
    response.writeHead(200, {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
    });
    response.end(await readFile(name));
  }

  async function body(request) {
    let text = "";
    for await (const chunk of request) text += chunk;
    if (request.headers["content-type"] === "text/csv") return text;
    return JSON.parse(text || "{}");
  }

  function mock(path, response) {
    const [, , name, id] = path.split("/");
    if (name === "drop") {
      for (const socket of sockets) socket.destroy();
      return;
    }
    if (name === "mute" || name === "unmute") {
      muted = name === "mute";
      if (muted) for (const client of clients) client.destroy();
      return json(response, 200, {});
    }
    json(response, plant.fault(name, Number(id)) ? 200 : 404, {});
  }

  async function answer(request, response) {
    const path = decodeURIComponent(new URL(request.url, "http://mock").pathname);
    if (path.startsWith("/mock/")) return mock(path, response);
    if (muted && path.startsWith("/api/")) return request.socket.destroy();
    const { searchParams } = new URL(request.url, "http://mock");
    if (path.startsWith("/api/v1/lines") && !office.may("see")) return json(response, 401, { error: "sign in first" });
    const line = `/api/v1/lines/${plant.topology.id}`;
    const at = /^\/at\/([a-z0-9-]+)(\/api\/v1\/.*)$/.exec(path);
    if (at && neighbor) {
      neighbor.office.signedIn = office.signedIn;
      request.url = request.url.replace(`/at/${at[1]}`, "");
      return neighbor.answer(request, response);
    }
    if (path === "/api/v1/lines") {
      return json(response, 200, [summary(), ...(neighbor ? [{ ...neighbor.summary(), at: "/at/line-2" }] : [])]);
    }
    if (path === `${line}/topology`) return json(response, 200, plant.topology);
    if (path === `${line}/state`) return json(response, 200, snapshot());
    if (path === `${line}/events`) return events(request, response);
    const jogged = new RegExp(`^${line}/diverters/(\\d+)/jog$`).exec(path);
    if (jogged && request.method === "POST") {
      if (!office.may("maintain")) return json(response, 403, { error: "your roles do not include this" });
      plant.press(Number(jogged[1]));
      return json(response, 202, {});
    }
    if (path === `${line}/commands` && request.method === "POST") {
      if (!office.may("operate")) return json(response, 403, { error: "your roles do not include this" });
      const told = await body(request);
      const accepted = plant.command(told);
      if (accepted) office.record(told.command, told.chute ?? "", null, told);
      return accepted
        ? json(response, 202, {})
        : json(response, 422, { detail: "No such chute on this line." });
    }
    if (path.startsWith("/api/v1/") && !path.startsWith("/api/v1/lines") && !path.startsWith("/api/v1/frames")) {
      const sent = ["POST", "PUT", "PATCH"].includes(request.method) ? await body(request) : undefined;
      const said = office.answer(request.method, path, searchParams, sent);
      if (said) {
        if (typeof said.body === "string") return response.writeHead(said.status, { "content-type": "text/plain" }).end(said.body);
        if (said.status === 204) return response.writeHead(204).end();
        return json(response, said.status, said.body);
      }
    }
    if (path === "/api/openapi.json") return json(response, 200, openapi);
    const frame = /^\/api\/v1\/frames\/(\d+)\.jpg$/.exec(path);
    if (frame) {
      response.writeHead(200, { "content-type": "image/svg+xml", "cache-control": "max-age=120" });
      return response.end(blank ? BLANK : picture(Number(frame[1])));
    }
    if (path.startsWith("/api/")) return json(response, 404, { detail: "Not found." });
    return file(path, response);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) json(response, 400, { detail: "Not understood." });
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  let then = Date.now();
  const timers = [
    setInterval(() => {
      const now = Date.now();
      for (; then + STEP_MS <= now; then += STEP_MS) plant.advance(STEP_MS);
      plant.now = now;
    }, STEP_MS),
    setInterval(publish, PUBLISH_MS),
  ];
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      resolve({
        plant,
        office,
        neighbor,
        answer,
        summary,
        /** Goes ahead by so much at once, and tells it. */
        leap(ms) {
          for (let passed = 0; passed < ms; passed += STEP_MS) plant.advance(STEP_MS);
          publish();
        },
        base: `http://127.0.0.1:${server.address().port}`,
        close() {
          neighbor?.close();
          timers.forEach(clearInterval);
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      });
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const args = process.argv.slice(2);
  const value = (name, otherwise) => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const mock = await startMock({
    port: value("--port", 8090),
    seed: value("--seed", 1),
    warm: value("--warm", 40),
    hostile: args.includes("--hostile"),
    calm: args.includes("--calm"),
    second: args.includes("--second"),
  });
  process.stdout.write(`${mock.base}\n`);
}
