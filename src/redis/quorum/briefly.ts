/** How long an answer is waited for that is not necessary, in milliseconds. */
const BRIEFLY_MS = 100;

/** Waits for an answer, but not for long; `undefined` if it has not come. */
export function briefly<T>(answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), BRIEFLY_MS);
    answer.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
