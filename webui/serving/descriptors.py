"""The limit of open files and sockets: it is raised, because each call to a provider takes two."""

import logging
import resource

MOST = 1_048_576  # used without a hard limit: Linux's own maximum (fs.nr_open)

logger = logging.getLogger(__name__)


def raise_limit() -> None:
    """Raise this process's soft limit, which its children inherit, to the hard one, and log how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else hard
    if soft not in (wanted, resource.RLIM_INFINITY):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError) as error:
            logger.warning("The limit of open files stays at %s: %s", soft, error)
            return
    logger.info("Open files and sockets: %s at most", f"{wanted:,}")
