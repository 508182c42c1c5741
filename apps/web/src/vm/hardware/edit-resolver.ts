import { i18n } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { FieldErrors, Resolver } from 'react-hook-form';

import { schemaResolver } from '../../data/schema-resolver.ts';
import { cleanValues, type Edit } from './edit.ts';

/** Checks a dialog: by the endpoint's schema, by what the hypervisor gives, and by what the dialog itself asks. Fields that are off are as they are. */
export function editResolver({ endpoint, fields, check }: Edit): Resolver {
  const bySchema = schemaResolver(endpoint);
  return async (typed, context, options) => {
    const values = cleanValues(typed);
    const { errors } = await bySchema(values, context, options);
    const found: Record<string, unknown> = {};
    for (const { name, kind, min, max, off } of fields) {
      if (off !== undefined) continue;
      const value = values[name];
      const isNumber = kind === 'integer' || kind === 'number';
      if (isNumber && typeof value !== 'number') found[name] = { type: 'required', message: i18n._(msg`A number is needed.`) };
      else if (isNumber && outside(value as number, min, max)) {
        found[name] = { type: 'range', message: i18n._(msg`From ${min ?? 0} to ${max ?? '∞'}.`) };
      } else if (errors[name] !== undefined) found[name] = errors[name];
    }
    for (const [name, message] of Object.entries(check?.(values) ?? {})) found[name] ??= { type: 'check', message };
    return Object.keys(found).length === 0 ? { values, errors: {} } : { values: {}, errors: found as FieldErrors };
  };
}

function outside(value: number, min: number | undefined, max: number | undefined): boolean {
  return (min !== undefined && value < min) || (max !== undefined && value > max);
}
