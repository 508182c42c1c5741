import { i18n } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { pageEndpoints } from '@nakhoda/client/browser';
import type { EndpointId } from '@nakhoda/schema';
import { describeAllowed } from '@nakhoda/schema/describe-allowed';
import type { FieldErrors, FieldValues, Resolver } from 'react-hook-form';
import { Errors } from 'typebox/value';

/**
 * Checks a form with the schema that the endpoint itself checks its body with, so that a form allows what the API allows.
 * Fields that are empty texts or undefined are left out, as they are of the request.
 */
export function schemaResolver<Values extends FieldValues>(endpoint: EndpointId): Resolver<Values> {
  const schema = pageEndpoints[endpoint].body ?? { properties: {} };
  return (values) => {
    const errors: Record<string, { type: string; message: string }> = {};
    for (const [name, field] of Object.entries(schema.properties)) {
      const value: unknown = values[name];
      if (value === undefined || value === '') {
        if (schema.required?.includes(name)) errors[name] = { type: 'required', message: i18n._(msg`This is needed.`) };
        continue;
      }
      const [first] = Errors(field as object, value);
      if (first !== undefined) errors[name] = { type: first.keyword, message: describeAllowed(field) };
    }
    return Object.keys(errors).length === 0 ? { values, errors: {} } : { values: {}, errors: errors as FieldErrors<Values> };
  };
}
