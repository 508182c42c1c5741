import type { Handlers } from '../http/handlers.ts';
import type { Services } from '../services/context.ts';

type TaskHandlers = Pick<Handlers, 'task.list' | 'task.show' | 'task.follow' | 'task.cancel' | 'task.retry'>;

export function taskHandlers({ engine }: Services): TaskHandlers {
  return {
    'task.list': async ({ query }) => engine.list(query),
    'task.show': async ({ params }) => engine.get(params.task),
    'task.follow': async ({ params, signal }) => {
      // Thrown before the stream begins when there is no such task.
      engine.get(params.task);
      return engine.follow(params.task, signal);
    },
    'task.cancel': async ({ params }) => engine.cancel(params.task),
    'task.retry': async ({ params }) => engine.retry(params.task),
  };
}
