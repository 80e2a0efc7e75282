interface Add {
  readonly n: number;
  /** Whether the caller wants the value before the add. */
  readonly isFetch: boolean;
  readonly resolve: (value: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch does not grow beyond this sum: all its sums stay far from the limit of exact numbers. */
const MOST = 2 ** 48;

/** Nearer to 2^53 than this, node-redis and ioredis round numbers. */
const EXACT = 2 ** 53 - 64;

/** Adds that are sent as one; each gets the value that it would have got one after the other. */
export class AddBatch {
  /** The sum of all adds. */
  total = 0;
  readonly #adds: Add[] = [];
  #least = Infinity;
  #most = -Infinity;

  /** The number of adds. */
  get size(): number {
    return this.#adds.length;
  }

  /** How far the values on the way fall below the last one. */
  get fall(): number {
    return this.total - this.#least;
  }

  /** How far the values on the way rise above the last one. */
  get rise(): number {
    return this.#most - this.total;
  }

  /** Whether the batch takes another add of `n`. */
  takes(n: number): boolean {
    return this.#adds.length === 0 || (Math.abs(n) <= MOST && Math.abs(this.total + n) <= MOST);
  }

  /** Adds `n`. Resolves with the value after it, or the value before it if it is a fetch. */
  add(n: number, isFetch = false): Promise<number> {
    // The value before is a value on the way, too: it must be exact.
    if (isFetch) this.#see(this.total);
    this.#see(this.total += n);
    return new Promise((resolve, reject) => this.#adds.push({ n, isFetch, resolve, reject }));
  }

  #see(sum: number): void {
    if (sum < this.#least) this.#least = sum;
    if (sum > this.#most) this.#most = sum;
  }

  /** Resolves each add, with `value` as the last sum. */
  resolve(value: number): void {
    // Counted back from the value, since the value before the first add may be beyond 2^53.
    let rest = this.total;
    for (const { n, isFetch, resolve } of this.#adds) {
      const before = rest;
      rest -= n;
      resolve(value - (isFetch ? before : rest));
    }
  }

  /** Rejects all of them with the same error. */
  reject(error: unknown): void {
    for (const add of this.#adds) add.reject(error);
  }

  /** Sends each as a batch of its own, in their order, since not all of them can be done. */
  oneByOne(send: (single: AddBatch) => Promise<number>): void {
    for (const add of this.#adds) {
      const single = new AddBatch();
      single.add(add.n, add.isFetch).then(add.resolve, add.reject);
      send(single).then((value) => single.resolve(value), (error) => single.reject(error));
    }
  }

  /** Whether clients round none of the values, if the last sum is `value`. */
  isExact(value: number): boolean {
    return value - this.fall >= -EXACT && value + this.rise <= EXACT;
  }
}
