"""Sizes of latent diffusion models: both sides are multiples of 8, because a latent's pixel is 8 of the picture's.

AUTOMATIC1111 rounds down without saying so.
"""

from imagegen.engines.events import Notice
from providers.sentences import sentence as _

STEP = 8


def nearest(side: int) -> int:
    """The nearest side that can be drawn."""
    return max(STEP, (side + STEP // 2) // STEP * STEP)


def notice(drawn: str, requested: str) -> Notice:
    """Tells the person that another size is drawn than the requested one."""
    sizes = {"step": STEP, "drawn": drawn, "requested": requested}
    return Notice(_("This server draws sizes in multiples of %(step)d: %(drawn)s instead of %(requested)s.") % sizes)
