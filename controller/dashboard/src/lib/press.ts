/**
 * What a button does, but not for the second press of a double click: by then something else may
 * stand under the pointer, and an alarm would be acknowledged that nobody has seen.
 */
export const once =
  (act: () => unknown) =>
  (event: MouseEvent): void => {
    if (event.detail < 2) act();
  };
