import { observable, type Observable } from './observable.ts';

/** A choice that the browser keeps. What it has kept and is no choice any more counts as none. */
export function keptSetting<Choice extends string>(name: string, choices: readonly Choice[], usual: Choice): Observable<Choice> {
  const kept = localStorage.getItem(name);
  const setting = observable<Choice>(choices.find((choice) => choice === kept) ?? usual);
  setting.subscribe(() => localStorage.setItem(name, setting.get()));
  return setting;
}
