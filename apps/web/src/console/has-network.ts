/** Whether this browser can reach where the page came from, as far as it knows. The computer itself is reached without a network. */
export function hasNetwork(): boolean {
  return navigator.onLine || /^(localhost|127\.|\[::1\])/u.test(location.hostname);
}
