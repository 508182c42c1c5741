/** The list with one item a place further up (-1) or down (1); the very same list where it cannot go further. Pure. */
export function moveInOrder(order: readonly string[], item: string, by: -1 | 1): readonly string[] {
  const from = order.indexOf(item);
  const to = from + by;
  if (from === -1 || to < 0 || to >= order.length) return order;
  return order.toSpliced(from, 1).toSpliced(to, 0, item);
}
