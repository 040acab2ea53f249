"""The reasons for which a worker does not do a task. Imports nothing: workers read it too."""

UNREADABLE = "unreadable"  # damaged, or not what it says it is
TOO_LARGE = "too_large"  # it needs more time or memory than one file may take
TOO_MANY_PIXELS = "too_many_pixels"
FAULT = "fault"  # a mistake of ours
NO_HEIF = "no_heif"  # the plugin for HEIC is not installed
PROTECTED = "protected"  # a PDF that asks for a password
NO_MEMORY = 12  # the exit status of a worker that has no memory left for a request or an answer


class NotDecoded(Exception):
    """`code` is one of the above."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OutOfTime(BaseException):
    """Raised when a task has used the soft part of its time. Not an Exception, because libraries catch those."""
