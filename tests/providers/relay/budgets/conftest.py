"""Two processes that spend budgets, of one installation with Redis, a mail server and a webhook."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass, field

import pytest
import redis

from tests.fixtures.process import ROOT
from tests.providers.relay.budgets.receivers import MailServer, Webhook


@dataclass
class Spenders:
    """The processes, and what reached their mail server and their webhook."""

    processes: list[subprocess.Popen]
    mails: MailServer
    webhook: Webhook
    redis_url: str
    prefix: str = field(default_factory=lambda: f"spenders-{uuid.uuid4()}")

    def ask(self, *orders):
        """The answers of the processes; both work at once."""
        for process, order in zip(self.processes, orders, strict=False):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        answers = [process.stdout.readline() for process, _order in zip(self.processes, orders, strict=False)]
        return [json.loads(answer) for answer in answers]

    def spend(self, calls, *, budget=0, person=1, **order):
        """Have the processes make these calls: (process, estimate, really used); returns what they used."""
        given = {"email": "alice@example.com", "prefix": self.prefix, "budget": budget, "person": person, **order}
        orders = [{**given, "calls": [call[1:] for call in calls if call[0] == which]} for which in (0, 1)]
        return [amount for answer in self.ask(*orders) for amount in answer["used"]]

    def counter(self):
        """What the only counter of this prefix says was spent and is reserved."""
        with redis.Redis.from_url(self.redis_url, decode_responses=True) as client:
            keys = list(client.scan_iter(f"{self.prefix}:budget:*"))
            assert len(keys) <= 1
            fields = client.hgetall(keys[0]) if keys else {"s": 0}
        spent = int(fields.pop("s"))
        return spent, sum(int(value) for value in fields.values())

    def end(self):
        """Have the processes end by themselves: what they were about to send is sent."""
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            assert process.wait(60) == 0


@pytest.fixture
def spenders(tmp_path, prepared_tables, redis_url):
    shutil.copy(prepared_tables, tmp_path / "db.sqlite3")
    with MailServer() as mails, Webhook() as webhook:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "webui.settings",
            "DATA_DIR": str(tmp_path),
            "REDIS_URL": redis_url,
            "EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            "BUDGET_WEBHOOK_URL": webhook.url,
        }
        command = [sys.executable, "-m", "tests.providers.relay.budgets.spender"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes = [subprocess.Popen(command, cwd=ROOT, env=env, **pipes) for _ in range(2)]
        yield Spenders(processes, mails, webhook, redis_url)
        webhook.gate.set()
        for process in processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
