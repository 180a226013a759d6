/** Something that may end in the middle, for work that is done step by step: whoever waits for a step is told at once. */

export class Interruption {
  #error: Error | undefined;
  #reject: ((error: Error) => void) | undefined;

  /** The first one counts. */
  interrupt(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#reject?.(error);
  }

  /** As `step`, but rejects when the interruption comes, even if the step never ends. One step at a time. */
  unless<T>(step: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#error !== undefined) reject(this.#error);
      step.then(resolve, reject);
    });
  }
}
