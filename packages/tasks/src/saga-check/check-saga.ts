import { openBench } from './saga-bench.ts';
import type { SagaBench, SagaWorld } from './saga-bench.ts';
import { cleanRun, planScenarios } from './saga-scenarios.ts';

export interface SagaCheckOptions<I, S extends object, R> {
  /** Makes a fresh world with a saga in it; called once for each scenario. */
  makeWorld(): SagaWorld<I, S, R> | Promise<SagaWorld<I, S, R>>;
  /**
   * The first step whose effect cannot be taken back, such as one that deletes. From its `do` on, a failed saga
   * need not restore the world; instead, to start it once more must bring about what a clean run does.
   */
  pointOfNoReturn?: string;
  /** For each run of the saga; 10,000. */
  timeoutMs?: number;
}

/**
 * Tries a saga with every fault that the engine promises to survive: clean; every `do` and `undo` twice; a
 * failure and a cancellation before and after every `do`; every undo failing once, before and after its work,
 * then retried; the daemon killed before and after every `do` and `undo`. After each, the world must be as it
 * was before the saga, or as it is after a clean run, and nothing between.
 *
 * @returns the names of the scenarios that were played
 * @throws Error that names the kind and the scenario, at the first one that goes wrong
 */
export async function checkSaga<I, S extends object, R>(options: SagaCheckOptions<I, S, R>): Promise<string[]> {
  const played: string[] = [];
  const play = async <T>(name: string, scenario: (bench: SagaBench) => Promise<T>): Promise<T> => {
    const world = await options.makeWorld();
    try {
      const result = await scenario(await openBench(world, options.timeoutMs ?? 10_000));
      played.push(name);
      return result;
    } catch (error) {
      throw new Error(`${world.kind.kind}, ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      await world.close?.();
    }
  };

  const clean = await play('clean run', cleanRun);
  for (const scenario of planScenarios(clean, options.pointOfNoReturn)) await play(scenario.name, scenario.play);
  return played;
}
