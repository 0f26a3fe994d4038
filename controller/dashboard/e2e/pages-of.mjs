// The pages of dist/ before a running service: what was just built is tried on a binary that holds
// older pages. Everything under /api and /at goes to the service as it comes.
import { createServer, request } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

function file(path, response) {
  const inside = normalize(path).replace(/^(\.\.[/\\])+/, "");
  const wanted = join(DIST, inside === "/" ? "index.html" : inside);
  const name = wanted.startsWith(DIST) && existsSync(wanted) ? wanted : join(DIST, "index.html");
  response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" });
  response.end(readFileSync(name));
}

/** Listens on a free port; resolves to { base, to, close }; `to` names another service behind it. */
export function pagesOf(base) {
  let behind = new URL(base);
  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url, "http://pages");
    if (!pathname.startsWith("/api/") && !pathname.startsWith("/at/")) return file(pathname, response);
    const { method, headers, url } = incoming;
    const on = request({ host: behind.hostname, port: behind.port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    // The service is away: so is what stands before it.
    on.on("error", () => response.destroy());
    response.on("close", () => on.destroy());
    incoming.pipe(on);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        base: `http://127.0.0.1:${server.address().port}`,
        to: (other) => (behind = new URL(other)),
        close: () => (server.closeAllConnections(), server.close()),
      });
    });
  });
}
