/** The nemeses of a world at work: when they strike, and when it is over. */
import type { ChoiceStream } from "./choices.ts";
import type { Part, Place } from "./clockwork.ts";
import type { Engine } from "./engine.ts";
import { drawSpan, Field, Grip, Later, type Nemesis, type NemesisOptions, type Span } from "./nemesis.ts";
import type { SimNetwork } from "./network.ts";
import type { SimNode } from "./node.ts";

const EVERY: Span = [100, 3000];
const LASTS: Span = [50, 2000];
/** Whether it strikes, and which one, is drawn out of so many; the first ones are that nothing happens. */
const PARTS = 1000;
const NOTHING = 250;

/** A nemesis that was set on the world; given by `world.nemesis()`. */
export class NemesisRun {
  /** How often it has struck. */
  strikes: number;
  private readonly all: Nemeses;
  private readonly nemeses: readonly Nemesis[];
  private readonly options: NemesisOptions;
  private readonly draws: ChoiceStream;
  private readonly next: Later;
  private readonly end: Later;
  private field: Field | null;
  private struck: string;
  private over: boolean;

  /** @internal */
  constructor(all: Nemeses, nemeses: readonly Nemesis[], options: NemesisOptions, draws: ChoiceStream) {
    this.strikes = 0;
    this.all = all;
    this.nemeses = nemeses;
    this.options = options;
    this.draws = draws;
    this.next = new Later(() => this.strike());
    this.end = new Later(() => this.heal(undefined));
    this.field = null;
    this.struck = "";
    this.over = false;
    this.wait();
  }

  /** Whether it is doing harm now. */
  get active(): boolean {
    return this.field !== null;
  }

  /** It is over: what it has done is healed, and it does not strike again. Not a switch point. */
  stop(): void {
    this.quit(undefined);
  }

  /** @internal Strikes no more, and heals what concerns only these nodes, or all. */
  quit(core: ReadonlySet<SimNode> | undefined): void {
    if (this.over) return;
    this.over = true;
    this.all.engine.background.remove(this.next);
    this.heal(core);
  }

  private wait(): void {
    if (this.over || this.strikes >= (this.options.times ?? Infinity)) return;
    const { engine } = this.all;
    // That it may strike is nothing to wait for: where nobody has anything to do, the run is over.
    engine.background.set(this.next, engine.time + drawSpan(this.draws, this.options.every ?? EVERY, "wait", true));
  }

  private strike(): void {
    const { draws, all } = this;
    const { engine } = all;
    const nemesis = this.drawn();
    if (nemesis === undefined) {
      this.wait();
      return;
    }
    const { nodes, for: span = LASTS } = { ...this.options, ...nemesis.options };
    const names = nodes?.map((one) => (typeof one === "string" ? one : one.name));
    const victims = engine.nodes.slice(1).filter(({ name }) => names?.includes(name) ?? true);
    if (victims.length === 0) {
      this.wait();
      return;
    }
    const duration = drawSpan(draws, span, "lasts");
    this.strikes++;
    this.struck = nemesis.name;
    this.field = new Field(engine, all.network, all.grip, draws, victims, duration);
    engine.tell(`${nemesis.name}, for ${Math.round(duration)} ms`);
    // That it ends is something to wait for: a node that is to be started again may be the last hope.
    engine.events.set(this.end, engine.time + duration);
    nemesis.strike(this.field);
  }

  /** Which one strikes now, or none. */
  private drawn(): Nemesis | undefined {
    const { nemeses } = this;
    const total = nemeses.reduce((sum, { weight = 1 }) => sum + weight, 0);
    let at = ((this.draws.draw(PARTS, "strike") - NOTHING) * total) / (PARTS - NOTHING);
    return at < 0 ? undefined : nemeses.find(({ weight = 1 }) => (at -= weight) < 0);
  }

  private heal(only: ReadonlySet<SimNode> | undefined): void {
    const { field, all } = this;
    if (field === null) return;
    all.engine.events.remove(this.end);
    this.field = null;
    field.heal(only);
    all.engine.tell(`${this.struck} is over`);
    this.wait();
  }
}

/** All that make trouble in one world. */
export class Nemeses implements Part {
  readonly engine: Engine;
  readonly network: SimNetwork;
  readonly grip: Grip;
  private readonly runs: NemesisRun[];

  constructor(engine: Engine, network: SimNetwork) {
    this.engine = engine;
    this.network = network;
    this.grip = new Grip();
    this.runs = [];
  }

  begin(nemeses: readonly Nemesis[], options: NemesisOptions): NemesisRun {
    if (nemeses.length === 0) throw new TypeError("nemesis() takes a nemesis, such as partition(), or a list of some");
    checkSpan("every", options.every);
    checkSpan("for", options.for);
    for (const one of nemeses) {
      if (typeof (one as Nemesis | undefined)?.strike !== "function")
        throw new TypeError(`nemesis() takes nemeses, such as partition() with its brackets, and not ${String(one)}`);
      if (one.weight !== undefined && !(one.weight > 0))
        throw new RangeError(`a nemesis has a weight above 0, not ${String(one.weight)}`);
      checkSpan("for", one.options?.for);
    }
    const draws = this.engine.choices.stream(`nemesis ${this.runs.length + 1}`);
    const run = new NemesisRun(this, nemeses, options, draws);
    this.runs.push(run);
    return run;
  }

  crashed(_place: Place): void {}

  /** With the body of the simulation all trouble is over, so that the nodes can be stopped in peace. */
  ended(place: Place): void {
    if (place !== this.engine.nodes[0]) return;
    this.grip.ending = true;
    for (const run of this.runs) run.stop();
  }

  held(_place: Place): readonly string[] {
    return [];
  }

  /** Nobody strikes any more. What concerns only these nodes is healed, also where it was the user who has broken it. */
  calm(places: readonly Place[]): void {
    const { network, engine } = this;
    const core = new Set<SimNode>([engine.nodes[0] as SimNode, ...(places as readonly SimNode[])]);
    for (const run of this.runs) run.quit(core);
    const nodes = [...core];
    nodes.forEach((a, i) => {
      network.names.restore({ place: a });
      for (const b of nodes.slice(i + 1)) {
        network.heal(a, b);
        network.unclog(a, b);
      }
    });
  }
}

function checkSpan(what: string, span: Span | undefined): void {
  if (span === undefined) return;
  const [least, most] = typeof span === "number" ? [span, span] : span;
  if (!(least >= 0 && most >= least && most < Infinity))
    throw new RangeError(`"${what}" of a nemesis is a time in ms, or [least, most], not ${JSON.stringify(span)}`);
}
