import { randomInt } from 'node:crypto';

/** Base-36 milliseconds; nine digits last until the year 5188. */
const timeDigits = 9;
const randomDigits = 6;

/**
 * Makes ids of the form `t`, time, random part, all of one length, so that they sort by age as strings.
 *
 * @param lastId the newest id there is: ids stay in order even when the clock was set back
 */
export function createTaskIds(now: () => number, lastId?: string): () => string {
  let last = lastId === undefined ? 0 : Number.parseInt(lastId.slice(1, 1 + timeDigits), 36);
  return () => {
    last = Math.max(now(), last + 1);
    const time = last.toString(36).padStart(timeDigits, '0');
    const random = randomInt(36 ** randomDigits)
      .toString(36)
      .padStart(randomDigits, '0');
    return `t${time}${random}`;
  };
}
