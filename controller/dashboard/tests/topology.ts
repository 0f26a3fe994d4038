/** The demonstration line, read from the same file as everything else. */
import { readFileSync } from "node:fs";
import { parseToml } from "../mock/toml.mjs";
import type { Topology } from "../src/lib/types";

export const demo = parseToml(
  readFileSync(new URL("../../../config/demo/line.toml", import.meta.url), "utf8"),
) as unknown as Topology;
