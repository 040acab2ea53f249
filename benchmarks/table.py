"""From measured numbers to the table that people read."""

import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# name of a figure → (its words, how it is written)
FIGURES = {
    "rps_1": ("requests/s, 1 connection", "{:,.0f}"),
    "rps_32": ("requests/s, 32 connections", "{:,.0f}"),
    "cpu_1": ("processor time per request, 1 connection", "{:.2f} ms"),
    "cpu_32": ("processor time per request, 32 connections", "{:.2f} ms"),
    "first_byte_ms": ("time to first byte, p50", "{:.2f} ms"),
    "upstream_ms": ("until the upstream is called, p50", "{:.2f} ms"),
    "pipeline_ms": ("on top with the chat's pipeline, all handlers off", "{:+.2f} ms"),
    "pipeline_cpu": ("the same in processor time", "{:+.2f} ms"),
    "length_p50": ("400 paced streams: length / ideal, p50", "{:.3f}"),
    "length_p95": ("400 paced streams: length / ideal, p95", "{:.3f}"),
    "cpu_streams": ("processor time per stream of 100 frames", "{:.4f} s"),
    "memory_idle": ("memory, idle", "{:.0f} MB"),
    "memory_streams": ("memory, 400 streams", "{:.0f} MB"),
    "start": ("first answer after `manage.py serve`", "{:.2f} s"),
    "start_fresh": ("the same in an empty data directory", "{:.2f} s"),
}
TARGETS = ("bare", "lane", "view")
# What the project aims at: (figure, how it is compared, limit by server, words)
AIMS: Sequence[tuple[str, str, Mapping[str, float], str]] = (
    ("rps_1", "share", {"uvicorn": 0.6, "daphne": 0.6}, "lane at 1 connection ≥ {:.0%} of bare"),
    ("rps_32", "share", {"uvicorn": 0.6, "daphne": 0.6}, "lane at 32 connections ≥ {:.0%} of bare"),
    ("first_byte_ms", "added", {"uvicorn": 0.6, "daphne": 1.2}, "lane adds < {} ms to the first byte"),
    ("pipeline_ms", "value", {"uvicorn": 3, "daphne": 3}, "the pipeline with all handlers off adds under {} ms"),
    ("pipeline_cpu", "value", {"uvicorn": 3, "daphne": 3}, "the same in processor time under {} ms"),
    ("length_p50", "value", {"uvicorn": 1.05, "daphne": 1.05}, "400 paced streams ≤ {} of their ideal length"),
    ("memory_streams", "value", {"uvicorn": 150, "daphne": 150}, "under {} MB with 400 streams"),
    ("memory_idle", "value", {"uvicorn": 130, "daphne": 130}, "under {} MB idle"),
    ("start_fresh", "value", {"uvicorn": 3, "daphne": 3}, "first answer in under {} s"),
)

Measured = dict[str, dict[str, dict[str, float]]]  # server → target → figure → number


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over the rounds."""
    names = {name for one in rounds for name in one}
    return {name: statistics.median(one[name] for one in rounds if name in one) for name in names}


def machine() -> str:
    """What was measured with what, in a line."""
    parts = [f"Python {platform.python_version()}"]
    for package in ("django", "daphne", "uvicorn", "aiohttp"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)


def markdown(measured: Measured) -> str:
    """One table per server; the lane and the view stand beside their ratio to the bare pass-through of the same run."""
    tables = []
    for server, targets in measured.items():
        lines = [f"| {server} | bare | lane | | view | |", "|---|---:|---:|---:|---:|---:|"]
        for name, (words, form) in FIGURES.items():
            if not any(name in figures for figures in targets.values()):
                continue
            bare = targets.get("bare", {}).get(name)
            cells = [_number(form, bare)]
            for target in ("lane", "view"):
                value = targets.get(target, {}).get(name)
                cells += [_number(form, value), _beside(name, value, bare)]
            lines.append(f"| {words} | {' | '.join(cells)} |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _number(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def _beside(name: str, value: float | None, bare: float | None) -> str:
    if value is None or not bare:
        return ""
    if name in ("first_byte_ms", "upstream_ms"):
        return f"{value - bare:+.2f} ms"
    if name.startswith("rps"):
        return f"{value / bare:.0%}"
    return f"×{value / bare:.2f}"


def aims(measured: Measured) -> list[tuple[bool, str]]:
    """(met, words with the number) for every aim that was measured."""
    found = []
    for server, targets in measured.items():
        for name, how, limits, words in AIMS:
            measured_at = "view" if name.startswith("pipeline") else "lane"
            lane, bare = targets.get(measured_at, {}).get(name), targets.get("bare", {}).get(name)
            limit = limits[server]
            if lane is None or (how != "value" and not bare):
                continue
            value: Any = lane if how == "value" else lane / bare if how == "share" else lane - bare  # type: ignore[operator]
            met = value >= limit if how == "share" else value <= limit
            shown = f"{value:.0%}" if how == "share" else f"{value:.2f}"
            found.append((met, f"{server}: {words.format(limit)}: {shown}"))
    return found
