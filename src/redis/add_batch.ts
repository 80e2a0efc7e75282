interface Add {
  readonly n: number;
  readonly resolve: (value: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Beyond this a batch is not added to: all its sums stay far from the edge of the exact numbers. */
const MOST = 2 ** 48;

/** Adds that go out as one, and each get the value that they would have got one after the other. */
export class AddBatch {
  /** All of it. */
  total = 0;
  readonly #adds: Add[] = [];
  #least = Infinity;
  #most = -Infinity;

  /** How many adds there are. */
  get size(): number {
    return this.#adds.length;
  }

  /** By how much the sums on the way fall below the last one. */
  get fall(): number {
    return this.total - this.#least;
  }

  /** By how much the sums on the way rise above the last one. */
  get rise(): number {
    return this.#most - this.total;
  }

  /** Whether `n` may still be a part of it. */
  takes(n: number): boolean {
    return this.#adds.length === 0 || (Math.abs(n) <= MOST && Math.abs(this.total + n) <= MOST);
  }

  /** Adds one; resolves with the value after it. */
  add(n: number): Promise<number> {
    this.total += n;
    if (this.total < this.#least) this.#least = this.total;
    if (this.total > this.#most) this.#most = this.total;
    return new Promise((resolve, reject) => this.#adds.push({ n, resolve, reject }));
  }

  /** Gives each its value, where the last of them is `value`. */
  resolve(value: number): void {
    let sum = value - this.total;
    for (const add of this.#adds) add.resolve(sum += add.n);
  }

  /** Gives all of them the same error. */
  reject(error: unknown): void {
    for (const add of this.#adds) add.reject(error);
  }

  /** Does each by itself, in their order, since not all of them can be done. */
  oneByOne(one: (n: number) => Promise<number>): void {
    for (const add of this.#adds) one(add.n).then(add.resolve, add.reject);
  }
}
