import { NakhodaError } from '@nakhoda/schema';

import { validationError, type RequestPart, type ValidationFault } from './validation-error.ts';

interface FrameworkError {
  code?: unknown;
  statusCode?: unknown;
  validation?: readonly ValidationFault[];
  validationContext?: string;
}

const partOf: Readonly<Record<string, RequestPart>> = { params: 'params', querystring: 'query', body: 'body' };

/** Whatever was thrown while a request was served, as the error that is answered. */
export function requestFault(thrown: unknown): NakhodaError {
  if (thrown instanceof NakhodaError) return thrown;
  const { code, statusCode, validation, validationContext } = (thrown ?? {}) as FrameworkError;
  if (validation !== undefined) return validationError(validation, partOf[validationContext ?? ''] ?? 'body');
  const invalid = (message: string, hint: string) => new NakhodaError('request.invalid', { message, hint, cause: thrown });
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new NakhodaError('request.too-large', {
        message: "The request's body is larger than 1 MiB.",
        hint: 'Send less; no request of this API needs that much.',
        cause: thrown,
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return invalid("The request's body is not announced as JSON.", 'Send it with the header Content-Type: application/json.');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return invalid('The request announces JSON but has no body.', 'Send a JSON object, or leave the Content-Type header out.');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return invalid("The request's body is not valid JSON.", 'Send a JSON object.');
    case 'FST_ERR_BAD_URL':
      return invalid('The address is not a well-formed URL path.', 'Percent-encode every character that a URL does not allow.');
    default:
      // Only faults of the request itself carry a status below 500 (a broken body, a wrong length, a poisoned prototype).
      if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
        return invalid(
          'The request could not be read.',
          'Send a JSON object with the fields of this endpoint, as docs/openapi.json describes them.',
        );
      }
      // What an unforeseen error says is for the log: it may name anything.
      return new NakhodaError('internal', {
        message: 'Something in Nakhoda failed that should not.',
        hint: 'Look for the request id in the daemon log and report it.',
        cause: thrown,
      });
  }
}
