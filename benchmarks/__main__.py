"""`python -m benchmarks [--quick] [--only …] [--server …] [--rounds N] [--json FILE]`"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks import load, table
from benchmarks.processes import ROOT, Process, cores, fast_loop, pin, unused_port

PARTS = ("throughput", "first-byte", "pipeline", "streams", "start")
PIPELINE = "/api/chat/completions"
# Every handler of the pipeline is there, and told that it is not wanted.
ALL_OFF = ',"features":{"memory":false,"web_search":false,"image_generation":false}'


class Bench:
    """One run over the servers asked for."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.cores = cores()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = {**kept, "DATA_DIR": str(folder / "data"), "WEBUI_DEMO": "false", "LOG_LEVEL": "WARNING"}
        self.runner = asyncio.Runner(loop_factory=fast_loop)
        self.upstream_url = ""
        self.key = ""

    def run(self) -> table.Measured:
        server_core, load_core = self.cores or (None, None)
        pin(load_core)
        port = unused_port()
        upstream = Process(
            ["-m", "benchmarks.upstream", str(port)], port, load_core, self.env, self.folder / "upstream"
        )
        with self.runner, _stopping(upstream):
            self.upstream_url = f"{upstream.url}/v1"
            self.key = self._prepare()
            return {server: self._measure(server, server_core) for server in self.options.server}

    def _prepare(self) -> str:
        words = [sys.executable, "-m", "benchmarks.prepare", self.upstream_url]
        done = subprocess.run(words, cwd=ROOT, env=self.env, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"The installation cannot be prepared:\n{done.stderr}")
        return done.stdout.strip().splitlines()[-1]

    def _start(self, server: str, target: str, core: int | None, *, data: Path | None = None) -> Process:
        port = unused_port()
        env = {**self.env, "GATEWAY_LANE": str(target != "view").lower()}
        if data is not None:
            env["DATA_DIR"] = str(data)
        words = ["manage.py", "serve", "--port", str(port), "--server", server]
        if target == "bare":
            words = ["-m", "benchmarks.bare", server, str(port), f"{self.upstream_url}/chat/completions"]
        return Process(words, port, core, env, self.folder / f"{server}-{target}.log")

    def _measure(self, server: str, core: int | None) -> dict[str, dict[str, float]]:
        only = self.options.only
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in table.TARGETS}
        if "start" in only:
            rounds["lane"] += self._starts(server, core)
        if set(only) != {"start"}:
            with ExitStack() as stack:
                running = {}
                for name in table.TARGETS:
                    running[name] = stack.enter_context(_stopping(self._start(server, name, core)))
                for number in range(self.options.rounds):
                    _say(f"{server}: round {number + 1} of {self.options.rounds}")
                    for name, process in running.items():
                        rounds[name].append(self._round(name, process, first=number == 0))
        return {name: table.medians(found) for name, found in rounds.items() if found}

    def _starts(self, server: str, core: int | None) -> list[dict[str, float]]:
        """Start again and again: in an installation that exists, and once or more in an empty directory."""
        found = []
        for number in range(self.options.rounds):
            _say(f"{server}: start {number + 1} of {self.options.rounds}")
            with _stopping(self._start(server, "lane", core)) as process:
                again = process.started
            empty = self.folder / f"empty-{server}-{number}"
            with _stopping(self._start(server, "lane", core, data=empty)) as process:
                found.append({"start": again, "start_fresh": process.started})
        return found

    def _round(self, name: str, process: Process, *, first: bool) -> dict[str, float]:
        path = "" if name == "bare" else "/v1/chat/completions"
        target = load.Target(process.url + (path or "/"), self.key)
        quick, only = self.options.quick, self.options.only
        found: dict[str, float] = {}
        if first:
            self.runner.run(load.throughput(target, 1, 0.2))
            found["memory_idle"] = process.memory()
        if "throughput" in only:
            for connections in (1, 32):
                before = process.processor_seconds()
                rate = self.runner.run(load.throughput(target, connections, 0.7 if quick else 1.5))
                found[f"rps_{connections}"] = rate.per_second
                found[f"cpu_{connections}"] = 1000 * (process.processor_seconds() - before) / rate.requests
        if "first-byte" in only:
            found["first_byte_ms"] = 1000 * self.runner.run(load.first_byte(target, 100 if quick else 300))
        if "pipeline" in only:
            found |= self._until_upstream(name, process, target)
        if "streams" in only and (first or name != "view"):  # the view's take long, and no aim is theirs
            before = process.processor_seconds()
            streams = self.runner.run(load.paced(target, 400, 100, 20, process.memory))
            found |= {"length_p50": streams.middle, "length_p95": streams.late, "memory_streams": streams.memory}
            found["cpu_streams"] = (process.processor_seconds() - before) / 400
        return found

    def _until_upstream(self, name: str, process: Process, target: load.Target) -> dict[str, float]:
        """What passes before the upstream is called; for the view also with the chat's pipeline in between."""
        count = 60 if self.options.quick else 200
        direct, direct_cpu = self._asked(process, target, count)
        found = {"upstream_ms": direct}
        if name == "view":
            through, through_cpu = self._asked(
                process, load.Target(process.url + PIPELINE, self.key), count, more=ALL_OFF
            )
            found |= {"pipeline_ms": through - direct, "pipeline_cpu": through_cpu - direct_cpu}
        return found

    def _asked(self, process: Process, target: load.Target, count: int, *, more: str = "") -> tuple[float, float]:
        """Milliseconds until the upstream is called, and milliseconds of processor time for the whole call."""
        before = process.processor_seconds()
        wait = self.runner.run(load.until_upstream(target, count, more=more))
        return 1000 * wait, 1000 * (process.processor_seconds() - before) / (count + count // 5)


@contextmanager
def _stopping(process: Process) -> Iterator[Process]:
    try:
        yield process
    except Exception:
        sys.stderr.write(process.log())
        raise
    finally:
        process.stop()


def _say(words: str) -> None:
    sys.stderr.write(f"{words} …\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the site costs on top of a pass-through."
    )
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts only")
    parser.add_argument("--server", nargs="+", choices=("uvicorn", "daphne"), default=["uvicorn", "daphne"])
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--strict", action="store_true", help="end with 1 when an aim is missed")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    if "uvicorn" in options.server and not find_spec("uvicorn"):
        _say("uvicorn is not installed (extra [fast]); measuring daphne only")
        options.server = ["daphne"]
    with tempfile.TemporaryDirectory(prefix="webui-bench-") as folder:
        bench = Bench(options, Path(folder))
        measured = bench.run()
    where = "server and load on a core each" if bench.cores else "server and load share their cores: only ratios count"
    print(f"{table.machine()}; {where}; median of {options.rounds}\n")
    print(table.markdown(measured))
    reached = table.aims(measured)
    if reached:
        print()
    for met, words in reached:
        print(f"- {'✓' if met else '✗'} {words}")
    if options.json:
        options.json.write_text(json.dumps({"machine": table.machine(), "measured": measured}, indent=2) + "\n")
    if options.strict and not all(met for met, _words in reached):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
