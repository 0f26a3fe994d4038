export function parseToml(text: string): Record<string, unknown>;
