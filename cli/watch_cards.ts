import { change } from "./rates.ts";
import { countOf, type Group, type Scene, type Thing } from "./watch_things.ts";

/** How many cards a page shows at once, and how many points a chart has. */
const [CARDS, POINTS] = [60, 120];
/** For how many milliseconds something that was active stays before what was not. */
const ACTIVE = 30_000;
/** For how many milliseconds a recovery is told. */
const RECOVERY = 60_000;

/** A thing as the page shows it. */
export interface Card extends Pick<Thing, "group" | "name" | "kind" | "tone" | "state" | "lines"> {
  /** The value as text, and how fast it changes. */
  readonly value?: string;
  readonly speed?: string;
  /** The points of its chart, and what they are. */
  readonly chart?: "each second" | "value";
  readonly past?: readonly number[];
}

/** What the page gets: all that has changed for it. */
export interface News {
  /** The time, in milliseconds since 1970. */
  readonly at: number;
  readonly title: string;
  readonly tone: Thing["tone"];
  readonly summary: string;
  readonly shown: string;
  readonly groups?: readonly Group[];
  /** The cards, by their numbers, in their order. */
  readonly order: readonly number[];
  /** Those that are new or have changed. */
  readonly cards: Readonly<Record<number, Card>>;
  /** The newest points of the charts. */
  readonly points: Readonly<Record<number, number>>;
}

/** What is known of a thing from earlier looks. */
interface Known {
  readonly id: number;
  /** Its place in the order of the names. */
  rank: number;
  thing: Thing;
  /** When it was held, was waited for, or changed. */
  activeAt: number;
  recoveredAt: number;
  rate: number | undefined;
  /** The points of its chart; missing until its number has changed. */
  points: number[] | undefined;
}

const collator = new Intl.Collator("en", { numeric: true });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** What a page shows of all looks so far. */
export class Cards {
  readonly #all = new Map<string, Known>();
  #sorted: Known[] = [];
  #groups: readonly Group[] = [];
  #at = 0;
  #next = 1;

  /** Notes a look. */
  note({ groups, things }: Scene, now: number = Date.now()): void {
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    this.#groups = groups;
    const seen = new Set<string>();
    let isNew = false;
    for (const thing of things) {
      const key = JSON.stringify([thing.group, thing.name, thing.kind]);
      seen.add(key);
      const known = this.#all.get(key);
      if (known === undefined) {
        isNew = true;
        const activeAt = isActive(thing) ? now : -Infinity;
        const first = { id: this.#next++, rank: 0, thing, activeAt, recoveredAt: -Infinity };
        this.#all.set(key, { ...first, rate: undefined, points: undefined });
      } else note(known, thing, now, seconds);
    }
    for (const key of this.#all.keys()) if (!seen.has(key)) this.#all.delete(key);
    if (isNew) this.#rank();
    const classOf = ({ thing, activeAt }: Known) =>
      thing.tone === "bad" ? 0 : now - activeAt < ACTIVE ? 1 : 2;
    this.#sorted = [...this.#all.values()]
      .map((known) => ({ known, order: classOf(known) * 1e7 + known.rank }))
      .sort((one, other) => one.order - other.order).map(({ known }) => known);
  }

  /**
   * What is new for a page.
   *
   * @param filter What names must contain.
   * @param sent What the page got before, which this updates: cards and groups as JSON.
   */
  newsFor(filter: string, sent: Map<number | "groups", string>): News {
    const wanted = filter.toLowerCase();
    const matching = wanted === ""
      ? this.#sorted
      : this.#sorted.filter(({ thing }) => thing.name.toLowerCase().includes(wanted));
    const shown = matching.slice(0, CARDS);
    const cards: Record<number, Card> = {};
    const points: Record<number, number> = {};
    for (const known of shown) {
      const card = cardOf(known, this.#at);
      const text = JSON.stringify(card);
      const last = known.points?.at(-1);
      if (last !== undefined) points[known.id] = last;
      if (sent.get(known.id) === text) continue;
      // A chart that the page has got already goes on from its newest point.
      const isNew = !sent.get(known.id)?.includes('"chart"');
      cards[known.id] = isNew && known.points ? { ...card, past: known.points } : card;
      sent.set(known.id, text);
    }
    const order = shown.map(({ id }) => id);
    for (const id of sent.keys()) if (id !== "groups" && !order.includes(id)) sent.delete(id);
    const groups = JSON.stringify(this.#groups);
    const isSame = sent.get("groups") === groups;
    sent.set("groups", groups);
    const { length } = matching;
    return {
      at: this.#at,
      ...this.#headline(),
      shown: length > CARDS
        ? `Shows the ${CARDS} most active of ${countOf(length, "name")}.`
        : wanted === ""
        ? countOf(length, "name")
        : `${countOf(length, "name")} of ${countOf(this.#all.size, "name")}`,
      ...!isSame && { groups: this.#groups },
      order,
      cards,
      points,
    };
  }

  #headline(): Pick<News, "title" | "tone" | "summary"> {
    const things = this.#sorted.map(({ thing }) => thing);
    const [first, ...others] = things.filter(({ tone }) => tone === "bad");
    const bad = first === undefined ? 0 : 1 + others.length;
    const problems = this.#groups.filter(({ problem }) => problem !== undefined).length;
    const held = things.filter(({ isHeld }) => isHeld).length;
    const waiting = things.reduce((sum, { waiting }) => sum + waiting, 0);
    const users = this.#groups.reduce((sum, group) => {
      return sum + group.users.filter(({ isGone }) => !isGone).length;
    }, 0);
    return {
      title: bad === 1
        ? `${first.name}: ${first.state}`
        : bad > 1
        ? `${bad} names need a look`
        : problems > 0
        ? `${countOf(problems, "segment")} cannot be read`
        : things.length === 0
        ? "Nothing is here yet"
        : waiting > 0
        ? `All is well, ${countOf(waiting, "thread")} wait${waiting === 1 ? "s" : ""}`
        : "All is well",
      tone: bad + problems > 0 ? "bad" : "calm",
      summary: `${held === 0 ? "No lock is held" : `${countOf(held, "lock")} held`}; ` +
        `${waiting === 0 ? "no thread" : countOf(waiting, "thread")} waiting; ` +
        `${countOf(users, "thread")} at work`,
    };
  }

  #rank(): void {
    const all = [...this.#all.values()];
    all.sort(({ thing: one }, { thing: other }) =>
      collator.compare(one.group, other.group) || collator.compare(one.name, other.name)
    );
    for (const [rank, known] of all.entries()) known.rank = rank;
  }
}

function isActive({ isHeld, waiting }: Thing): boolean {
  return isHeld || waiting > 0;
}

function note(known: Known, thing: Thing, now: number, seconds: number): void {
  const { number } = thing;
  const before = known.thing.number;
  const isBoth = number !== undefined && before !== undefined;
  const hasChanged = isBoth && number !== before || thing.text !== known.thing.text;
  if (hasChanged || isActive(thing)) known.activeAt = now;
  if (known.thing.state === "holder died" && thing.state !== "holder died") {
    known.recoveredAt = now;
  }
  known.rate = isBoth && thing.isSum ? change(before, number) / seconds : undefined;
  const point = thing.isSum ? known.rate : number === undefined ? undefined : Number(number);
  if (point !== undefined && (known.points !== undefined || hasChanged)) {
    known.points ??= isBoth && !thing.isSum ? [Number(before)] : [];
    known.points.push(point);
    if (known.points.length > POINTS) known.points.shift();
  }
  known.thing = thing;
}

function cardOf({ thing, rate, points, recoveredAt }: Known, now: number): Card {
  const { group, name, kind, tone, state, number, text, isSum } = thing;
  const hasRecovered = now - recoveredAt < RECOVERY && tone !== "bad";
  const recovery = ["Recovered after its holder died,", recoveredAt] as const;
  return {
    group,
    name,
    kind,
    tone,
    state,
    lines: hasRecovered ? [...thing.lines, recovery] : thing.lines,
    value: text ?? (number === undefined ? undefined : numeral(number)),
    ...rate ? { speed: speedOf(rate) } : {},
    ...points !== undefined && { chart: isSum ? "each second" : "value" },
  };
}

function speedOf(rate: number): string {
  const size = Math.abs(rate);
  return `${rate > 0 ? "+" : "−"}${short.format(size < 100 ? size : Math.round(size))} each second`;
}

/** A whole number exactly, another one with six digits. */
function numeral(number: number | bigint): string {
  const isWhole = typeof number === "bigint" || Number.isSafeInteger(number);
  return isWhole ? short.format(number) : `${Number(number.toPrecision(6))}`;
}
