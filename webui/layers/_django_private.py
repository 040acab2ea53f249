"""Private names of Django's static files.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin

# How Django finds the imports of ES modules. It has an own storage for them (`support_js_module_import_aggregation`),
# which rewrites every package's scripts; we rewrite ours alone.
MODULE_IMPORTS: Any = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]
