"""Fills a fresh installation: a person with a key, a connection to the upstream, the model `bench`.

`python -m benchmarks.prepare UPSTREAM_URL` prints the key, alone on the last line. It runs as a process of its own, so
that the load program never loads Django.
"""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.settings")


def main() -> None:
    import django

    django.setup()

    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from providers.models import ChatModel, Connection, ModelSource

    call_command("bootstrap")
    get_user_model().objects.create_user("bench@example.com", None)
    connection = Connection.objects.create(name="Bench", base_url=sys.argv[1], secret="upstream-key")
    model = ChatModel.objects.create(public_id="bench")
    ModelSource.objects.create(model=model, connection=connection, upstream_id="bench")
    call_command("create_api_key", "bench@example.com")


if __name__ == "__main__":
    main()
