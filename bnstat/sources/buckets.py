"""Files of S3 servers. botocore and s3fs are used only here.

s3fs takes an answer for what was asked whatever its ContentRange says; so the requests for bytes are made here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from bnstat.sources.patience import Patience
from bnstat.sources.ranges import Answer, Ask, PassingError, Version, WrongAnswerError

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_BEYOND = ("InvalidRange", "416")


def options(patience: Patience) -> dict[str, Any]:
    """Return the arguments of a file system that waits so long."""
    limits = {"connect_timeout": patience.connect_s, "read_timeout": patience.silence_s}
    return {"config_kwargs": {**limits, "retries": {"mode": "standard", "total_max_attempts": patience.tries}}}


def asking(file_system: object, path: str) -> Ask:
    """Return what asks an S3 server for bytes of a file. botocore tries a request several times, so it is made once."""
    from botocore.exceptions import ClientError, HTTPClientError
    from s3fs.errors import translate_boto_error

    system: Any = file_system
    bucket, key, version = system.split_path(path)
    given = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}

    async def ask(start: int, end: int) -> Answer:
        await system.set_session()
        client = await system.get_s3(bucket)
        try:
            told = await client.get_object(**given, Range=f"bytes={start}-{end - 1}", **getattr(system, "req_kw", {}))
        except ClientError as error:
            said = error.response.get("Error", {})
            if said.get("Code") in _BEYOND:
                size = str(said.get("ActualObjectSize", ""))
                return _end_of_file(start, int(size) if size.isdecimal() else None)
            raise translate_boto_error(error) from error
        try:
            return _answer(told, _reader(told["Body"], HTTPClientError))
        except BaseException:
            told["Body"].close()
            raise

    return ask


async def _nothing(_: int) -> bytes:
    return b""


def _end_of_file(at: int, size: int | None) -> Answer:
    return Answer(at, at, False, Version(size), "", _nothing, lambda: None)


def _answer(told: dict[str, Any], read: Callable[[int], Awaitable[bytes]]) -> Answer:
    """Return what a server's answer has of a file.

    Raises:
        WrongAnswerError: if it contradicts itself.
    """
    length, said = told.get("ContentLength"), told.get("ContentRange")
    changed = told.get("LastModified")
    tag, when = told.get("ETag"), None if changed is None else str(changed)
    close = told["Body"].close
    coding = str(told.get("ContentEncoding") or "").lower()
    coding = coding if "gzip" in coding else ""
    if said is None:  # a server without ranges
        return Answer(0, length, True, Version(length, tag, when), coding, read, close)
    found = _RANGE.fullmatch(str(said))
    start, end, size = (int(found[1]), int(found[2]) + 1, int(found[3])) if found is not None else (0, 0, 0)
    if found is None or not start < end <= size or (length is not None and length != end - start):
        raise WrongAnswerError(
            f"its server's answer contradicts itself (Content-Range: {str(said)[:60]!r}, Content-Length: {length}); "
            "copy the file here by another program and give the copy"
        )
    return Answer(start, end, False, Version(size, tag, when), coding, read, close)


def _reader(of_answer: object, failed: type[Exception]) -> Callable[[int], Awaitable[bytes]]:
    """Return what reads bytes of a body, whose failures are passing ones."""
    import aiohttp

    body: Any = of_answer

    async def read(size: int) -> bytes:
        try:
            return bytes(await body.read(size))
        except (aiohttp.ClientError, OSError, failed) as error:
            raise PassingError("the connection was cut") from error
        except Exception as error:
            if "IncompleteRead" in type(error).__name__ or "Timeout" in type(error).__name__:
                raise PassingError("the connection was cut") from error
            raise

    return read
