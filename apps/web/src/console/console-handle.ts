/** What the bar can do with the view that is open. */
export interface ConsoleHandle {
  focus(): void;
  /** Presses a combination and lets go of it; where a view has no keyboard of its own, the API is asked. */
  press?(combination: string): void;
  /** Presses a key, or lets go of it. */
  hold?(name: string, down: boolean): void;
  /** Types or pastes a text as it is. */
  paste?(text: string): void;
}

/** What a view of the screen tells of it. */
export interface ScreenTraits {
  /** The server takes a wish for another size. */
  readonly resizable: boolean;
  /** One colour all over. */
  readonly blank: boolean;
}

export const scalings = ['fit', 'plain', 'guest'] as const;
/** How a screen fits its place: scaled to it, pixel for pixel, or by asking the guest for another size. */
export type Scaling = (typeof scalings)[number];
