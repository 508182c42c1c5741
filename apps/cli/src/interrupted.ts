/** Ctrl-C: nothing has failed, but the command was not carried to its end. Exit code 130, as shells have it. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Interrupted';
  }
}
