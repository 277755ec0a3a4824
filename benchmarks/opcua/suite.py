"""The works, each for every server that is asked for, with a fresh process for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from benchmarks.opcua import report
from benchmarks.opcua.measure import LATE_MS, Result
from benchmarks.opcua.progress import say
from benchmarks.opcua.report import Report, short, shown
from benchmarks.opcua.servers.peers import NodeOpcua, Peer, StockAsyncua
from benchmarks.opcua.servers.process import Server
from benchmarks.opcua.servers.product import Product
from benchmarks.opcua.works import calls, link, memory, start, streams
from benchmarks.opcua.works.streams import Options

SERVERS: dict[str, type[Peer] | type[Product]] = {each.name: each for each in (StockAsyncua, NodeOpcua, Product)}
START_LIMIT_S = 180.0
ITEMS = 100_000
MORE = 1.03
"""Tags of the product's fan-out: rounding repeats 1 % of the values, and as many changes a second are asked for."""
REACTORS = (1, 100, 1_000)
Work = Callable[[str, Options, Report], None]


def fan_out(name: str, options: Options, found: Report) -> None:
    """The product feeds all tags to more and more subscribers; the others more tags to one, then few tags to more."""
    kinds = [(report.VALUES, True, False)]
    if name == "product":
        kinds += [(report.ENCRYPTED, True, True), (report.DOUBLES, False, False)]
    for title, mixed, secure in kinds:
        tags = round(options.tags * MORE) if name == "product" else options.tags
        with _ready(SERVERS[name](tags)) as server:
            if name == "product":
                every = Options(options.seconds, tags)
                results = streams.by_subscribers(server, every, mixed=mixed, secure=secure)
            else:
                results = streams.by_tags(server, options)
                few = Options(options.seconds, min(options.tags, streams.FEW_TAGS))
                results += streams.by_subscribers(server, few, mixed=mixed, secure=secure)
        found.add("Fan-out", [each.row() for each in results], server=name, case=_case(mixed, secure))
        most = streams.best(results, lambda each: each.delivered_per_s)
        found.note(title, name, _values(most) if most is not None else "none")


def cpu(name: str, options: Options, found: Report) -> None:
    """One subscriber of all tags."""
    for title, mixed in ((report.CPU, True), (report.CPU_DOUBLES, False)):
        with _ready(SERVERS[name](options.tags)) as server:
            result = streams.one_subscriber(server, options.tags, options.seconds, mixed=mixed)
        found.add("CPU time", [result.row()], server=name, case=_case(mixed, False))
        delivered = "" if result.sustained else f" ({short(result.delivered_per_s)}/s delivered)"
        found.note(title, name, f"{shown(result.cpu_ms_per_1000)}{delivered}, p99 {shown(result.p99_ms)} ms")


def sessions(name: str, options: Options, found: Report) -> None:
    """Sessions of 200 tags, at 1 s."""
    with _ready(SERVERS[name](streams.SESSION_POOL, 1.0)) as server:
        results = streams.sessions(server, options)
    found.add("Sessions", [each.row() for each in results], server=name)
    most, later = (
        best.subscribers if (best := streams.best(results, lambda each: each.subscribers, limit)) is not None else 0
        for limit in (LATE_MS, streams.TIMER_LATE_MS)
    )
    found.note(report.SESSIONS, name, f"{most:,}" + (f" ({later:,} with p99 < 2 s)" if later > most else ""))


def client(name: str, options: Options, found: Report) -> None:
    """The link and asyncua's client, both from our server: it offers the most."""
    if name == "node-opcua":
        return
    kind = "link" if name == "product" else "asyncua"
    with _ready(Product(options.tags)) as server:
        results = link.by_client(server, kind, options.tags, options.seconds)
    found.add("Client", [each.row() for each in results])
    most = max((each for each in results if each.sustained), key=lambda each: each.values_per_s, default=None)
    fastest = max(each.values_per_cpu_s for each in results)
    text = f"{short(most.values_per_s)}" if most is not None else "none sustained"
    found.note(report.CLIENT, name, f"{text} ({short(fastest)} a CPU second)")


def begin(name: str, options: Options, found: Report) -> None:
    """The start of a server of all tags: for asyncua in one folder too."""
    folders: dict[str, Server] = {"in folders": SERVERS[name](options.tags)}
    if name == "asyncua":
        folders = {"flat": StockAsyncua(options.tags, folder=options.tags), **folders}
    texts = []
    for layout, server in folders.items():
        measured = start.start(server, START_LIMIT_S)
        say(f"{name}, {layout}: {measured.text}, {measured.rss_mb:,.0f} MB")
        found.add("Start", [asdict(measured)], server=name, layout=layout)
        texts.append(f"{measured.text} {layout}" if len(folders) > 1 else measured.text)
    found.note(report.START, name, ", ".join(texts))


def exchange(name: str, options: Options, found: Report) -> None:
    """Read and Write, one after the other."""
    with _ready(SERVERS[name](options.tags)) as server:
        measured = calls.calls(server, options.seconds)
    say(f"{name}: {measured.read_per_s:,.0f} reads/s, {measured.write_per_s:,.0f} writes/s")
    found.add("Calls", [asdict(measured)], server=name)
    found.note(report.READ, name, f"{measured.read_per_s:,.0f}")
    found.note(report.WRITE, name, f"{measured.write_per_s:,.0f}")


def items(name: str, options: Options, found: Report) -> None:
    """Memory for each monitored item."""
    with _ready(SERVERS[name](options.tags)) as server:
        measured = memory.per_item(server, options.tags, max(ITEMS * options.tags // 10_000, options.tags))
    found.add("Memory of monitored items", [asdict(measured)], server=name)
    found.note(report.ITEM, name, f"{measured.full_bytes:,.0f} B (new {measured.new_bytes:,.0f} B)")


def reactors(name: str, options: Options, found: Report) -> None:
    """Start and memory of our server by its number of reactors."""
    del options
    if name != "product":
        return
    for count in REACTORS:
        measured = start.start(Product(reactors=count), START_LIMIT_S)
        say(f"{count:,} reactors: {measured.text}, {measured.rss_mb:,.0f} MB")
        found.add("Reactors", [asdict(measured)], reactors=count)
    found.note(report.REACTORS, name, f"{measured.text}, {measured.rss_mb / 1000:.2f} GB")


WORKS: dict[str, Work] = {
    "fan-out": fan_out,
    "cpu": cpu,
    "sessions": sessions,
    "client": client,
    "start": begin,
    "calls": exchange,
    "memory": items,
    "reactors": reactors,
}


class _ready:  # noqa: N801 - used like a function
    """A server that serves, within `with`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> Server:
        self._server.__enter__()
        try:
            took = self._server.wait(START_LIMIT_S)
        except BaseException:
            self._server.__exit__()
            raise
        say(f"{self._server.name}: serves after {took:.1f} s")
        return self._server

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)


def _case(mixed: bool, secure: bool) -> str:
    return ("1 % mixed" if mixed else "all doubles") + (", encrypted" if secure else "")


def _values(result: Result) -> str:
    return f"{short(result.delivered_per_s)} ({short(result.distinct_per_s)} changes/s), p99 {shown(result.p99_ms)} ms"
