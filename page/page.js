/** The points of a chart: a second each, at least and at most so many wide. */
const [LEAST, POINTS] = [30, 120];
const NEWS_AFTER = 5000;

const byId = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 1, notation: "compact" });

/** Makes an element; a text from elsewhere is never read as HTML. */
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Changes a text only if it differs, so that a selection stays. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** The difference of the clocks of the server and of this page. */
let offset = 0;

/** Shows sentences; those that have a time go on by themselves. */
function showLines(list, lines) {
  list.replaceChildren(...lines.map(([text, since]) => {
    const item = element("li", "", text);
    if (since !== undefined) {
      const time = item.appendChild(element("span"));
      time.dataset.since = since;
    }
    return item;
  }));
  tick(list);
}

function tick(within) {
  const now = Date.now() + offset;
  for (const node of within.querySelectorAll("[data-since]")) {
    const ago = node.parentNode.firstChild.data.startsWith("Recovered") ? " ago" : "";
    say(node, ` ${duration(now - node.dataset.since)}${ago}`);
  }
}

const cards = new Map();
const groups = new Map();

function makeCard() {
  const node = element("li", "card");
  const top = node.appendChild(element("div", "top"));
  const name = top.appendChild(element("h3"));
  const state = top.appendChild(element("span", "state"));
  const kind = node.appendChild(element("p", "quiet kind"));
  const number = node.appendChild(element("p"));
  const value = number.appendChild(element("span", "value"));
  const speed = number.appendChild(element("span", "quiet"));
  const lines = node.appendChild(element("ul", "lines"));
  return { node, name, state, kind, number, value, speed, lines, past: [] };
}

function showCard(
  card,
  { name, kind, tone, state = "", value = "", speed = "", lines, chart, past },
) {
  card.node.className = `card ${tone}`;
  say(card.name, name);
  say(card.state, state);
  say(card.kind, kind);
  say(card.value, value);
  say(card.speed, speed && ` ${speed}`);
  card.number.hidden = value === "";
  showLines(card.lines, lines);
  card.lines.hidden = lines.length === 0;
  card.chart = chart;
  if (past) card.past = past;
}

function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Draws the points of a card: those of a sum from 0, others between their least and greatest. */
function draw(card) {
  const { past, chart } = card;
  if (!chart || past.length < 2) return;
  if (!card.svg) {
    card.svg = svg("svg", { viewBox: "0 0 240 48", preserveAspectRatio: "none", role: "img" });
    card.area = card.svg.appendChild(svg("polygon", {}));
    card.line = card.svg.appendChild(svg("polyline", {}));
    card.legend = element("p", "quiet legend");
    card.legend.append(element("span"), element("span"));
    card.node.append(card.svg, card.legend);
  }
  const most = Math.max(...past);
  const least = Math.min(...past, chart === "value" ? Infinity : 0);
  const height = most - least || 1;
  const width = Math.max(LEAST, past.length);
  const points = past.map((value, i) => {
    const x = 240 * (1 - (past.length - 1 - i) / (width - 1));
    return `${x.toFixed(1)},${(45 - 42 * (value - least) / height).toFixed(1)}`;
  });
  card.line.setAttribute("points", points.join(" "));
  const [start] = points[0].split(",");
  card.area.setAttribute("points", `${start},48 ${points.join(" ")} 240,48`);
  const what = `${chart === "value" ? "Value" : "Each second"}, last ${
    duration(past.length * 1000)
  }`;
  const range = `${whole.format(least)} to ${whole.format(most)}`;
  say(card.legend.firstChild, what);
  say(card.legend.lastChild, range);
  card.svg.setAttribute("aria-label", `${what}: ${range}`);
}

function makeGroup() {
  const node = element("section");
  const title = node.appendChild(element("h2"));
  const detail = node.appendChild(element("p", "quiet"));
  const problem = node.appendChild(element("p", "warning"));
  const list = node.appendChild(element("ul", "cards"));
  const details = node.appendChild(element("details"));
  const summary = details.appendChild(element("summary", "quiet"));
  const users = details.appendChild(element("ul", "users"));
  return { node, title, detail, problem, list, details, summary, users };
}

function showGroups(all) {
  for (const id of groups.keys()) {
    if (!all.some((group) => group.id === id)) {
      groups.get(id).node.remove();
      groups.delete(id);
    }
  }
  for (const { id, name, detail, problem = "", users } of all) {
    const group = groups.get(id) ?? makeGroup();
    groups.set(id, group);
    say(group.title, name);
    say(group.detail, detail);
    say(group.problem, problem);
    group.problem.hidden = problem === "";
    group.details.hidden = users.length === 0;
    say(group.summary, `Programs that have it open (${users.length})`);
    group.users.replaceChildren(...users.map(({ who, command, isGone, waits }) => {
      const item = element("li");
      item.append(
        element("strong", "", who),
        isGone ? " has ended without closing it" : "",
        element("div", "quiet", command),
      );
      const lines = item.appendChild(element("ul"));
      showLines(lines, waits.map(([what, since]) => [`has waited for ${what} for`, since]));
      return item;
    }));
  }
}

/** Puts elements in an order, and moves no more of them than needed. */
function arrange(parent, nodes) {
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastChild.remove();
}

function show(news) {
  byId("problem").hidden = !news.problem;
  if (news.problem) return say(byId("problem"), news.problem);
  offset = news.at - Date.now();
  say(byId("title"), news.title);
  document.title = `${news.title} – Interlock`;
  byId("title").className = news.tone;
  say(byId("summary"), news.summary);
  say(byId("shown"), news.shown);
  if (news.groups) showGroups(news.groups);
  for (const id of cards.keys()) if (!news.order.includes(id)) cards.delete(id);
  const members = new Map();
  for (const id of news.order) {
    const card = cards.get(id) ?? makeCard();
    const changed = news.cards[id];
    if (changed) card.group = changed.group;
    cards.set(id, card);
    if (changed) showCard(card, changed);
    if (!changed?.past && id in news.points) card.past.push(news.points[id]);
    while (card.past.length > POINTS) card.past.shift();
    draw(card);
    members.set(card.group, [...members.get(card.group) ?? [], card.node]);
  }
  for (const [id, group] of groups) arrange(group.list, members.get(id) ?? []);
  // The groups with the most active cards come first; without a match, none is shown.
  const hasFilter = byId("filter").value !== "";
  const active = [...members.keys()].filter((id) => groups.has(id));
  const others = hasFilter ? [] : [...groups.keys()].filter((id) => !members.has(id));
  arrange(byId("groups"), [...active, ...others].map((id) => groups.get(id).node));
  tick(document);
}

let source;
let lastNews = 0;

function setLink(text, isLost) {
  say(byId("link"), text);
  byId("link").className = isLost ? "lost" : "";
}

function connect() {
  source?.close();
  const address = new URL("events", location.href);
  address.search = location.search;
  address.searchParams.set("filter", byId("filter").value);
  source = new EventSource(address);
  source.onmessage = ({ data }) => {
    lastNews = Date.now();
    setLink("Live", false);
    show(JSON.parse(data));
  };
  source.onerror = ({ target }) => {
    setLink("Connection lost, trying again", true);
    if (target.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

setInterval(() => {
  if (lastNews !== 0 && Date.now() - lastNews > NEWS_AFTER) {
    setLink("Connection lost, trying again", true);
  } else tick(document);
}, 1000);

let typing;
byId("filter").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(connect, 250);
});
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
connect();
