/** Where every endpoint's path begins. */
export const apiPrefix = '/api/v1';
