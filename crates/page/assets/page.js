// @ts-check
// What pages do with JavaScript. Everything works without it; all texts are in the templates.

const main = () => /** @type {HTMLElement} */ (document.querySelector("main"));
const root = new URL(document.body.dataset.root ?? "./", location.href);

/** @param {string} id @returns {HTMLElement | null} */
const byId = (id) => document.getElementById(id);

/** The text with this key, from the template of texts. @param {string} key */
function text(key) {
  const texts = /** @type {HTMLTemplateElement} */ (byId("texts"));
  return texts.content.querySelector(`[data-text="${key}"]`)?.textContent ?? "";
}

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- What screen readers are told: only changes, at most every five seconds.

let saidAt = 0;
let waiting = 0;
/** @param {string} words */
function say(words) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    saidAt = Date.now();
    const status = byId("status");
    if (status) status.textContent = words;
  }, Math.max(0, saidAt + 5000 - Date.now()));
}

// ---- Times of the reader's clock.

/** @param {ParentNode} within */
function localTimes(within) {
  for (const time of within.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.title = time.textContent ?? "";
    time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
  const expires = Date.parse(main().dataset.expires ?? "");
  if (expires - Date.now() < 3_600_000) main().querySelector("[data-kept]")?.classList.add("soon");
}

/** Counts down what can be tried again, and then allows it. @param {ParentNode} within */
function countDown(within) {
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("[data-retry]"))) {
    const until = Date.now() + Number(place.dataset.retry) * 1000;
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#form button"));
    for (const button of buttons) button.disabled = true;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      place.textContent = left > 0 ? `${text("retry")} ${left} s.` : text("retry-now");
      if (left > 0) return setTimeout(tick, 1000);
      for (const button of buttons) button.disabled = false;
    };
    tick();
  }
}

// ---- Copying. Pages over plain http have no clipboard, so there the text is shown, selected.

/** @param {HTMLElement} button @param {string} words */
async function copy(button, words) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(words);
    button.textContent = text("copied");
    say(text("copied"));
    setTimeout(() => (button.textContent = label), 2000);
  } catch {
    const next = button.nextElementSibling;
    const field = next instanceof HTMLTextAreaElement ? next : document.createElement("textarea");
    field.readOnly = true;
    field.value = words;
    field.rows = 2;
    field.setAttribute("aria-label", text("copy-by-hand"));
    button.after(field);
    field.select();
  }
}

/** @param {ParentNode} within */
function copyButtons(within) {
  /** @param {HTMLElement} place @param {() => string | Promise<string>} words @param {string} label */
  const add = (place, words, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text("copy");
    button.setAttribute("aria-label", label);
    button.addEventListener("click", async () => copy(button, await words()));
    place.after(" ", button);
  };
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (within.querySelectorAll("a[data-copy]"))) {
    add(link, async () => (await fetch(link.href)).text(), `${text("copy")} ${link.dataset.copy}`);
  }
  for (const words of /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("[data-copy-text]"))) {
    add(words, () => words.textContent?.trim() ?? "", `${text("copy")} ${words.dataset.copyText}`);
  }
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (within.querySelectorAll("a[data-copy-link]"))) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "main copy-link";
    button.textContent = text("copy-link");
    button.addEventListener("click", () => copy(button, link.href));
    link.replaceWith(button);
  }
}

// ---- The jobs of this browser: id, name, length, state and expiry; never a sequence.

/** @typedef {{kind: string, id: string, name: string, length: number, state: string, expires: string}} Known */

const KEY = `pssp ${root.pathname}`;
const DRAFT = `${KEY} draft`;
const MOST = 200;

/** @returns {Known[]} */
function known() {
  try {
    const list = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((job) => !(Date.parse(job.expires) < Date.now())) : [];
  } catch {
    return [];
  }
}

/** @param {Known[]} list */
function keep(list) {
  try {
    localStorage.setItem(KEY, JSON.stringify(list.slice(0, MOST)));
  } catch {
    // The browser keeps nothing; the pages work without.
  }
}

/** Whether the form of this tab was sent. @param {boolean} [now] */
function wasSent(now) {
  try {
    if (now) sessionStorage.setItem(`${KEY} sent`, "yes");
    return sessionStorage.getItem(`${KEY} sent`) === "yes";
  } catch {
    return false; // The browser keeps nothing.
  }
}

/** Keeps what this page shows, if it was sent from here: the link of somebody else is not a job of this browser. */
function remember() {
  const { page = "", id = "", state = "", name = "", length, total, expires = "" } = main().dataset;
  if (!["job", "result", "batch"].includes(page)) return;
  const list = known();
  const at = list.findIndex((job) => job.id === id);
  // The address alone does not say so: somebody else may have written it.
  const isSent = new URL(location.href).searchParams.has("sent") && wasSent();
  if (at < 0 && !isSent) return;
  const kind = page === "batch" ? "batches" : "results";
  const job = { kind, id, name: name || `${text("batch")} ${total}`, length: Number(length ?? total), state, expires };
  if (at >= 0) list[at] = job;
  else list.unshift(job);
  keep(list);
  if (isSent) {
    draft("");
    const plain = new URL(location.href);
    plain.searchParams.delete("sent");
    history.replaceState(null, "", plain);
  }
}

/** @param {Known} job */
async function refreshed(job) {
  if (job.state !== "submitted" && job.state !== "running") return job;
  const path = job.kind === "batches" ? "v1/batches/" : "v1/jobs/";
  const answer = await fetch(new URL(path + job.id, root));
  if (answer.status === 404 || answer.status === 410) return { ...job, state: "gone" };
  if (!answer.ok) return job;
  const now = await answer.json();
  return { ...job, state: now.status, expires: now.expires_at ?? job.expires };
}

async function showHistory() {
  const section = byId("recent");
  const list = section?.querySelector("ul");
  if (!section || !list) return;
  const isHome = main().dataset.page === "home";
  const jobs = known();
  section.hidden = jobs.length === 0;
  const none = byId("no-jobs");
  if (none) none.hidden = jobs.length > 0;
  /** @param {Known[]} jobs */
  const draw = (jobs) => {
    list.replaceChildren(
      ...jobs.slice(0, isHome ? 5 : MOST).map((job) => {
        const [item, link, state, forget] = [
          document.createElement("li"),
          document.createElement("a"),
          document.createElement("span"),
          document.createElement("button"),
        ];
        link.textContent = job.name;
        link.href = new URL(`${job.kind}/${job.id}`, root).href;
        state.textContent = `${job.length} ${text(job.kind === "batches" ? "records" : "residues")} · ${text(`state-${job.state}`)}`;
        forget.textContent = text("forget");
        forget.setAttribute("aria-label", `${text("forget")} ${job.name}`);
        forget.addEventListener("click", () => {
          keep(known().filter((other) => other.id !== job.id));
          showHistory();
        });
        item.append(link, state, forget);
        return item;
      }),
    );
  };
  draw(jobs);
  const all = byId("forget-all");
  if (all) {
    all.onclick = () => {
      keep([]);
      showHistory();
    };
  }
  const news = await Promise.all(jobs.slice(0, 20).map((job) => refreshed(job).catch(() => job)));
  const later = known();
  keep(later.map((job) => news.find((other) => other.id === job.id) ?? job));
  draw(known());
}

// ---- The form.

/** The text of the form that was not sent yet, for the time of this tab. Keeps `words`, if there are any given. @param {string} [words] */
function draft(words) {
  try {
    // A part of a text would be another text.
    if (words !== undefined) sessionStorage.setItem(DRAFT, words.length > 1_000_000 ? "" : words);
    return sessionStorage.getItem(DRAFT) ?? "";
  } catch {
    return ""; // The browser keeps nothing.
  }
}

function form() {
  const form = /** @type {HTMLFormElement | null} */ (byId("form"));
  const area = /** @type {HTMLTextAreaElement | null} */ (byId("seq"));
  const count = byId("seq-count");
  if (!form || !area || !count) return;
  if (!area.value) area.value = draft();
  let asked = 0;
  let pause = 0;
  const look = () => {
    const records = (area.value.match(/^>/gm) ?? []).length;
    const letters = area.value.replace(/^>.*$/gm, "").replace(/[^A-Za-z]/g, "").length;
    count.textContent = letters ? `${letters} ${text("letters")}${records > 1 ? `, ${records} ${text("records")}` : ""}` : "";
    clearTimeout(pause);
    if (letters && area.value.length < 1_000_000) pause = setTimeout(check, 600);
  };
  const force = /** @type {HTMLInputElement | null} */ (form.querySelector("[name=force]"));
  /** @param {string} route */
  const ask = (route) =>
    fetch(new URL(route + (force?.checked ? "?force=true" : ""), root), { method: "POST", headers: { "Content-Type": "text/plain" }, body: area.value }).catch(() => null);
  /** @typedef {{record?: number, line?: number, column?: number, detail: string, hint: string}} Fault */
  /** @param {Fault[]} faults */
  const told = (faults) =>
    faults.slice(0, 3).map((fault) => `${fault.line ? `${text("line")} ${fault.line}: ` : ""}${fault.detail}; ${fault.hint}`).join(". ");
  const check = async () => {
    const turn = ++asked;
    const isMany = /^>[^]*^>/m.test(area.value);
    const answer = await ask(isMany ? "v1/batches/validate" : "v1/validate");
    if (!answer || turn !== asked || ![200, 422].includes(answer.status)) return;
    const body = await answer.json();
    let words = "";
    if (!answer.ok) {
      words = told(body.errors);
    } else if (isMany) {
      words = `${body.accepted} ${text("of")} ${body.total} ${text("records")} ${text("taken")}, ${body.residues} ${text("residues")}.`;
      if (!body.valid) words += ` ${told(body.rejected.flatMap((/** @type {{errors: Fault[]}} */ record) => record.errors))}.`;
    } else {
      const changes = [...body.edits, ...body.warnings].map((/** @type {{message: string}} */ change) => change.message);
      words = `${body.length} ${text("residues")}. ${changes.length ? `${text("edits")} ${changes.join("; ")}` : text("good")}`;
    }
    count.textContent = words;
    area.setAttribute("aria-invalid", String(!answer.ok));
    say(words);
  };
  area.addEventListener("input", () => {
    asked++;
    look();
    draft(area.value);
  });
  force?.addEventListener("change", look);
  look();
  let sent = 0;
  form.addEventListener("submit", (event) => {
    // A second click within two seconds is the same wish.
    if (Date.now() - sent < 2000) return event.preventDefault();
    sent = Date.now();
    wasSent(true);
  });
  for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-line]"))) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const lines = area.value.split("\n");
      const line = Number(link.dataset.line) - 1;
      const at = lines.slice(0, line).join("\n").length + (line > 0 ? 1 : 0) + Number(link.dataset.column) - 1;
      area.focus();
      area.setSelectionRange(at, at + 1);
    });
  }
  byId("problem")?.focus();
}

// ---- Live pages: one renderer, which is the server. On a change the page is read again.

/** Where the reader is in the content: the focus, and how far tables are scrolled. Returns what goes back there. */
function place() {
  const focused = document.activeElement;
  const all = () => [...main().querySelectorAll("a, button, input, summary, [tabindex]")];
  const name = (/** @type {Element} */ element) => `${element.tagName} ${element.getAttribute("href") ?? element.textContent}`;
  const known = focused && main().contains(focused) ? name(focused) : "";
  const scrolled = [...main().querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  return () => {
    main().querySelectorAll(".scroll").forEach((box, k) => (box.scrollLeft = scrolled[k] ?? 0));
    const same = known ? all().find((element) => name(element) === known) : null;
    if (same instanceof HTMLElement) same.focus({ preventScroll: true });
  };
}

async function swap() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  // Of other errors the page waits for better times, as it is.
  if (!answer.ok && ![401, 404, 410].includes(answer.status)) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("main");
  if (!fresh) return;
  document.title = page.title;
  const back = place();
  main().replaceWith(document.adoptNode(fresh));
  begin();
  back();
  say(main().querySelector(".facts .state")?.textContent ?? "");
}

const isOver = () => !["submitted", "running"].includes(main().dataset.state ?? "");

/** @param {{status: string, attempts: number}} job */
const isNews = (job) => job.status !== main().dataset.state || String(job.attempts) !== main().dataset.attempt;

/** @param {boolean} is */
function offline(is) {
  const banner = byId("offline");
  if (banner) banner.hidden = !is;
}

function watchJob() {
  const url = new URL(`v1/jobs/${main().dataset.id}`, root);
  const events = new EventSource(`${url}/events`);
  let broken = 0;
  const isHere = () => {
    clearTimeout(broken);
    broken = 0;
    offline(false);
  };
  events.addEventListener("open", isHere);
  events.addEventListener("status", async (event) => {
    isHere();
    if (isNews(JSON.parse(event.data))) await swap().catch(() => offline(true));
    if (!isOver()) return;
    events.close();
    isHere();
  });
  events.addEventListener("deleted", () => {
    events.close();
    location.reload();
  });
  events.addEventListener("error", () => {
    if (isOver()) return;
    // A stream ends after a while, and the browser connects again. Only what lasts is told.
    if (events.readyState === EventSource.CONNECTING) {
      broken ||= setTimeout(() => offline(events.readyState !== EventSource.OPEN), 3000);
      return;
    }
    // The stream was refused: ask again and again.
    isHere();
    pollJob(url);
  });
}

/** @param {URL} url */
async function pollJob(url) {
  for (let failures = 0; !isOver(); ) {
    const start = Date.now();
    try {
      const answer = await fetch(url, { headers: { Prefer: "wait=20" } });
      if ([401, 404, 410].includes(answer.status)) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      failures = 0;
      if (isNews(await answer.json())) await swap();
      offline(false);
    } catch {
      failures++;
      offline(!navigator.onLine || failures > 1);
    }
    await sleep(Math.max(0, Math.min(30_000, 1000 * 2 ** failures) - (Date.now() - start)));
  }
}

async function watchBatch() {
  const url = new URL(`v1/batches/${main().dataset.id}?limit=1`, root);
  for (let pause = 1000; main().dataset.page === "batch" && isOver() === false; ) {
    await sleep(pause);
    try {
      const answer = await fetch(url);
      if ([401, 404, 410].includes(answer.status)) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const { counts } = await answer.json();
      const isSame = String(counts.finished) === main().dataset.finished && String(counts.submitted + counts.running) === main().dataset.open;
      pause = isSame ? Math.min(10_000, pause * 1.5) : 1000;
      if (!isSame) await swap();
      offline(false);
    } catch {
      offline(true);
      pause = Math.min(30_000, pause * 2);
    }
  }
}

// ---- The readout of one residue, by slider, keyboard and pointer.

function readout() {
  const tracks = byId("tracks");
  const slider = /** @type {HTMLInputElement | null} */ (byId("slider"));
  const box = byId("readout");
  const words = /** @type {HTMLTemplateElement | null} */ (byId("words"));
  if (!tracks || !slider || !box || !words) return;
  const data = tracks.dataset;
  const first = Number(data.first);
  const count = data.sequence?.length ?? 0;
  /** @param {string} key */
  const entry = (key) => /** @type {HTMLElement | null} */ (words.content.querySelector(`[data-word="${key}"]`));
  /** @param {string} key */
  const word = (key) => entry(key)?.textContent ?? key;
  /** @param {string} field @param {number} k */
  const letter = (field, k) => data[field]?.[k] ?? "";
  /** @param {string} field @param {number} k */
  const percent = (field, k) => Number(data[field]?.slice(2 * k, 2 * k + 2));
  // Which membrane segment of the shown part a residue is in, and its ends.
  const segment = (/** @type {number} */ k) => {
    const tm = data.tm ?? "";
    const is = (/** @type {number} */ i) => "HE".includes(tm[i] ?? "?");
    if (!is(k)) return "";
    let [from, to, number] = [k, k, 0];
    while (is(from - 1)) from--;
    while (is(to + 1)) to++;
    for (let i = 0; i <= k; i++) if (is(i) && !is(i - 1)) number++;
    return ` ${number}, ${first + from}–${first + to}`;
  };
  const cursor = document.createElement("div");
  cursor.className = "cursor";
  tracks.append(cursor);
  /** @param {string} id @param {string} value */
  const put = (id, value) => {
    const place = byId(id);
    if (place) place.textContent = value;
    return value;
  };
  const show = () => {
    const at = Number(slider.value);
    const k = at - first;
    const aa = letter("sequence", k);
    put("r-letter", aa);
    put("r-name", `${entry(`aa-${aa}`)?.dataset.short ?? aa} ${at}`);
    put("r-of", `${text("of")} ${main().dataset.length}`);
    const parts = [
      put("r-ss3", `${word(`ss3-${letter("ss3", k)}`)} ${percent("ss3p", k)} %`),
      put("r-ss8", word(`ss8-${letter("ss8", k)}`)),
      put("r-acc", `${word(`acc-${letter("acc", k)}`)} ${percent("rsa", k)} %`),
      put("r-dis", `${word(letter("dis", k) === "*" ? "dis-yes" : "dis-no")} ${percent("disp", k)} %`),
      put("r-tm", word(`tm-${letter("tm", k)}`) + segment(k)),
    ];
    slider.setAttribute("aria-valuetext", `${text("residue")} ${at}, ${word(`aa-${aa}`)}, ${parts[0]}, ${parts[2]}, ${text("disorder")} ${parts[3]}, ${text("membrane")} ${parts[4]}`);
    const piece = /** @type {SVGSVGElement | null} */ (tracks.querySelector(`.piece[data-first="${first + Math.floor(k / 20) * 20}"]`));
    if (!piece) return;
    const [outer, inner] = [tracks.getBoundingClientRect(), piece.getBoundingClientRect()];
    const width = inner.width / 20;
    Object.assign(cursor.style, {
      left: `${inner.left - outer.left + tracks.scrollLeft + (k % 20) * width}px`,
      top: `${inner.top - outer.top}px`,
      width: `${width}px`,
      height: `${inner.height}px`,
    });
  };
  /** @param {number} at */
  const go = (at) => {
    slider.value = String(at);
    show();
  };
  slider.addEventListener("input", show);
  slider.addEventListener("keydown", (event) => {
    const step = { PageUp: 10, PageDown: -10 }[event.key];
    if (!step) return;
    event.preventDefault();
    go(Number(slider.value) + step);
  });
  /** @param {PointerEvent | MouseEvent} event */
  const point = (event) => {
    const piece = /** @type {Element} */ (event.target).closest(".piece");
    if (!piece) return;
    const box = piece.getBoundingClientRect();
    const k = Math.floor(((event.clientX - box.left) / box.width) * 20);
    go(Math.min(Number(piece.getAttribute("data-first")) + k, first + count - 1));
  };
  tracks.addEventListener("pointermove", (event) => event.pointerType === "mouse" && point(event));
  tracks.addEventListener("click", (event) => {
    point(event);
    history.replaceState(null, "", `#r${slider.value}`);
  });
  const fromHash = () => {
    const at = Number(/^#r(\d+)$/.exec(location.hash)?.[1]);
    if (!at || at < first || at >= first + count) return;
    go(at);
    cursor.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", fromHash);
  new ResizeObserver(show).observe(tracks);
  box.classList.remove("pending");
  tools(tracks, show);
  show();
  fromHash();
}

/** @param {HTMLElement} tracks @param {() => void} show */
function tools(tracks, show) {
  const bar = byId("tools");
  if (!bar) return;
  bar.classList.remove("pending");
  const flows = /** @type {NodeListOf<HTMLElement>} */ (bar.querySelectorAll("[data-flow]"));
  for (const button of flows) {
    button.addEventListener("click", () => {
      for (const other of flows) other.setAttribute("aria-pressed", String(other === button));
      const isLine = tracks.classList.toggle("line", button.dataset.flow === "line");
      // What scrolls sideways is reached by the keyboard.
      if (isLine) tracks.tabIndex = 0;
      else tracks.removeAttribute("tabindex");
      show();
    });
  }
  const sizes = ["smaller", "", "larger"];
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (bar.querySelectorAll("[data-zoom]"))) {
    button.addEventListener("click", () => {
      const now = sizes.findIndex((size) => size && tracks.classList.contains(size));
      const next = Math.max(0, Math.min(2, (now < 0 ? 1 : now) + Number(button.dataset.zoom)));
      tracks.classList.remove("smaller", "larger");
      if (sizes[next]) tracks.classList.add(sizes[next]);
      show();
    });
  }
}

// ---- Begin.

/** What a new content of the page needs. */
function begin() {
  localTimes(main());
  countDown(main());
  copyButtons(main());
  remember();
  if (main().dataset.page === "result") readout();
}

for (const place of document.querySelectorAll("[data-base]")) place.textContent = root.href;
for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-link]"))) {
  const link = place.querySelector("a");
  if (link) place.dataset.link = link.textContent = link.href;
}
const notice = document.querySelector("aside.notice");
if (notice) localTimes(notice);
begin();
const { page } = main().dataset;
if (page === "home") form();
if (page === "home" || page === "history") showHistory();
if (page === "job" && !isOver()) watchJob();
if (page === "batch" && !isOver()) watchBatch();
addEventListener("offline", () => offline(true));
addEventListener("online", () => offline(false));
