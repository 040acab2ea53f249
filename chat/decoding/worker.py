"""The program of a worker: `python -m chat.decoding.worker SECONDS BYTES`. Frames in on stdin, out on stdout.

It ends when its stdin does, so no worker outlives the process that started it. It has no secrets: its environment
holds nothing but the path of its modules.
"""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from chat.decoding import frames
from chat.decoding.refusals import FAULT, NO_MEMORY, TOO_LARGE, NotDecoded, OutOfTime

NICE = 5  # calls and pages come first
DESCRIPTORS = 64
SOFT_SHARE = 0.7  # of the budget, after which a task that can is content with what it has
# The modules load with the first task that needs them: one of the two libraries is enough for most workers.
TASKS = {
    "measure": "pictures",
    "thumbnail": "pictures",
    "for_model": "pictures",
    "accept": "pictures",
    "convert": "pictures",
    "pixels": "pictures",
    "mask": "pictures",
    "mask_white": "pictures",
    "mask_white_and_clear": "pictures",
    "recipe": "recipes",
    "pdf": "documents",
    "text": "documents",
    "html": "markup",
    **dict.fromkeys(("docx", "xlsx", "pptx", "eml", "msg"), "office"),
}


def main() -> None:
    seconds, memory = float(sys.argv[1]), int(sys.argv[2])
    requests, answers = _pipes()
    _restrict(memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _out_of_time)
    try:
        while _serve(requests, answers, seconds):
            pass
    except MemoryError:
        sys.exit(NO_MEMORY)


def _serve(requests: BinaryIO, answers: BinaryIO, seconds: float) -> bool:
    """Do the next task; false where it was the last."""
    try:
        request, contents = frames.read(requests)
    except frames.Broken:
        return False
    answer, content = _done(request, contents, seconds)
    frames.write(answers, answer, content)
    return answer.get("error") not in (TOO_LARGE, FAULT)  # an interrupted library may be in a broken state


def _done(request: dict[str, Any], contents: list[bytes], seconds: float) -> tuple[dict[str, Any], bytes]:
    _allow(seconds)
    try:
        values, content = _task(request["task"])(*contents, **request["options"])
        if len(content) > request["most"]:
            return {"error": TOO_LARGE}, b""
        return {"values": values}, content
    except NotDecoded as refused:
        return {"error": refused.code}, b""
    except (MemoryError, OutOfTime):
        return {"error": TOO_LARGE}, b""
    except Exception:  # a fault of a decoder ends its task, not the worker
        return {"error": FAULT, "trace": traceback.format_exc(limit=-6)[-4000:]}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _task(name: str) -> Callable[..., tuple[dict[str, Any], bytes]]:
    from importlib import import_module

    task: Callable[..., tuple[dict[str, Any], bytes]]
    task = getattr(import_module(f"chat.decoding.{TASKS[name]}"), name)
    return task


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Requests and answers; what a library prints to stdout goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, answers


def _restrict(memory: int) -> None:
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # when memory runs out, the kernel kills this process first
    os.nice(NICE)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_AS, memory),
    ):
        with suppress(OSError, ValueError):  # not every system has every limit
            resource.setrlimit(limit, (most, most))


def _allow(seconds: float) -> None:
    """The task's budget of processor time. SIGPROF comes at its soft part; SIGXCPU, at its end, kills the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds * SOFT_SHARE)


def _out_of_time(_number: int, _frame: object) -> None:
    raise OutOfTime


if __name__ == "__main__":
    main()
