"""The limits on pictures that the chat model itself made: their number and size in one answer."""

from dataclasses import dataclass

from providers.upstream import sse

MAX_PICTURES = 20  # of an answer
MAX_SIZE = 2 * sse.LONGEST_PICTURE  # characters of their data URLs, and bytes of those that were fetched


@dataclass(slots=True)
class PictureAllowance:
    """The pictures that an answer has taken so far."""

    pictures: int = 0
    size: int = 0
    is_told: bool = False  # the person knows that some were left out

    @property
    def room(self) -> int:
        """The number of bytes that are still accepted."""
        return max(0, MAX_SIZE - self.size)

    def takes(self, url: str) -> bool:
        """Count a picture and the length of its URL; False if there is no room for it.

        Code that fetches the picture from the URL adds its bytes to `size` itself.
        """
        if self.pictures >= MAX_PICTURES or len(url) > self.room:
            return False
        self.pictures += 1
        self.size += len(url)
        return True
