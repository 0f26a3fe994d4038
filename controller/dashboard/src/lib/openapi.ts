/** The API's description, as the page shows it. Pure. */

interface Schema {
  type?: string | string[];
  $ref?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  description?: string;
}

interface Operation {
  summary?: string;
  description?: string;
  "x-right"?: string;
  parameters?: { name: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string }>;
}

export interface OpenApi {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

export interface Member {
  name: string;
  type: string;
  required: boolean;
  text: string;
}

export interface Described {
  method: string;
  path: string;
  summary: string;
  description: string;
  right: string;
  parameters: Member[];
  body: Member[];
  answers: [string, string][];
}

function typeOf(schema: Schema | undefined): string {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").at(-1) ?? "";
  return [schema.type ?? ""].flat().filter((name) => name !== "null").join(" | ");
}

function membersOf(api: OpenApi, operation: Operation): Member[] {
  const [first] = Object.values(operation.requestBody?.content ?? {});
  const name = first?.schema?.$ref?.split("/").at(-1);
  const schema = name ? api.components?.schemas?.[name] : first?.schema;
  return Object.entries(schema?.properties ?? {}).map(([member, of]) => ({
    name: member,
    type: typeOf(of),
    required: schema?.required?.includes(member) ?? false,
    text: of.description ?? "",
  }));
}

/** Operations that fit a search, by the first word of their path. */
export function operationsOf(api: OpenApi | null, text: string): [string, Described[]][] {
  const groups = new Map<string, Described[]>();
  const wanted = text.trim().toLowerCase();
  for (const [path, methods] of Object.entries(api?.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods)) {
      const said = `${method} ${path} ${operation.summary ?? ""} ${operation.description ?? ""}`;
      if (!said.toLowerCase().includes(wanted)) continue;
      const group = path.replace("/api/v1/", "").split("/")[0] ?? "";
      const list = groups.get(group) ?? [];
      list.push({
        method: method.toUpperCase(),
        path,
        summary: operation.summary ?? "",
        description: operation.description ?? "",
        right: operation["x-right"] ?? "",
        parameters: (operation.parameters ?? []).map((p) => ({
          name: p.name,
          type: typeOf(p.schema),
          required: p.required ?? false,
          text: p.description ?? "",
        })),
        body: api ? membersOf(api, operation) : [],
        answers: Object.entries(operation.responses ?? {}).map(([status, of]) => [status, of.description ?? ""]),
      });
      groups.set(group, list);
    }
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}
