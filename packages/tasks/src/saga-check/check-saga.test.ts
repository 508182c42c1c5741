import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Step, TaskKind } from '../task-kind.ts';
import { checkSaga } from './check-saga.ts';
import type { SagaWorld } from './saga-bench.ts';

interface Input {
  vmid: number;
}
interface State {
  address?: string;
}
type Names = Set<string>;
type SampleStep = Step<Input, State>;

/** A world of names; every step makes one and its undo removes it. */
function makeStep(world: Names, name: string): SampleStep {
  return {
    name,
    do: async () => void world.add(name),
    undo: async () => void world.delete(name),
  };
}

function makeSaga(steps: (world: Names) => SampleStep[], options: { onCrash?: 'resume' | 'unwind'; world?: string[] } = {}) {
  return (): SagaWorld<Input, State, string> => {
    const world: Names = new Set(options.world ?? ['bystander']);
    const kind: TaskKind<Input, State, string> = {
      kind: 'sample',
      title: ({ vmid }) => `Sample ${vmid}`,
      target: ({ vmid }) => `vm/${vmid}`,
      locks: ({ vmid }) => [`vm/${vmid}`],
      initialState: () => ({}),
      steps: () => steps(world),
      result: ({ address }) => address ?? '',
      onCrash: options.onCrash ?? 'unwind',
    };
    return { kind, input: { vmid: 100 }, snapshotWorld: () => [...world].sort() };
  };
}

const threeSteps = (world: Names): SampleStep[] => ['disk', 'tap', 'process'].map((name) => makeStep(world, name));

/** The three steps with some members of the middle one exchanged. */
const withMiddle = (exchange: (world: Names) => Partial<SampleStep>) => (world: Names) =>
  threeSteps(world).map((step, index) => (index === 1 ? { ...step, ...exchange(world) } : step));

describe('checkSaga', () => {
  it('passes a right saga, in either way of recovery, and plays every fault at every point', async () => {
    for (const onCrash of ['resume', 'unwind'] as const) {
      const played = await checkSaga({ makeWorld: makeSaga(threeSteps, { onCrash }) });
      // Clean, twice and twice; at six points a failure, a kill, a cancel, and an undo that fails or is killed.
      assert.equal(played.length, 3 + 6 * 5);
      assert.ok(played.includes('daemon killed after "tap"'));
      assert.ok(played.includes('undo of "disk" failing once before its work'));
    }
  });

  it('passes a saga whose steps hand results on', async () => {
    const makeWorld = makeSaga((world) => [
      { name: 'allocate', do: async ({ state, input }) => void (state.address = `10.0.0.${input.vmid}`) },
      {
        name: 'assign',
        do: async ({ state }) => void world.add(`address ${state.address}`),
        undo: async ({ state }) => void world.delete(`address ${state.address}`),
      },
    ]);
    await checkSaga({ makeWorld });
  });

  it('passes a saga that cannot be taken back but can be repeated', async () => {
    const makeWorld = makeSaga(
      (world) => [
        { name: 'stop', do: async () => void world.delete('process') },
        { name: 'delete', do: async () => void world.delete('disk'), cancellable: false },
        { name: 'forget', do: async () => void world.delete('row'), cancellable: false },
      ],
      { onCrash: 'resume', world: ['process', 'disk', 'row'] },
    );
    const played = await checkSaga({ makeWorld, pointOfNoReturn: 'stop' });
    assert.ok(!played.some((name) => name.startsWith('cancelled after "delete"')));
    await assert.rejects(checkSaga({ makeWorld }), /sample, every do and undo twice: the task was undone, and the world is not/);
    await assert.rejects(checkSaga({ makeWorld, pointOfNoReturn: 'nothing' }), /there is no step "nothing"/);
  });

  it('closes every world that it asked for, also after a failure', async () => {
    let open = 0;
    const makeWorld = (makeSample: () => SagaWorld<Input, State, string>) => () => {
      open += 1;
      return { ...makeSample(), close: () => void (open -= 1) };
    };
    await checkSaga({ makeWorld: makeWorld(makeSaga(threeSteps)) });
    await assert.rejects(checkSaga({ makeWorld: makeWorld(makeSaga(withMiddle(() => ({ undo: async () => {} })))) }));
    assert.equal(open, 0);
  });

  const defects: { title: string; middle: (world: Names) => Partial<SampleStep>; onCrash?: 'resume'; found: RegExp }[] = [
    {
      title: 'a do that fails',
      middle: () => ({ do: async () => Promise.reject(new Error('no such tap')) }),
      found: /^sample, clean run: the task is failed, not succeeded: .*no such tap/u,
    },
    {
      title: 'an undo that does nothing',
      middle: () => ({ undo: async () => {} }),
      found: /^sample, every do and undo twice: .*\+ +'tap'/su,
    },
    {
      title: 'an undo that fails for ever',
      middle: () => ({ undo: async () => Promise.reject(new Error('busy')) }),
      found: /^sample, every do and undo twice: the task is stuck, not failed/u,
    },
    {
      title: 'an undo that cannot be repeated',
      middle: (world) => ({ undo: async () => assert.ok(world.delete('tap'), 'it is gone already') }),
      found: /^sample, every do and undo twice: the task is stuck.*gone already/u,
    },
    {
      title: 'an undo that takes away what is not its own',
      middle: (world) => ({ undo: async () => world.clear() }),
      found: /^sample, every do and undo twice: .*bystander/su,
    },
    {
      title: 'a do that cannot be repeated',
      middle: (world) => ({
        do: async () => {
          assert.ok(!world.has('tap'), 'it exists already');
          world.add('tap');
        },
      }),
      found: /^sample, every do twice: the task is failed.*exists already/u,
    },
    {
      title: 'an undo that relies on what its own do put into the state, which a crash loses',
      middle: (world) => ({
        do: async ({ state }) => {
          state.address = 'tap';
          world.add('tap');
        },
        undo: async ({ state }) => void world.delete(state.address ?? ''),
      }),
      found: /^sample, daemon killed after "tap": the task was undone, and the world is not/u,
    },
    {
      title: 'a do that, resumed, brings about something else',
      onCrash: 'resume',
      middle: (world) => {
        let runs = 0;
        return {
          do: async ({ state }) => {
            state.address ??= `tap${(runs += 1)}`;
            world.add(state.address);
          },
          undo: async () => {
            world.delete('tap1');
            world.delete('tap2');
          },
        };
      },
      found: /^sample, daemon killed after "tap": the world is not what a clean run makes of it/u,
    },
    {
      title: 'a state that is not JSON',
      middle: () => ({ do: async ({ state }) => void Object.assign(state, { self: state }) }),
      found: /^sample, clean run: .*The state of sample is not JSON/u,
    },
  ];
  for (const { title, middle, onCrash, found } of defects) {
    it(`catches ${title}`, async () => {
      // The kind is asked for its steps again after a crash; what the steps remember in the process is not.
      const makeWorld = makeSaga(cachedByWorld(withMiddle(middle)), { ...(onCrash && { onCrash }) });
      await assert.rejects(checkSaga({ makeWorld }), { message: found });
    });
  }

  it('catches a step that never ends, by its time limit', async () => {
    const makeWorld = makeSaga(withMiddle(() => ({ do: () => new Promise(() => {}) })));
    await assert.rejects(checkSaga({ makeWorld, timeoutMs: 20 }), /clean run: the end of the task did not come within 20 ms/u);
  });
});

/** The same steps each time they are asked for in one world, so that a sample can count its runs. */
function cachedByWorld(steps: (world: Names) => SampleStep[]): (world: Names) => SampleStep[] {
  const known = new WeakMap<Names, SampleStep[]>();
  return (world) => {
    const made = known.get(world) ?? steps(world);
    known.set(world, made);
    return made;
  };
}
