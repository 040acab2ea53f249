"""`manage.py serve`: prepare the database, then serve in this process."""

import socket
from argparse import ArgumentParser
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webui import serving
from webui.env import env
from webui.layers import static
from webui.serving import descriptors
from webui.serving.listening_socket import listen


class Command(BaseCommand):
    help = "Bring the database up to date and serve the site."
    requires_system_checks = ()  # `manage.py check` and the dashboard run them; a start should be quick

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0: every address)")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--server", choices=list(serving.SERVERS), default="daphne")
        parser.add_argument("--workers", type=int, default=1, help="processes that share the port; needs REDIS_URL")

    def handle(self, *, host: str, port: int, server: str, workers: int, **options: Any) -> None:
        if workers < 1:
            raise CommandError("--workers must be 1 or more.")
        if workers > 1 and not settings.REDIS_URL:
            raise CommandError("--workers above 1 needs REDIS_URL: the processes talk to each other through Redis.")
        try:
            serving.check(server)
            self._serve(listen(host, port), server, workers)
        except serving.CannotServe as error:
            raise CommandError(str(error)) from error

    def _serve(self, sock: socket.socket, server: str, workers: int) -> None:
        # Late: a port that is taken is reported before anything slow is loaded.
        from webui import bootstrap
        from webui.serving import workers as processes
        from webui.serving.banner import print_banner

        with TemporaryDirectory(prefix="webui-metrics-") as folder:
            if workers > 1:
                env.export("PROMETHEUS_MULTIPROC_DIR", folder)  # where the processes' counters meet; read on import
            # In a process of its own: what it loads to migrate and to list models goes with it, and this one can be
            # forked, owning no thread and no connection. Meanwhile this one loads the site.
            prepared = processes.ChildProcess(lambda: bootstrap.run(self.stdout))
            application = serving.load()
            prepared.wait()
            static.read_manifest()
            descriptors.raise_limit()
            processes.ChildProcess(lambda: print_banner(self.stdout, sock, server, workers)).wait()
            if workers == 1:
                serving.run(server, application, sock)
            else:
                processes.Workers(workers, lambda: serving.run(server, application, sock), sock.close).run()
