"""`python -m tests.upstream --port 9999`: starts the scripted server by hand; it echoes prompts."""

import argparse
import threading

from tests.upstream import Upstream
from tests.upstream.openai import chat, echo


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9999)
    parser.add_argument("--models", default="m1,m2", help="comma-separated model ids")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds between the pieces of a streamed answer")
    parser.add_argument("--key", default="", help="answer 401 to every other key")
    options = parser.parse_args()
    upstream = Upstream(host=options.host, port=options.port)
    upstream.openai.models = options.models.split(",")
    upstream.key = options.key
    upstream.always(
        lambda received: chat(echo((received.json or {}).get("messages", [])), delay=options.delay)(received),  # type: ignore[operator]
        path="/chat/completions",
    )
    with upstream:
        print(f"{upstream.url} speaks the OpenAI protocol; models: {options.models}. Ctrl-C ends it.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
