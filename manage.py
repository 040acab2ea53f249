#!/usr/bin/env python
"""Django's command line for this site."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import InterfaceError, OperationalError
    except ImportError:
        sys.exit("Django is not installed here. Run `make install`, then use .venv/bin/python manage.py …")
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, InterfaceError) as error:  # locked, or away: whoever reads this needs no traceback
        if "--traceback" in sys.argv:
            raise
        if "no such table" in str(error):
            sys.exit("The tables are not made yet. Run `manage.py bootstrap` first.")
        sys.exit(f"The database did not answer ({error}). Try again in a moment; if it stays so, look at DATABASE_URL.")
    except ImproperlyConfigured as error:  # a variable that cannot be read: its name is in the message
        sys.exit(f"Configuration: {error}")


if __name__ == "__main__":
    main()
