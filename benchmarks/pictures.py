"""`python -m benchmarks.pictures`: what a picture costs us on its way from an engine's answer to a stored file.

A process of its own plays OpenAI's image API and answers with one 4-megapixel PNG as base64. Measured against a bare
client that only reads the same answer, in the same run: the time on top per picture, and the peak of memory that eight
at once add to a process that has drawn one, as a multiple of the pictures' encoded size. Aims: under 60 ms, under four
times.
"""

import base64
import http.server
import io
import multiprocessing
import os
import resource
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SIDE = 2048  # pixels: 4 megapixels
ROUNDS = 12
AT_ONCE = 8


def picture() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("RGB", (SIDE, SIDE), os.urandom(SIDE * SIDE * 3)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def play_upstream(content: bytes, port: Any) -> None:
    body = b'{"created":1,"data":[{"b64_json":"' + base64.b64encode(content) + b'"}]}'

    class Painter(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Painter)
    port.send(server.server_port)
    server.serve_forever()


def timed(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def resident_peak() -> int:
    """Bytes; Linux counts in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    content = picture()
    here, there = multiprocessing.get_context("fork").Pipe()
    upstream = multiprocessing.get_context("fork").Process(target=play_upstream, args=(content, there), daemon=True)
    upstream.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    with tempfile.TemporaryDirectory(prefix="webui-pictures-") as folder:
        os.environ.update(
            DATA_DIR=folder, WEBUI_DEMO="false", LOG_LEVEL="ERROR", DJANGO_SETTINGS_MODULE="webui.settings"
        )
        import django

        django.setup()
        measure(url, len(content), Path(folder))
    upstream.terminate()


def measure(url: str, size: int, folder: Path) -> None:
    import requests
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from imagegen import jobs, services
    from imagegen.models import ImageEngine, ImageJob, ImageSettings
    from providers.callers import caller_for_user

    call_command("migrate", verbosity=0)
    user = get_user_model()._default_manager.create_user("bench@example.com")  # type: ignore[attr-defined]
    caller = caller_for_user(user)
    ImageEngine.objects.create(
        name="Bench", kind="openai", url=url, model="gpt-image-2", concurrency=AT_ONCE, options={"partial_images": 0}
    )
    image_settings = ImageSettings.load()
    image_settings.enabled, image_settings.per_user = True, AT_ONCE
    image_settings.save()

    def bare() -> None:
        assert len(requests.post(f"{url}/images/generations", json={"prompt": "x"}, timeout=60).content) > size

    def ours() -> None:
        values = {"prompt": f"x {time.perf_counter()}"}
        job = services.request_images(services.JobRequest(caller=caller, values=values))[0]
        assert jobs.wait_for(job, timeout=60).state == ImageJob.State.SUCCEEDED, job.error

    ours(), bare()  # imports, connections
    pairs = [(timed(bare), timed(ours)) for _ in range(ROUNDS)]
    added = statistics.median(our - plain for plain, our in pairs) * 1000
    plain = statistics.median(one for one, _our in pairs) * 1000
    before = resident_peak()
    threads = [threading.Thread(target=ours) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    growth = (resident_peak() - before) / (AT_ONCE * size)
    jobs.shutdown()
    print(f"| a 4-megapixel picture ({size / 1e6:.1f} MB) | bare | ours | |")
    print("|---|---:|---:|---:|")
    print(f"| time, p50 | {plain:.0f} ms | {plain + added:.0f} ms | +{added:.0f} ms |")
    print(f"| memory on top, {AT_ONCE} at once, per picture |  |  | ×{growth:.2f} of its size |")


if __name__ == "__main__":
    main()
