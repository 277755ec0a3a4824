"""`cstr-gateway generate`, `detect`, `batch`, `summaries`, `evaluate`: the original pipeline, step by step."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.output import FormatOption, print_rows
from plant.clock import datetime_from_ticks, text_from_ticks, ticks_from_datetime, ticks_from_time
from runtime.errors import BadInput, CouldNotRun, GatewayError
from runtime.running import find_running
from runtime.settings_file import load_settings

Rows = Annotated[int, typer.Option(min=1, help="Rows of the batch.")]
Abnormal = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of abnormal rows.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same rows.")]
Method = Annotated[str, typer.Option(help="baseline: the original forest and rule.")]
Data = Annotated[Path, typer.Option(help="Data directory of the running plant, for its database.")]
Config = Annotated[Path | None, typer.Option(help="Settings file with postgres.dsn, instead of a running plant.")]

SUMMARY_COLUMNS = (
    "id", "source", "reactor", "window_start", "window_end", "n", "mean_t", "sd_t", "min_t", "max_t", "ks_p_t",
    "mean_ca0", "sd_ca0", "min_ca0", "max_ca0", "ks_p_ca0", "min_q", "max_q", "anomalies",
)  # fmt: skip
TABLE_COLUMNS = ("source", "reactor", "window_start", "n", "mean_t", "sd_t", "mean_ca0", "sd_ca0", "anomalies")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (generate, detect, batch, summaries, evaluate):
        app.command(command.__name__)(command)


def generate(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    rows: Rows = 1000,
    abnormal: Abnormal = 0.3,
    seed: Seed = 1,
) -> None:
    """Make batch data with labels: T, Ca0, Q, X, Ca, r, label, label_cause.

    Example: cstr-gateway generate --rows 1000 --abnormal 0.3 --seed 1 --out batch.csv
    """
    import numpy as np

    from detector.batch import generator
    from detector.batch.rows import write_batch

    made = generator.generate(rows, abnormal, np.random.default_rng(seed))
    write_batch(out, made)
    print(f"{out}: {rows} rows, {int(made.label.sum())} abnormal", file=sys.stderr)


def detect(
    file: Annotated[Path, typer.Argument(help="CSV file with columns T, Ca0, Q, X, Ca, r.")],
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    method: Method = "baseline",
) -> None:
    """Flag the rows of a batch: adds anomaly, score, cause; other columns are kept.

    Example: cstr-gateway detect batch.csv --out flagged.csv
    """
    from detector.batch.methods import make_method
    from detector.batch.rows import read, write_flagged

    table = read(file)
    flags = make_method(method).flag(table.columns)
    write_flagged(out, table, flags)
    print(f"{out}: {int(flags.anomaly.sum())} of {len(table.rows)} rows flagged", file=sys.stderr)


def batch(
    rows: Rows = 1000,
    abnormal: Abnormal = 0.3,
    seed: Annotated[int | None, typer.Option(min=0, help="By default the time's.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data directory; ./data without --config.")] = None,
    config: Config = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Run the original hourly job once: generate, detect, record the summary in PostgreSQL; print it.

    Example: cstr-gateway batch --rows 1000 --abnormal 0.3
    """
    from detector.batch import job
    from detector.batch.latest import write_latest
    from detector.statements import put_summary

    if data is None and config is None:
        data = Path("data")
    dsn = _dsn(data, config)
    now = datetime.now(UTC)
    result = job.run(rows, abnormal, int(now.timestamp()) if seed is None else seed, (now, now))
    _in_database(dsn, put_summary(result.summary))
    if data is not None and data.is_dir():
        write_latest(data, result)
    rows_found = _in_database(dsn, _select("WHERE source = %s AND reactor = %s AND window_start = %s",
                                           (result.summary.source, result.summary.reactor, now)))  # fmt: skip
    print_rows(_named(rows_found), SUMMARY_COLUMNS, format, TABLE_COLUMNS)


def summaries(
    since: Annotated[str, typer.Option(help="ISO 8601 or relative to now, e.g. -24h.")] = "-24h",
    plot: Annotated[Path | None, typer.Option(help="Picture of the latest batch's distributions.")] = None,
    data: Data = Path("data"),
    config: Config = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print the summaries of batches and of the running plant, newest last.

    Example: cstr-gateway summaries --since -24h --plot distributions.png
    """
    try:
        start = datetime_from_ticks(ticks_from_time(since, ticks_from_datetime(datetime.now(UTC))))
    except ValueError as error:
        raise BadInput(f"--since: {error}") from None
    if plot is not None:
        from detector.batch.latest import read_latest
        from gateway.distributions import draw

        draw(read_latest(data), plot)
        print(f"{plot}: distributions of the latest batch", file=sys.stderr)
    found = _in_database(_dsn(data, config), _select("WHERE window_end >= %s ORDER BY window_start, id", (start,)))
    if not found:
        message = f"no summaries since {start:%Y-%m-%d %H:%M:%S} UTC"
        raise GatewayError(message)
    print_rows(_named(found), SUMMARY_COLUMNS, format, TABLE_COLUMNS)


def evaluate(
    method: Method = "baseline",
    seeds: Annotated[int, typer.Option(min=2, help="Batches, each with training rows of its own.")] = 20,
    rows: Rows = 1000,
    abnormal: Abnormal = 0.3,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Score a method on labelled batches: F1, false positives, recall, cause named.

    Example: cstr-gateway evaluate --method baseline --seeds 20
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from detector.batch import evaluation

    figures = list(
        track(
            evaluation.evaluate(method, rows, abnormal, seeds),
            description=f"{method}, {seeds} seeds",
            total=seeds,
            console=Console(stderr=True),
            transient=True,
        )
    )
    table = []
    for name in ("f1", "false_positive_rate", "t_recall", "other_recall", "named"):
        values = np.array([getattr(each, name) for each in figures])
        table.append(
            {"method": method, "figure": name, "mean": float(values.mean()), "sd": float(values.std(ddof=1)),
             "seeds": seeds, "rows": rows}
        )  # fmt: skip
    print_rows(table, ("method", "figure", "mean", "sd", "seeds", "rows"), format)


def _dsn(data: Path | None, config: Path | None) -> str:
    if config is not None:
        dsn = load_settings(config).postgres.dsn
        if dsn is None:
            message = f"{config}: postgres.dsn: is not set; allowed is postgresql://user:password@host:port/database"
            raise BadInput(message)
        return dsn.get_secret_value()
    return find_running(data or Path("data")).postgres


def _select(condition: str, values: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    return f"SELECT {', '.join(SUMMARY_COLUMNS)} FROM cstr.summary {condition}", values  # noqa: S608 - our own words


def _in_database(dsn: str, statement: tuple[str, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    import contextlib

    import psycopg2

    from detector.database import connect, execute

    try:
        with contextlib.closing(connect(dsn)) as connection:
            return execute(connection, statement)
    except psycopg2.Error as error:
        message = f"PostgreSQL: {str(error).strip().splitlines()[0]}"
        raise CouldNotRun(message) from None


def _named(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    named = [dict(zip(SUMMARY_COLUMNS, row, strict=True)) for row in rows]
    for row in named:
        for name in ("window_start", "window_end"):
            row[name] = text_from_ticks(ticks_from_datetime(row[name]))
    return named
