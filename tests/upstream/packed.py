"""Compressed responses to requests that asked for identity."""

import gzip
import zlib
from collections.abc import Callable
from functools import lru_cache, partial

import brotli
from backports import zstd

from tests.upstream.replies import Reply, Step


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


# The value of Content-Encoding, and how the bytes come about.
PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "two gzip files": ("gzip", lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", _raw_deflate),
    "br": ("br", partial(brotli.compress, quality=5)),
    "zstd": ("zstd", zstd.compress),
    "two zstd frames": ("zstd", lambda data: zstd.compress(data[:5]) + zstd.compress(data[5:])),
    "gzip in br": ("gzip, br", lambda data: brotli.compress(gzip.compress(data), quality=5)),
    "identity": ("identity", bytes),
    "a charset": ("utf-8", bytes),
}


def packed(reply: Reply, name: str) -> Reply:
    """The answer in this compression; in one piece or, where it came in steps, in small ones."""
    encoding, pack = PACKINGS[name]
    headers = {**dict(reply.header_pairs()), "Content-Encoding": encoding}
    if reply.steps is None:
        return reply.with_(headers=headers, body=pack(reply.body))
    data = pack(b"".join(_bytes(step) for step in reply.steps))
    return reply.with_(headers=headers, steps=[data[at : at + 20] for at in range(0, len(data), 20)])


def _bytes(step: Step) -> bytes:
    assert isinstance(step, str | bytes)
    return step.encode() if isinstance(step, str) else step


@lru_cache(maxsize=16)
def bomb(name: str, megabytes: int = 100) -> Reply:
    """A small body that unpacks to this many megabytes."""
    encoding, pack = PACKINGS[name]
    data = pack(b"x" * megabytes * 2**20)
    return Reply(200, {"Content-Type": "application/json", "Content-Encoding": encoding}, data)


BOMBS = ("gzip", "deflate", "br", "zstd", "gzip in br")
