// Reads the part of TOML that `line.toml` uses: tables, arrays of tables, and simple values.
export function parseToml(text) {
  const root = {};
  let table = root;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const array = /^\[\[(\w+)\]\]$/.exec(line);
    const single = /^\[(\w+)\]$/.exec(line);
    const pair = /^(\w+)\s*=\s*(.+)$/.exec(line);
    if (array) {
      table = {};
      (root[array[1]] ??= []).push(table);
    } else if (single) {
      table = root[single[1]] = {};
    } else if (pair) {
      table[pair[1]] = JSON.parse(pair[2].replaceAll("_", (c) => (pair[2].startsWith('"') ? c : "")));
    } else {
      throw new Error(`line ${index + 1}: not understood: ${line}`);
    }
  }
  return root;
}
