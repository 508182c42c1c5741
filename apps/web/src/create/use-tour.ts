import { useHypervisors, useNetworks, useTasks, useVms } from '../data/resources.ts';
import { observable, useObservable } from '../data/observable.ts';
import { planTour, type TourStep } from './tour.ts';

const key = 'tour-tasks';

/** Which task each step of the tour was given to, as this browser remembers it; null when no tour was begun. */
const given = observable<Readonly<Record<string, string>> | null>(readGiven());

function readGiven(): Readonly<Record<string, string>> | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
    return typeof kept === 'object' ? (kept as Readonly<Record<string, string>> | null) : null;
  } catch {
    return null;
  }
}

/** Remembers that a step was given to a task. */
export function giveTourStep(step: string, taskId: string): void {
  given.set({ ...given.get(), [step]: taskId });
  localStorage.setItem(key, JSON.stringify(given.get()));
}

/** Ends the tour; what it made stays. */
export function endTour(): void {
  given.set(null);
  localStorage.removeItem(key);
}

/** The tour as it stands. `begun`: it was begun, and not ended. */
export function useTour(): { begun: boolean; steps: readonly TourStep[] } {
  const tasksGiven = useObservable(given);
  const facts = { hypervisors: useHypervisors(), networks: useNetworks(), vms: useVms(), tasks: useTasks() };
  return { begun: tasksGiven !== null, steps: planTour({ ...facts, given: tasksGiven ?? {} }) };
}
